"""A study's runs, and the offline records of them that can be uploaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths, run_summaries, store
from pipeline.tracking import client, identity, reader
from pipeline.tracking.reader import OfflineRun


@dataclass(frozen=True)
class ExpectedRun:
    """A W&B run that a study's results come from."""

    id: str
    name: str
    job_type: str


def training_id(origin: Mapping[str, Any]) -> str:
    """The W&B id that a training asked for, from the provenance of its results."""
    return client.run_id("train", identity.of_training(origin))


def expected(study: str, blocks: Iterable[str]) -> list[ExpectedRun]:
    """A study's W&B runs: one for each training that has ended, and one with the figures and headline numbers.

    Args:
        study: the study's name.
        blocks: the names of its blocks.
    """
    found = []
    for block in blocks:
        for name, ended in run_summaries.read(paths.summary(study, block)).items():
            found.append(ExpectedRun(training_id(ended[store.PROVENANCE]), name, "train"))
    if (path := paths.tracked(study)).is_file():
        found += [ExpectedRun(run["id"], run["name"], run["job_type"]) for run in store.read_json(path)["runs"]]
    return found


def newest_offline(folder: Path, id: str) -> OfflineRun | None:
    """The newest offline record of a run, None if there is none. Older ones have the same content or are truncated.

    Args:
        folder: W&B's folder.
        id: W&B's id of the run.

    Raises:
        store.DamagedFileError: as `read_folder`.
    """
    places = sorted(folder.glob(f"offline-run-*-{id}"))  # the names begin with the time
    return read_folder(places[-1]) if places else None


def read_folder(folder: Path) -> OfflineRun:
    """Read the run in a folder `offline-run-<time>-<id>`.

    Raises:
        store.DamagedFileError: if the folder has no file of W&B's, a damaged one, or that of another run.
    """
    id = folder.name.rpartition("-")[2]
    file = folder / f"run-{id}.wandb"
    if not file.is_file():
        raise store.DamagedFileError(f"{folder}: expected {file.name} in it, found none; remove the folder")
    run = reader.read(file)
    if run.id != id:
        raise store.DamagedFileError(f"{file}: expected run {id}, found {run.id}; remove {folder}")
    return run
