"""The runs that W&B has recorded offline and that belong to a study: what there is to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths, store
from pipeline.tracking import client, identity, reader


@dataclass(frozen=True)
class Wanted:
    """A run that a study's results come from."""

    id: str
    name: str
    job_type: str


@dataclass(frozen=True)
class Recorded:
    """A run as it was recorded; `begins` is the first step with numbers, None if there is none."""

    folder: Path
    id: str
    name: str
    group: str
    job_type: str
    begins: int | None
    size: int

    @property
    def mark(self) -> Path:
        """The file that W&B leaves when it has sent the run."""
        return self.folder / f"run-{self.id}.wandb.synced"

    @property
    def synced(self) -> bool:
        """Has it been sent?"""
        return self.mark.is_file()


def training_id(origin: Mapping[str, Any]) -> str:
    """W&B's id of a training: the one that it asked for, from the provenance of its results."""
    return client.run_id("train", identity.of_training(origin))


def wanted(study: str, runs: list[str]) -> list[Wanted]:
    """The W&B runs of a study: one for each training that has ended, and that of the figures and headline numbers.

    Args:
        study: its name.
        runs: the names of its trainings.
    """
    found = []
    for name in runs:
        if (path := paths.summary(study, name)).is_file():
            found.append(Wanted(training_id(store.provenance_of(path)), name, "train"))
    if (path := paths.tracked(study)).is_file():
        found += [Wanted(run["id"], run["name"], run["job_type"]) for run in store.read_json(path)["runs"]]
    return found


def newest(folder: Path, id: str) -> Recorded | None:
    """The newest offline record of a run; None if there is none. Older ones are of the same content, or cut short.

    Raises:
        store.DamagedFileError: if its file is none of W&B's, or of another run.
    """
    places = sorted(folder.glob(f"offline-run-*-{id}"))  # their names begin with the time
    return read(places[-1]) if places else None


def read(folder: Path) -> Recorded:
    """What a folder `offline-run-<time>-<id>` holds.

    Raises:
        store.DamagedFileError: if there is no file of W&B's in it, or one of another run.
    """
    id = folder.name.rpartition("-")[2]
    file = folder / f"run-{id}.wandb"
    if not file.is_file():
        raise store.DamagedFileError(f"{folder}: expected {file.name} in it, found none; remove the folder")
    run, begins = None, None
    for record in reader.records(file):
        kind = record.WhichOneof("record_type")
        if kind == "run" and run is None:
            run = record.run
        if kind == "history":
            begins = _step(record.history)
            break
    if run is None or run.run_id != id:
        raise store.DamagedFileError(
            f"{file}: expected run {id}, found {run.run_id if run else 'none'}; remove {folder}"
        )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.parent.name != "logs")
    return Recorded(folder, id, run.display_name, run.run_group, run.job_type, begins, size)


def _step(history: Any) -> int | None:
    for item in history.item:
        if reader.STEP in (item.key, *item.nested_key):
            return int(float(item.value_json))
    return None
