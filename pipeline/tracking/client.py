"""Record a job's runs with Weights & Biases in a child process, so that no fault of W&B stops or delays the job.

One process records all runs of a job (`recorder.py`). Logging never blocks; at its end the job waits for W&B for some
seconds at most. Runs are recorded offline unless WANDB_MODE is `online`; with `disabled` no process is started and no
file is written.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.tracking.recorder import Recorder, Status

PROJECT = "synthetic-gradients"
DIRECTORY = Path("wandb")
LIMIT_SECONDS = 15.0
ID_LENGTH = 16


@dataclass(frozen=True)
class Opening:
    """What W&B is told of a run at its start.

    Attributes:
        name: the run's display name.
        group: the W&B group, which stands for the study.
        job_type: the stage.
        config: the run's settings.
        identity: a hash of everything that the run depends on. Runs with the same identity and job type have the same
            W&B id, so that a later run replaces an earlier one.
        tags: words to filter runs by.
    """

    name: str
    group: str
    job_type: str
    config: Mapping[str, Any]
    identity: str
    tags: Sequence[str] = ()

    def content(self) -> dict[str, Any]:
        """What the child process needs to start the run."""
        return {
            "name": self.name,
            "group": self.group,
            "job_type": self.job_type,
            "tags": list(self.tags),
            "config": self.config,
            "id": run_id(self.job_type, self.identity),
        }


class Tracker:
    """A job's handle of a W&B run. No method raises, and only `finish` of the job's last run waits."""

    def __init__(self, recorder: Recorder | None, run: int = 0) -> None:
        self.recorder = recorder
        self._run = run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish("finished" if kind is None else "failed")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Record numbers at a step; steps must not decrease."""
        self._send("log", lambda: {"step": int(step), "numbers": {name: float(n) for name, n in numbers.items()}})

    def summary(self, values: Mapping[str, Any]) -> None:
        """Record values that describe the whole run."""
        self._send("summary", lambda: {"values": dict(values)})

    def figure(self, name: str, path: Path) -> None:
        """Record a picture (png)."""
        self._send("figure", lambda: {"name": name, "path": str(Path(path).absolute())})

    def table(self, name: str, table: Any) -> None:
        """Record a table: a pandas DataFrame, or the path of a parquet or csv file."""

        def content() -> dict[str, Any]:
            if isinstance(table, str | Path):
                return {"name": name, "path": str(Path(table).absolute())}
            split = json.loads(table.to_json(orient="split", double_precision=15))
            return {"name": name, "columns": [str(column) for column in split["columns"]], "data": split["data"]}

        self._send("table", content)

    def finish(self, status: Status = "finished") -> None:
        """End the run. W&B learns of it at the end of the job's last run, which waits for W&B up to the limit."""
        if self.recorder:
            self.recorder.end(self._run, status)

    def _send(self, kind: str, content: Any) -> None:
        if self.recorder:
            self.recorder.send(self._run, kind, content)


def start(
    *,
    name: str,
    group: str,
    job_type: str,
    config: Mapping[str, Any],
    identity: str,
    tags: Sequence[str] = (),
    directory: Path = DIRECTORY,
    limit: float = LIMIT_SECONDS,
) -> Tracker:
    """Start a job's only run in the background; returns at once. `Opening` and `start_all` explain the arguments."""
    opening = Opening(name, group, job_type, config, identity, tags)
    (tracker,) = _start([opening], directory=directory, limit=limit)
    return tracker


@contextlib.contextmanager
def start_all(
    openings: Sequence[Opening], *, directory: Path = DIRECTORY, limit: float = LIMIT_SECONDS
) -> Iterator[dict[str, Tracker]]:
    """Start runs that one process records side by side, and end them together.

    Args:
        openings: the runs.
        directory: W&B's folder, a path that ends in `wandb`; the variable WANDB_DIR has precedence.
        limit: seconds that the end may wait for W&B, for all runs together; at most 18.

    Yields:
        The trackers by the runs' names.

    Raises:
        ValueError: if two runs have the same name.
    """
    names = [opening.name for opening in openings]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"tracking: found several runs named {', '.join(twice)}, expected different names")
    with contextlib.ExitStack() as stack:
        trackers = _start(openings, directory=directory, limit=limit)
        yield {name: stack.enter_context(tracker) for name, tracker in zip(names, trackers, strict=True)}


def _start(openings: Sequence[Opening], *, directory: Path, limit: float) -> list[Tracker]:
    recorder = None
    if openings and mode() != "disabled":
        common = {
            "mode": mode(),
            "project": os.environ.get("WANDB_PROJECT") or PROJECT,
            "directory": str(Path(directory).absolute()),
        }
        recorder = Recorder.launch([opening.name for opening in openings], common, limit=limit)
    trackers = [Tracker(recorder, run) for run in range(len(openings))]
    for tracker, opening in zip(trackers, openings, strict=True):
        tracker._send("start", opening.content)
    return trackers


def mode() -> str:
    """The value of WANDB_MODE, by default `offline`."""
    return os.environ.get("WANDB_MODE") or "offline"


def run_id(job_type: str, identity: str) -> str:
    """The W&B id of a run."""
    return hashlib.sha256(f"{job_type}/{identity}".encode()).hexdigest()[:ID_LENGTH]
