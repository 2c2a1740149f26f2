"""The child process that sends a job's numbers to W&B while the job works, if WANDB_MODE is `online`.

It reads the same file of commands as the recording process, and reports problems as JSON lines on its standard output.
What it sends is a convenience: it never says that something has arrived, and the job ends it after some seconds.
`publish` compares and sends the rest, and all pictures and tables.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tracking import account, command_file, metric_names, runs_there
from pipeline.tracking.command_file import Command
from pipeline.tracking.limits import Limits
from pipeline.tracking.metric_names import Row
from pipeline.tracking.runs_there import Place
from pipeline.tracking.server import FOR_NOW, Server, ServerError

INTERVAL_SECONDS = 3.0
RETRIES, PAUSE_SECONDS = 2, 0.5  # few: the job waits
ORPHAN_SECONDS = 30.0  # after the end of the commands


class LiveRun:
    """A run that is being sent: what was logged of it, and how much has been accepted."""

    def __init__(self, opening: Command) -> None:
        self.opening = opening
        self.numbers: dict[int, dict[str, float]] = {}
        self.added: dict[int, dict[str, float]] = {}
        self.values: dict[str, Any] = {}
        self.code: int | None = None  # the exit code, once it has finished
        self.given_up = False  # also of a run with pictures or tables, which `publish` sends
        self._place: Place | None = None
        self._sent = 0
        self._defined: list[str] = []

    def take(self, command: Command) -> None:
        """Take a command."""
        match command["do"]:
            case "log":
                self.numbers.setdefault(command["step"], {}).update(command["numbers"])
                self.added[command["step"]] = {
                    "_timestamp": command["at"],
                    "_runtime": command["at"] - self.opening["at"],
                }
            case "summary":
                self.values |= command["values"]
            case "finish":
                self.code = command["code"]
            case "figure" | "table" | "artifact":
                self.given_up = True

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that are complete: until the run has finished, the last one may still get numbers."""
        found = sorted(self.numbers.items())
        return found if self.code is not None else found[:-1]

    def send(self, server: Server, *, entity: str | None, project: str) -> None:
        """Send what isn't sent yet.

        Raises:
            ServerError: if the server doesn't take it.
        """
        rows = self.rows
        defined = runs_there.names(rows)
        if self._place is None or defined != self._defined:
            self._place = runs_there.upsert(
                server, entity=entity, project=project, opening=self.opening, defined=defined
            )
            self._defined = defined
        if len(rows) > self._sent:
            runs_there.send_rows(self._place, self.opening["id"], rows[self._sent :], self._sent, self.added)
            self._sent = len(rows)
        if self.code is not None:
            summary = {**metric_names.summary(rows), **self.values}
            runs_there.end(self._place, self.opening["id"], summary, rows[-1][0] if rows else 0, self.code)


def main() -> None:
    """Send until every run has finished."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the job, whose end shows as the end of the input
    ended = command_file.end_of_job(_end_later)
    tempfile.tempdir = tempfile.mkdtemp(prefix="tracking-")  # W&B makes folders there, and a killed process leaves them
    print(json.dumps({"temporary": tempfile.tempdir}), flush=True)
    try:
        url, key = account.credentials()
        limits = Limits(answer=float(sys.argv[2]), retries=RETRIES, pause=PAUSE_SECONDS)
        _serve(sys.argv[1], ended, Server(url, key, limits))
    except Exception as error:  # whatever it is, the job has the record
        _report(None, str(error))
    shutil.rmtree(tempfile.tempdir, ignore_errors=True)


def _end_later() -> None:
    time.sleep(ORPHAN_SECONDS)
    if tempfile.tempdir:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    os._exit(1)


def _serve(path: str, ended: threading.Event, server: Server) -> None:
    """Take the commands, and send all runs at intervals and at the end."""
    runs: dict[int, LiveRun] = {}
    opening: Command = {}
    due = time.monotonic() + INTERVAL_SECONDS
    for command in command_file.follow(path, ended.is_set):
        if command is None:
            if time.monotonic() >= due:
                _send(runs, server, opening["project"], last=False)
                due = time.monotonic() + INTERVAL_SECONDS
            command_file.pause()
        elif not opening:
            opening = command
        elif command["do"] == "start":
            runs[command["run"]] = LiveRun(command)
        elif command["run"] in runs:
            runs[command["run"]].take(command)
            if len(runs) == opening["runs"] and all(run.code is not None for run in runs.values()):
                break
    if opening:
        _send(runs, server, opening["project"], last=True)


def _send(runs: Mapping[int, LiveRun], server: Server, project: str, *, last: bool) -> None:
    """Send what is new of each run. A run that the server refuses is given up; other problems may pass."""
    for number, run in runs.items():
        if run.given_up or not (run.rows or last):
            continue
        try:
            run.send(server, entity=os.environ.get("WANDB_ENTITY"), project=project)
        except ServerError as error:
            run.given_up = error.status is not None and error.status not in FOR_NOW
            if run.given_up or last:
                _report(number, str(error))


def _report(run: int | None, problem: str) -> None:
    with contextlib.suppress(OSError):  # the job may have ended
        print(json.dumps({"run": run, "problem": f"W&B's server: {problem}"}), flush=True)


if __name__ == "__main__":
    main()
