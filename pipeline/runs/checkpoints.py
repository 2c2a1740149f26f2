"""What an unfinished run keeps so that it can go on after a kill: whole, checked, two generations deep.

Written every so many seconds, and at once when a signal asks the job to end. Nothing that decides a number is in here.
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

from pipeline.results import store

SECONDS = 60.0
SECONDS_VARIABLE = "PIPELINE_CHECKPOINT_SECONDS"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # of schedulers, of Ctrl-C, and of SLURM before a time limit
SIGNALLED = 128  # shells add the signal's number to it
DECIDE = ("settings", "code", "inputs", "lock", "versions")  # of the provenance: what has to be the same to go on

Arrays = dict[str, ndarray]


class Checkpoints:
    """The checkpoints of one run, between its start and its end; in a `with` block signals are caught."""

    def __init__(self, path: Path, origin: Mapping[str, Any], *, seconds: float | None = None) -> None:
        """Keep checkpoints at `path`.

        Args:
            path: of the newest one; the one before it stands beside it.
            origin: the run's provenance, which each checkpoint carries.
            seconds: between two checkpoints; PIPELINE_CHECKPOINT_SECONDS, or else a minute, by default.

        Raises:
            ValueError: if that variable is no number.
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
        """The newest checkpoint that is whole and of this run; None, and the reason printed, if there is none.

        A damaged one is set aside under another name, so that it can be looked at.
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
            SystemExit: after that, if a signal has asked for the job's end.
        """
        if self._asked is None and time.monotonic() - self._last < self.seconds:
            return
        self.save(state())
        if self._asked is not None:
            name = signal.Signals(self._asked).name
            print(f"{name}: stopped; what is needed to go on is in {self.path}", flush=True)
            raise SystemExit(SIGNALLED + self._asked)

    def save(self, state: Mapping[str, ndarray]) -> None:
        """Write a checkpoint; the one before it stays, until the next."""
        store.write_arrays(self.coming, state, self.origin)
        if self.path.is_file():
            self.path.replace(self.previous)  # killed here, the next start finds this one
        self.coming.replace(self.path)
        self._last = time.monotonic()

    def done(self) -> None:
        """Forget all of it: the run has ended, and its results are written."""
        for path in (self.path, self.previous, self.coming):
            path.unlink(missing_ok=True)


def _seconds() -> float:
    given = os.environ.get(SECONDS_VARIABLE)
    try:
        return float(given) if given else SECONDS
    except ValueError:
        raise ValueError(f"{SECONDS_VARIABLE}: found {given!r}, expected a number of seconds") from None


def _free(path: Path) -> Path:
    """`path`, or that with a number if there is one of that name."""
    numbered = (path.with_name(f"{path.name}{number}") for number in range(1, 1000))
    return next(each for each in (path, *numbered) if not each.exists())
