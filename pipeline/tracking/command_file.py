"""The file of commands that a job writes while it works, as the processes that it has started read it."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.1

Command = dict[str, Any]


def follow(path: str, ended: Callable[[], bool]) -> Iterator[Command | None]:
    """Every command in the file as it is written; None whenever there is no new one for now.

    Args:
        path: the file.
        ended: whether the job has ended, so that it writes no more.
    """
    with Path(path).open("rb") as file:
        line = b""
        while True:
            last = ended()  # asked before reading: what was written before the end is read
            line += file.readline()
            if line.endswith(b"\n"):
                yield json.loads(line)
                line = b""
            elif last:  # a rest is what a killed job couldn't write to its end
                return
            else:
                yield None


def end_of_job(then: Callable[[], None]) -> threading.Event:
    """An event that is set when the job has ended, or needs this process no more; `then` is called after that.

    Standard input is a pipe of the job's, which is closed by its end, however it ends.
    """
    event = threading.Event()
    job = os.dup(sys.stdin.fileno())

    def watch() -> None:
        while os.read(job, 1):
            pass
        event.set()
        then()

    threading.Thread(target=watch, daemon=True).start()
    return event


def pause() -> None:
    """Wait until there may be new commands."""
    time.sleep(POLL_SECONDS)
