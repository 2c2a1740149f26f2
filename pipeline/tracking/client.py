"""Record a job's runs with Weights & Biases in child processes, so that no fault of W&B stops or delays the job.

One process records all runs of a job offline, in any mode (`recorder.py`). If WANDB_MODE is `online`, another one sends
the numbers meanwhile (`live.py`), which can't affect the record. Logging never blocks; at its end the job waits for
some seconds at most. With `disabled` no process is started and no file is written.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.tracking import metric_names
from pipeline.tracking.limits import Limits
from pipeline.tracking.recorder import Recorder, Status
from pipeline.tracking.run_content import Opening

PROJECT = "synthetic-gradients"
DIRECTORY = Path("wandb")


class Tracker:
    """A job's handle of a W&B run. No method raises, and only `finish` of the job's last run waits."""

    def __init__(self, recorder: Recorder | None, run: int = 0) -> None:
        self.recorder = recorder
        self._run = run
        self._defined: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish("finished" if kind is None else "failed")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Record numbers at a step; steps must not decrease. Each name is defined when it first occurs."""
        for name in [name for name in numbers if name not in self._defined]:
            self._defined.add(name)
            self._send("define", lambda name=name: {"name": name, "kept": metric_names.kept(name)})
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

    def artifact(self, name: str, files: Mapping[str, Path], metadata: Mapping[str, Any]) -> None:
        """Record an artifact of results as the run's output.

        Args:
            name: the artifact's name.
            files: its files, by their names in it.
            metadata: what describes it.
        """
        found = {inside: str(Path(path).absolute()) for inside, path in files.items()}
        self._send("artifact", lambda: {"name": name, "files": found, "metadata": dict(metadata)})

    def finish(self, status: Status = "finished") -> None:
        """End the run. W&B learns of it at the end of the job's last run, which waits for W&B up to the limit."""
        if self.recorder:
            self.recorder.end(self._run, status)

    def _send(self, kind: str, content: Any) -> None:
        if self.recorder:
            self.recorder.send(self._run, kind, content)


@contextlib.contextmanager
def start_all(
    openings: Sequence[Opening], *, study: str, directory: Path = DIRECTORY, limits: Limits | None = None
) -> Iterator[dict[str, Tracker]]:
    """Start runs that one process records side by side, and end them together.

    Args:
        openings: the runs.
        study: the study's name, for the command that sends them.
        directory: W&B's folder, a path that ends in `wandb`; the variable WANDB_DIR has precedence.
        limits: how long the end may wait, for all runs together.

    Yields:
        The trackers by the runs' names.

    Raises:
        ValueError: if two runs have the same name.
    """
    names = [opening.name for opening in openings]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"tracking: found several runs named {', '.join(twice)}, expected different names")
    with contextlib.ExitStack() as stack:
        trackers = _start(openings, study=study, directory=directory, limits=limits or Limits(), how=mode())
        yield {name: stack.enter_context(tracker) for name, tracker in zip(names, trackers, strict=True)}


def start(
    opening: Opening,
    *,
    study: str,
    directory: Path = DIRECTORY,
    limits: Limits | None = None,
    how: str | None = None,
) -> Tracker:
    """Start a job's only run in the background; returns at once.

    Args:
        opening: the run.
        study: as for `start_all`.
        directory: as for `start_all`.
        limits: as for `start_all`.
        how: W&B's mode; by default that of WANDB_MODE.
    """
    (tracker,) = _start([opening], study=study, directory=directory, limits=limits or Limits(), how=how or mode())
    return tracker


def _start(openings: Sequence[Opening], *, study: str, directory: Path, limits: Limits, how: str) -> list[Tracker]:
    recorder = None
    if openings and how != "disabled":
        common = {"project": project(), "directory": str(Path(directory).absolute())}
        names = [opening.name for opening in openings]
        recorder = Recorder.launch(names, common, study=study, online=how == "online", limits=limits)
    trackers = [Tracker(recorder, run) for run in range(len(openings))]
    for tracker, opening in zip(trackers, openings, strict=True):
        tracker._send("start", opening.content)
    return trackers


def mode() -> str:
    """The value of WANDB_MODE, by default `offline`."""
    return os.environ.get("WANDB_MODE") or "offline"


def project() -> str:
    """The W&B project that runs are recorded for."""
    return os.environ.get("WANDB_PROJECT") or PROJECT
