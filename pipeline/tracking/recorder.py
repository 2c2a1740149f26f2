"""The child process that records runs with W&B, as a job sees it: it takes lines and is ended within a limit.

The child process (`worker.py`) imports W&B and records every run of the job; a thread of the job sends it JSON lines,
each with its run's number. Its problems are reported in one line on stderr.
"""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pipeline import environment
from pipeline.results.secrets import scrub

WORKER = Path(__file__).with_name("worker.py")
LONGEST_SECONDS = 18.0  # with starting and killing the child, a job loses less than 20 s
KILL_SECONDS = 1.0
QUEUE = 20_000  # lines per run that wait for a slow child; further ones are dropped and counted
MAX_PROBLEMS = 5
MAX_PROBLEM = 300  # characters
TAG = re.compile(r"<[^>]*>")

Status = Literal["finished", "failed"]
Content = Callable[[], Mapping[str, Any]]


class Recorder:
    """A child process that records runs, which are numbered from 0. Only the end of the last run waits."""

    def __init__(self, process: subprocess.Popen[bytes], names: Sequence[str], *, limit: float) -> None:
        self.process = process
        self.limit = min(limit, LONGEST_SECONDS)
        self.queue: queue.Queue[bytes | None] = queue.Queue(QUEUE * len(names))
        self._names = names
        self._codes: dict[int, int] = {}  # exit codes of the runs that have ended
        self._problems: list[tuple[int | None, str]] = []  # None: a problem of all runs
        self._folders: dict[int, str] = {}
        self._recorded: set[int] = set()
        self._dropped = 0
        threading.Thread(target=self._write, daemon=True).start()

    @classmethod
    def launch(cls, names: Sequence[str], opening: Mapping[str, Any], *, limit: float) -> Self | None:
        """Start the process; None, after a warning, if it can't be started.

        Args:
            names: the runs' display names, in the order of their numbers.
            opening: what all runs have in common.
            limit: seconds that the end of the last run may wait, at most 18.
        """
        try:
            # -P: neither the folder `wandb` in the working directory nor this package may hide installed modules.
            process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment.cleaned(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            _warn(_brief(f"W&B's process can't be started: {error}"), "; nothing was recorded")
            return None
        recorder = cls(process, names, limit=limit)
        recorder._put("open", lambda: {"runs": len(names), **opening}, None)
        return recorder

    def send(self, run: int, kind: str, content: Content) -> None:
        """Send a line of a run that has not ended; never waits or raises."""
        if run not in self._codes:
            self._put(kind, content, run)

    def end(self, run: int, status: Status) -> None:
        """End a run. At the last one, wait for W&B up to the limit, then kill it and report the problems."""
        if run in self._codes:
            return
        self._codes[run] = 0 if status == "finished" else 1
        if len(self._codes) == len(self._names):
            self._finish()

    def _put(self, kind: str, content: Content, run: int | None) -> None:
        try:
            self.queue.put_nowait(_line(kind, run, content()))
        except queue.Full:
            self._dropped += 1
        except Exception as error:  # no value passed by a caller may fail the job
            self._problems.append((run, f"{kind} is not recorded: {type(error).__name__}: {error}"))

    def _write(self) -> None:
        pipe = self.process.stdin
        while pipe and (line := self.queue.get()) is not None:
            with contextlib.suppress(OSError):  # the child has ended: `_finish` reports it; go on emptying the queue
                pipe.write(line)
                pipe.flush()
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()

    def _finish(self) -> None:
        deadline = time.monotonic() + self.limit
        late = False
        try:
            for line in (*(_line("finish", run, {"code": code}) for run, code in self._codes.items()), None):
                self.queue.put(line, timeout=max(0.0, deadline - time.monotonic()))
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except (queue.Full, subprocess.TimeoutExpired):
            late = True
            self._problems.append((None, f"W&B had not finished after {self.limit:g} s and was ended"))
        finally:
            self._kill()
            temporary = self._collect()
            for folder in temporary if self.process.returncode else ():
                shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(queue.Full):
                self.queue.put(None, timeout=KILL_SECONDS)  # for a writer that was blocked until the kill
        if self.process.returncode and not late:
            self._problems.append((None, f"W&B's process ended by itself with code {self.process.returncode}"))
        if self._dropped:
            self._problems.append((None, f"W&B was too slow: {self._dropped} entries are not recorded"))
        if self._problems:
            _warn(self._described(), self._places())

    def _kill(self) -> None:
        """Kill the child's process group if the child still runs."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)  # W&B's own service ends with its parent
                self.process.wait(KILL_SECONDS)

    def _collect(self) -> list[str]:
        """Read the child's reports; returns its temporary folders."""
        pipe, temporary = self.process.stdout, []
        if not pipe:
            return temporary
        os.set_blocking(pipe.fileno(), False)
        lines = (pipe.read() or b"").decode(errors="replace").splitlines()
        pipe.close()
        for line in lines:
            with contextlib.suppress(ValueError):  # the last line may be truncated
                match json.loads(line):
                    case {"run": run, "problem": problem}:
                        self._problems.append((run, problem))
                    case {"run": run, "folder": folder}:
                        self._folders[run] = folder
                    case {"run": run, "recorded": _}:
                        self._recorded.add(run)
                    case {"temporary": folder}:
                        temporary.append(folder)
        return temporary

    def _described(self) -> str:
        """The different problems, each with the names of its runs unless it is a problem of all."""
        runs: dict[str, set[int | None]] = {}
        for run, problem in self._problems:
            runs.setdefault(_brief(problem), set()).add(run)
        parts = []
        for problem, whose in list(runs.items())[:MAX_PROBLEMS]:
            named = sorted(run for run in whose if run is not None)
            shared = None in whose or len(named) == len(self._names)
            parts.append(problem if shared else f"{self._listed(named)}: {problem}")
        return "; ".join(parts)

    def _places(self) -> str:
        """Where the records of the runs with problems are."""
        everything, named = range(len(self._names)), {run for run, _ in self._problems}
        runs = [run for run in everything if None in named or run in named]
        if None in named:
            runs = [run for run in everything if run in named or run not in self._recorded] or runs
        places = [self._folders[run] for run in runs if run in self._folders]
        lost = [run for run in runs if run not in self._folders]
        what = ""
        if places:
            what = f"; what it has is in {', '.join(places)} (to send it: wandb sync {' '.join(places)})"
        if lost:
            what += "; nothing was recorded"
            what += f" of {self._listed(lost)}" if len(lost) < len(self._names) else ""
        return what

    def _listed(self, runs: Iterable[int]) -> str:
        return ", ".join(_brief(str(self._names[run])) for run in runs)


def _line(kind: str, run: int | None, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"do": kind, "run": run, **content}, default=_jsonable).encode() + b"\n"


def _jsonable(value: Any) -> Any:
    """An array or tensor as Python numbers; any other value as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _warn(problem: str, places: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"warning: tracking: {problem}{places}; the job is not affected", file=sys.stderr, flush=True)


def _brief(problem: str) -> str:
    page = "<html" in problem.lower()  # some servers answer with a page
    text = " ".join((TAG.sub(" ", scrub(problem)) if page else scrub(problem)).split())
    return text if len(text) <= MAX_PROBLEM else text[: MAX_PROBLEM - 1] + "…"
