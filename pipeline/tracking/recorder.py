"""The child processes that record and send a job's runs, as the job sees them.

The job writes its commands, JSON lines, to a file and is never kept waiting. The recording process (`worker.py`) reads
them, imports W&B and records every run of the job offline. In mode `online`, another process (`live.py`) reads the same
file and sends the numbers. At its end the job waits for both at once, up to their limits. What then isn't sent is given
up; what isn't recorded yet, on a busy machine, is recorded by the process after the job. Problems are told in one line.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, Self

from pipeline.results.secrets import scrub
from pipeline.tracking.child import Child
from pipeline.tracking.limits import Limits

WORKER = Path(__file__).with_name("worker.py")
LIVE = "pipeline.tracking.live"
MAX_PROBLEMS = 5
MAX_PROBLEM = 300  # characters
MAX_PLACES = 5
TAG = re.compile(r"<[^>]*>")

Status = Literal["finished", "failed"]
Content = Callable[[], Mapping[str, Any]]


class Recorder:
    """The processes of a job's runs, which are numbered from 0. Only the end of the last run waits."""

    def __init__(
        self, names: Sequence[str], spool: IO[bytes], record: Child, live: Child | None, *, study: str, limits: Limits
    ) -> None:
        self.record, self.live = record, live
        self._names, self._study, self._limits = names, study, limits
        self._spool = spool
        self._codes: dict[int, int] = {}  # exit codes of the runs that have ended
        self._problems: list[tuple[int | None, str]] = []  # None: a problem of all runs
        self._folders: dict[int, str] = {}
        self._recorded: set[int] = set()

    @classmethod
    def launch(
        cls, names: Sequence[str], opening: Mapping[str, Any], *, study: str, online: bool, limits: Limits
    ) -> Self | None:
        """Start the processes; None, after a warning, if they can't be started.

        Args:
            names: the runs' display names, in the order of their numbers.
            opening: what all runs have in common.
            study: the study's name, for the command that sends its runs.
            online: whether to send the numbers, too.
            limits: how long the end of the last run may wait.
        """
        try:
            handle, path = tempfile.mkstemp(prefix="tracking-", suffix=".jsonl")
            os.close(handle)
            spool = Path(path).open("wb")  # noqa: SIM115 (until the last run ends)
            # -P: neither the folder `wandb` in the working directory nor this package may hide installed modules.
            record = Child.start([sys.executable, "-P", str(WORKER), path, f"{limits.orphan}"])
            live = Child.start([sys.executable, "-P", "-m", LIVE, path, f"{limits.live}"]) if online else None
        except OSError as error:
            _say("warning", f"W&B's process can't be started: {error}; nothing was recorded; the job is not affected")
            return None
        recorder = cls(names, spool, record, live, study=study, limits=limits)
        recorder._put("open", lambda: {"runs": len(names), **opening}, None)
        return recorder

    def send(self, run: int, kind: str, content: Content) -> None:
        """Send a line of a run that has not ended; never waits or raises."""
        if run not in self._codes:
            self._put(kind, content, run)

    def end(self, run: int, status: Status) -> None:
        """End a run. At the last one, wait up to the limits, and report the problems."""
        if run in self._codes:
            return
        self._codes[run] = 0 if status == "finished" else 1
        if len(self._codes) == len(self._names):
            self._finish()

    def _put(self, kind: str, content: Content, run: int | None) -> None:
        try:
            self._spool.write(_line(kind, run, content()))
            self._spool.flush()
        except Exception as error:  # neither a value passed by a caller nor a full disk may fail the job
            self._problems.append((run, f"{kind} is not recorded: {type(error).__name__}: {error}"))

    def _finish(self) -> None:
        began = time.monotonic()
        for run, code in self._codes.items():
            self._put("finish", lambda code=code: {"code": code}, run)
        with contextlib.suppress(OSError):
            self._spool.close()
        try:
            network = self._limits.network
            if self.live and not self.live.wait(network):
                self._problems.append((None, f"W&B's server had not answered everything after {network:g} s"))
            finished = self.record.wait(began + self._limits.record - time.monotonic())
        finally:
            if self.live:
                self.live.kill()
                self.live.let_go()
            self.record.let_go()
        self._collect(finished)
        self._report()

    def _collect(self, finished: bool) -> None:
        """Take over the processes' reports, and remove what a process that was killed has left."""
        self._take(self.live.reports() if self.live else [], remove=True)
        self._take(self.record.reports(), remove=finished)
        if not finished:
            limit, orphan = self._limits.record, self._limits.orphan
            text = f"W&B had not recorded everything after {limit:g} s; its process goes on for {orphan:g} s at most"
            self._problems.append((None, text))
            return
        if code := self.record.process.returncode:
            self._problems.append((None, f"W&B's process ended by itself with code {code}"))
        Path(self._spool.name).unlink(missing_ok=True)

    def _take(self, reports: Iterable[Mapping[str, Any]], *, remove: bool) -> None:
        for report in reports:
            match report:
                case {"run": run, "problem": problem}:
                    self._problems.append((run, problem))
                case {"run": run, "folder": folder}:
                    self._folders[run] = folder
                case {"run": run, "recorded": _}:
                    self._recorded.add(run)
                case {"temporary": folder} if remove:
                    shutil.rmtree(folder, ignore_errors=True)

    def _report(self) -> None:
        """Say in one line what went wrong, where the records are, and which command sends the rest."""
        if not self._problems and not self.live:
            return
        command = f"`python -m pipeline publish --study {self._study}`"
        parts = [*self._described(), *self._places()]
        if self._problems:
            parts += [f"{command} completes and sends the runs", "the job is not affected"]
        else:
            parts.append(f"{command} checks what W&B has, and sends the rest")
        _say("warning" if self._problems else "note", "; ".join(parts))

    def _described(self) -> list[str]:
        """The different problems, each with the names of its runs unless it is a problem of all."""
        runs: dict[str, set[int | None]] = {}
        for run, problem in self._problems:
            runs.setdefault(_brief(problem), set()).add(run)
        parts = []
        for problem, whose in list(runs.items())[:MAX_PROBLEMS]:
            named = sorted(run for run in whose if run is not None)
            shared = None in whose or len(named) == len(self._names)
            parts.append(problem if shared else f"{self._listed(named)}: {problem}")
        return parts

    def _places(self) -> list[str]:
        """Where the records are, and of which runs there is none."""
        everything = range(len(self._names))
        groups = {
            "recorded in": [self._folders[run] for run in everything if run in self._recorded],
            "recorded in part in": [
                folder for run, folder in self._folders.items() if run not in self._recorded and run in everything
            ],
        }
        parts = [f"{what} {_some(places)}" for what, places in groups.items() if places]
        lost = [run for run in everything if run not in self._folders]
        if lost:
            of = f" of {self._listed(lost)}" if len(lost) < len(self._names) else ""
            parts.append(f"nothing was recorded{of}")
        return parts

    def _listed(self, runs: Iterable[int]) -> str:
        return ", ".join(_brief(str(self._names[run])) for run in runs)


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
    return ", ".join(places[:MAX_PLACES]) + more


def _line(kind: str, run: int | None, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"do": kind, "run": run, "at": time.time(), **content}, default=_jsonable).encode() + b"\n"


def _jsonable(value: Any) -> Any:
    """An array or tensor as Python numbers; any other value as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _say(kind: str, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"{kind}: tracking: {text}", file=sys.stderr, flush=True)


def _brief(problem: str) -> str:
    page = "<html" in problem.lower()  # some servers answer with a page
    text = " ".join((TAG.sub(" ", scrub(problem)) if page else scrub(problem)).split())
    return text if len(text) <= MAX_PROBLEM else text[: MAX_PROBLEM - 1] + "…"
