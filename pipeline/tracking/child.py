"""A child process of a job that reads commands from a file and reports problems; it can't block or end the job."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pipeline import environment

KILL_SECONDS = 1.0
GOES_ON = 0  # in place of an exit code: Python warns of processes that nobody waits for
PACKAGE = Path(__file__).parents[2]  # the folder that holds the package `pipeline`


class Child:
    """A child process. Its standard input stays open as long as the job wants it; its output are reports."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @classmethod
    def start(cls, words: Sequence[str]) -> Self:
        """Start a process in a session of its own.

        Raises:
            OSError: if it can't be started.
        """
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment.cleaned(os.environ), "PYTHONPATH": str(PACKAGE)},
            start_new_session=True,
        )
        return cls(process)

    def wait(self, seconds: float) -> bool:
        """Whether it ends within some seconds."""
        try:
            self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill it and what it has started."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)  # W&B's own service ends with its parent
                self.process.wait(KILL_SECONDS)

    def reports(self) -> list[dict[str, Any]]:
        """What it has reported so far, without waiting; after this, it can report no more."""
        pipe, found = self.process.stdout, []
        if not pipe:
            return found
        os.set_blocking(pipe.fileno(), False)
        for line in (pipe.read() or b"").decode(errors="replace").splitlines():
            with contextlib.suppress(ValueError):  # the last line may be truncated
                found.append(json.loads(line))
        pipe.close()
        return found

    def let_go(self) -> None:
        """Show it that the job needs it no more; if it goes on, it decides for how long."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        if self.process.poll() is None:
            self.process.returncode = GOES_ON
