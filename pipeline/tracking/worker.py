"""The child process that records a job's runs with W&B, offline: it executes the commands in a file of JSON lines.

The first line (`open`) holds what all runs have in common; each further line holds its run's number, from `start` to
`finish`. `recorder.py` runs this file by its path. It reports problems and the runs' folders as JSON lines on its
original standard output.
"""

import collections
import contextlib
import json
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.tracking import command_file
from pipeline.tracking.command_file import Command

INIT_SECONDS = 60
FLUSH_SECONDS = 1.0  # a killed run loses what came after the last flush
MAX_REPORTS = 5  # problems of each run
MAX_REPORT = 2000
SERVICE = "WANDB_SERVICE"  # the variable in which W&B passes its service's address to child processes
AT_ONCE = 0  # the step of figures and tables: one row holds them all

Inbox = queue.SimpleQueue[Command]
Report = Callable[[int | None, str, str], None]  # of a run, or None for all of them: the kind and the text


def main() -> None:
    """Execute the commands until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the job, whose end shows as the end of the input
    path, orphan = sys.argv[1], float(sys.argv[2])
    ended = command_file.end_of_job(lambda: _end_later(orphan, path))
    report = _reporter(_take_over())
    try:
        tempfile.tempdir = tempfile.mkdtemp(prefix="tracking-")  # W&B makes folders there and doesn't remove them
        report(None, "temporary", tempfile.tempdir)
        _serve(path, ended, report)
    except BaseException as error:
        report(None, "problem", f"{type(error).__name__}: {error}")
    _remove_files(path)
    os._exit(0)  # W&B's own clean-up at exit may wait


def _reporter(reports: int) -> Report:
    """A function that reports, without waiting, few problems of each run."""
    os.set_blocking(reports, False)  # what doesn't fit into the pipe is lost
    left: collections.Counter[int | None] = collections.Counter()

    def report(run: int | None, kind: str, text: str) -> None:
        if kind == "problem":
            left[run] += 1
        if left[run] <= MAX_REPORTS or kind != "problem":
            with contextlib.suppress(OSError):  # the job may have ended
                os.write(reports, json.dumps({"run": run, kind: text[:MAX_REPORT]}).encode() + b"\n")

    return report


def _remove_files(path: str) -> None:
    """Remove the commands, and W&B's temporary folder."""
    if tempfile.tempdir is not None:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    Path(path).unlink(missing_ok=True)


def _take_over() -> int:
    """Duplicate standard output for our use, and close all streams to W&B and to the processes that it starts."""
    reports = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    return reports


def _end_later(seconds: float, path: str) -> None:
    """Leave W&B some time after the job, then kill the process group."""
    time.sleep(seconds)
    _remove_files(path)
    os.killpg(0, signal.SIGKILL)


def _serve(path: str, ended: threading.Event, report: Report) -> None:
    """Give each run a thread and each command to its run, until all runs have finished or the job has ended.

    Each run has its own thread, so that none waits for another's start.
    """
    inboxes: dict[int, Inbox] = {}
    threads: list[threading.Thread] = []
    opening: Command | None = None
    root, finished = "", 0
    for command in command_file.follow(path, ended.is_set):
        if command is None:
            command_file.pause()
            continue
        if opening is None:
            opening = command
            root = _prepare(opening)
            continue
        run, kind = command["run"], command["do"]
        if kind == "start":
            inboxes[run] = queue.SimpleQueue()
            wanted = {**opening, **command, "root": root}
            threads.append(threading.Thread(target=_record, args=(wanted, inboxes[run], report), daemon=True))
            threads[-1].start()
        elif run in inboxes:  # otherwise the job couldn't write its start, and reports that
            inboxes[run].put(command)
        finished += kind == "finish"
        if finished == opening["runs"]:
            break
    for run, own in inboxes.items():
        own.put({"do": "finish", "run": run, "code": 1})  # ignored after another `finish`; otherwise the job has failed
    for thread in threads:
        thread.join()


def _record(wanted: Command, inbox: Inbox, report: Report) -> None:
    """Record one run until its `finish`; its problems don't affect other runs."""
    try:
        run = _init(wanted)
        report(wanted["run"], "folder", os.path.relpath(Path(run.dir).parent))
        while (command := inbox.get())["do"] != "finish":
            try:
                _execute(run, command)
            except Exception as error:
                problem = f"{command['do']} is not recorded: {type(error).__name__}: {error}"
                report(wanted["run"], "problem", problem)
        run.finish(exit_code=command["code"])
        report(wanted["run"], "recorded", "")
    except BaseException as error:
        report(wanted["run"], "problem", f"{type(error).__name__}: {error}")


def _prepare(opening: Command) -> str:
    """Prepare W&B for all runs; returns the folder in which it makes its folder `wandb`.

    Raises:
        OSError: if the folder can't be written to.
        ImportError: if W&B can't be imported.
    """
    given = Path(opening["directory"])
    root = os.environ.get("WANDB_DIR") or str(given.parent if given.name == "wandb" else given)  # W&B adds `wandb`
    Path(root).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=root):  # W&B would silently use the system's temporary folder
        pass
    os.environ.setdefault("WANDB_DATA_DIR", str(Path(root, "wandb", "data")))  # the default is outside the project
    os.environ.setdefault("WANDB_CACHE_DIR", str(Path(root, "wandb", "cache")))
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    os.environ.setdefault("WANDB__SERVICE_WAIT", str(INIT_SECONDS))  # as long as for a run: W&B gives its service 30 s
    os.environ.pop(SERVICE, None)
    import wandb  # noqa: F401 (before the runs' threads do so at once)

    return root


def _init(wanted: Command) -> Any:
    """Start W&B's run. Nothing of the machine is recorded: no host name, user, path, command, packages or use."""
    import wandb

    settings = wandb.Settings(
        console="off",
        silent=True,
        host="",
        init_timeout=INIT_SECONDS,
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_transaction_log_flush_interval=FLUSH_SECONDS,
    )
    return wandb.init(
        project=wanted["project"],
        name=wanted["name"],
        group=wanted["group"],
        job_type=wanted["job_type"],
        tags=wanted["tags"],
        config=wanted["config"],
        id=wanted["id"],
        mode="offline",
        dir=wanted["root"],
        reinit="create_new",  # further runs of this process
        settings=settings,
    )


def _execute(run: Any, command: Command) -> None:
    import wandb

    match command["do"]:
        case "define":
            name, kept = command["name"], ",".join(command["kept"]) or None
            axis = None if name == "step" else "step"
            run.define_metric(name, step_metric=axis, summary=kept)
        case "log":
            run.log(command["numbers"], step=command["step"])
        case "summary":
            run.summary.update(command["values"])
        case "figure":
            run.log({command["name"]: wandb.Image(command["path"])}, step=AT_ONCE)
        case "table":
            columns, data = _read_table(command["path"]) if "path" in command else (command["columns"], command["data"])
            table = wandb.Table(columns=columns, data=data, allow_mixed_types=True)
            run.log({command["name"]: table}, step=AT_ONCE)
        case "artifact":
            artifact = wandb.Artifact(command["name"], type="results", metadata=command["metadata"])
            for inside, path in command["files"].items():
                artifact.add_file(path, name=inside)
            run.log_artifact(artifact)


def _read_table(path: str) -> tuple[Any, Any]:
    import pandas as pd

    table = pd.read_csv(path) if path.endswith(".csv") else pd.read_parquet(path)
    split = json.loads(table.to_json(orient="split", double_precision=15))
    return split["columns"], split["data"]


if __name__ == "__main__":
    main()
