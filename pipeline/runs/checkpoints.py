"""Checkpoints of an unfinished run, so that it can continue after a kill: checksummed, the newest two kept.

They are written at intervals, and at once when a signal asks the job to end. Nothing here affects a number.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from numpy import ndarray

from pipeline.errors import SettingError
from pipeline.results import store

SECONDS = 60.0
SECONDS_VARIABLE = "PIPELINE_CHECKPOINT_SECONDS"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # schedulers, Ctrl-C, SLURM shortly before a time limit
SIGNALLED = 128  # as in a shell: the exit code is this plus the signal's number
DECIDE = (
    "settings",
    "code",
    "inputs",
    "lock",
    "versions",
)  # entries of the provenance that must be the same to continue

Arrays = dict[str, ndarray]


class Checkpoints:
    """The checkpoints of one run until it has ended; signals are caught in a `with` block."""

    def __init__(self, path: Path, origin: Mapping[str, Any], *, seconds: float | None = None) -> None:
        """Keep checkpoints at `path`.

        Args:
            path: of the newest checkpoint; the one before it is kept in the same folder.
            origin: the run's provenance, which each checkpoint carries.
            seconds: between two checkpoints; by default PIPELINE_CHECKPOINT_SECONDS, or a minute if it isn't set.

        Raises:
            SettingError: if that variable is not a number.
        """
        self.path, self.origin = path, origin
        self.previous, self.coming = (path.with_name(f"{path.stem}.{age}{path.suffix}") for age in ("previous", "next"))
        self.seconds = _seconds() if seconds is None else seconds
        self._last = time.monotonic()
        self._asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = number

    def newest(self) -> Arrays | None:
        """The newest undamaged checkpoint of this run; None if there is none. The reasons for rejections are printed.

        A damaged file is renamed, so that it can be inspected.
        """
        for path in (self.path, self.previous):
            if not path.is_file():
                continue
            try:
                origin, found = store.provenance_of(path), store.read_arrays(path)
            except (store.DamagedFileError, ValueError) as error:
                aside = _free(path.with_name(path.name + ".damaged"))
                path.rename(aside)
                print(f"{path}: damaged, set aside as {aside.name}, not used: {error}", flush=True)
                continue
            other = [name for name in DECIDE if origin.get(name) != self.origin.get(name)]
            if not other:
                return found
            print(f"{path}: from other {', other '.join(other)}, not used", flush=True)
        return None

    def after_step(self, state: Callable[[], Arrays]) -> None:
        """Write a checkpoint if one is due.

        Raises:
            SystemExit: after writing it, if a signal has asked the job to end.
        """
        if self._asked is None and time.monotonic() - self._last < self.seconds:
            return
        self.save(state())
        if self._asked is not None:
            name = signal.Signals(self._asked).name
            print(f"{name}: stopped; what is needed to go on is in {self.path}", flush=True)
            raise SystemExit(SIGNALLED + self._asked)

    def save(self, state: Mapping[str, ndarray]) -> None:
        """Write a checkpoint; the one before it is kept until the next."""
        store.write_arrays(self.coming, state, self.origin)
        if self.path.is_file():
            self.path.replace(self.previous)  # if the job is killed here, the next start finds this one
        self.coming.replace(self.path)
        self._last = time.monotonic()

    def done(self) -> None:
        """Delete all checkpoints: the run has ended, and its results are written."""
        for path in (self.path, self.previous, self.coming):
            path.unlink(missing_ok=True)


def _seconds() -> float:
    given = os.environ.get(SECONDS_VARIABLE)
    try:
        return float(given) if given else SECONDS
    except ValueError:
        raise SettingError(f"{SECONDS_VARIABLE}: found {given!r}, expected a number of seconds") from None


def _free(path: Path) -> Path:
    """`path`, or `path` with a number appended if it exists."""
    numbered = (path.with_name(f"{path.name}{number}") for number in range(1, 1000))
    return next(each for each in (path, *numbered) if not each.exists())
