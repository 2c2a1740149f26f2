"""The child process that runs W&B: it executes commands, JSON lines on its standard input, for one run or several.

The first line (`open`) holds what all runs have in common; each further line holds its run's number, from `start` to
`finish`. `recorder.py` runs this file by its path, and it imports nothing of this package. It reports problems and the
runs' folders as JSON lines on its original standard output.
"""

import collections
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

ORPHAN_SECONDS = 20  # how long W&B may go on after the job has ended or stopped waiting
PROBE_SECONDS = 3
INIT_SECONDS = 6
FLUSH_SECONDS = 1.0  # a killed run loses what came after the last flush
MAX_REPORTS = 5  # problems of each run
MAX_REPORT = 2000
SERVICE = "WANDB_SERVICE"  # the variable in which W&B passes its service's address to child processes
OFFLINE = ("offline", "dryrun")
MAX_TAG = 64  # W&B refuses longer ones

Command = dict[str, Any]
Inbox = queue.SimpleQueue[Command]
Report = Callable[[int | None, str, str], None]  # of a run, or None for all of them: the kind and the text
END: Command = {"do": "end"}


def main() -> None:
    """Execute commands from standard input until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the job, whose end shows as the end of the input
    commands, reports = _take_over()
    report = _reporter(reports)
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, inbox), daemon=True).start()
    try:
        tempfile.tempdir = tempfile.mkdtemp(prefix="tracking-")  # W&B makes folders there and doesn't remove them
        report(None, "temporary", tempfile.tempdir)
        opening = inbox.get()
        spare = Spare({**opening, "mode": "offline"}, reports)
        root, mode = _prepare(opening, report)

        def record(start: Command, own: Inbox) -> None:
            _record({**opening, **start, "root": root, "mode": mode}, own, spare, report)

        _serve(inbox, opening["runs"], record)
        if code := spare.close():
            report(None, "problem", f"the process that records offline ended by itself with code {code}")
    except BaseException as error:
        report(None, "problem", f"{type(error).__name__}: {error}")
    _remove_temporary()
    os._exit(0)  # W&B's own clean-up at exit may wait for a server


def _reporter(reports: int) -> Report:
    """A function that reports, without waiting, few problems of each run."""
    os.set_blocking(reports, False)  # what doesn't fit into the pipe is lost
    left: collections.Counter[int | None] = collections.Counter()

    def report(run: int | None, kind: str, text: str) -> None:
        if kind == "problem":
            left[run] += 1
        if left[run] <= MAX_REPORTS or kind != "problem":
            with contextlib.suppress(OSError):  # the job may have ended
                os.write(reports, _line({"run": run, kind: text[:MAX_REPORT]}))

    return report


def _remove_temporary() -> None:
    if tempfile.tempdir is not None:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)


def _take_over() -> tuple[BinaryIO, int]:
    """Duplicate standard input and output for our use, and close them to W&B and to the processes that it starts."""
    commands, reports = os.fdopen(os.dup(0), "rb"), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    return commands, reports


def _listen(commands: BinaryIO, inbox: Inbox) -> None:
    """Read commands while W&B works; when they end, give it some time to finish, then kill the process group."""
    with contextlib.suppress(ValueError):  # the last line is truncated if the job was killed
        for line in commands:
            inbox.put(json.loads(line))
    inbox.put(END)
    time.sleep(ORPHAN_SECONDS)
    _remove_temporary()
    os.killpg(0, signal.SIGKILL)


def _serve(inbox: Inbox, count: int, record: Callable[[Command, Inbox], None]) -> None:
    """Give each run a thread and each command to its run, until all runs have finished or the commands end.

    Each run has its own thread because W&B's calls wait for a server: no run waits for another's.
    """
    inboxes: dict[int, Inbox] = {}
    threads = []
    while count and (command := inbox.get()) is not END:
        run, kind = command["run"], command["do"]
        count -= kind == "finish"
        if kind == "start":
            inboxes[run] = queue.SimpleQueue()
            threads.append(threading.Thread(target=record, args=(command, inboxes[run]), daemon=True))
            threads[-1].start()
        elif run in inboxes:  # otherwise the job couldn't send its start, and reports that
            inboxes[run].put(command)
    for run, own in inboxes.items():
        own.put({"do": "finish", "run": run, "code": 1})  # ignored after another `finish`; otherwise the job has failed
    for thread in threads:
        thread.join()


def _record(wanted: Command, inbox: Inbox, spare: "Spare", report: Report) -> None:
    """Record one run until its `finish`; its problems don't affect other runs."""
    try:
        try:
            run = _init(wanted)
        except Exception as error:
            if wanted["mode"] in OFFLINE:
                raise
            report(wanted["run"], "problem", f"not online but recorded offline: {type(error).__name__}: {error}")
            spare.record(wanted, inbox)
            return
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


class Spare:
    """Another process of this file, which records offline the runs that W&B refuses online.

    W&B's service doesn't release the id of a failed run, so that its own process can't record it.
    """

    def __init__(self, opening: Command, reports: int) -> None:
        self._opening = opening
        self._reports = reports
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def record(self, start: Command, inbox: Inbox) -> None:
        """Pass on everything of a run."""
        command = start
        self._send(command)
        while command["do"] != "finish":
            command = inbox.get()
            self._send(command)

    def close(self) -> int:
        """Wait for the process, if it has been needed, and return its exit code."""
        if self._process is None:
            return 0
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
        return self._process.wait()

    def _send(self, command: Command) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", __file__],
                    stdin=subprocess.PIPE,
                    stdout=self._reports,
                    env={**os.environ, "WANDB_MODE": "offline"},
                )
                self._write(self._opening)
            self._write(command)

    def _write(self, command: Command) -> None:
        pipe = self._process.stdin  # pyright: ignore[reportOptionalMemberAccess]
        pipe.write(_line(command))  # pyright: ignore[reportOptionalMemberAccess]
        pipe.flush()  # pyright: ignore[reportOptionalMemberAccess]


def _line(content: Command) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _prepare(opening: Command, report: Report) -> tuple[str, str]:
    """Import W&B for all runs; returns the folder in which W&B makes its folder `wandb`, and W&B's mode.

    Raises:
        OSError: if the folder can't be written to.
    """
    given = Path(opening["directory"])
    root = os.environ.get("WANDB_DIR") or str(given.parent if given.name == "wandb" else given)  # W&B adds `wandb`
    Path(root).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=root):  # W&B would silently use the system's temporary folder
        pass
    os.environ.setdefault("WANDB_DATA_DIR", str(Path(root, "wandb", "data")))  # the default is outside the project
    os.environ.setdefault("WANDB_CACHE_DIR", str(Path(root, "wandb", "cache")))
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.pop(SERVICE, None)
    import wandb

    if opening["mode"] in OFFLINE:
        return root, opening["mode"]
    try:
        _probe(wandb.setup().settings.base_url)
    except OSError as error:
        report(None, "problem", f"not online but recorded offline: no answer from the server: {error}")
        return root, "offline"
    return root, opening["mode"]


def _probe(url: str) -> None:
    """Raise an OSError unless the server answers: W&B itself would go on trying for a long time."""
    try:
        urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()  # noqa: S310 (the user's own setting)
    except urllib.error.HTTPError as error:
        error.close()  # any answer will do


def _init(wanted: Command) -> Any:
    """Start W&B's run."""
    import wandb

    settings = wandb.Settings(
        console="off",
        silent=True,
        init_timeout=INIT_SECONDS,
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_transaction_log_flush_interval=FLUSH_SECONDS,
    )
    return wandb.init(
        project=wanted["project"],
        name=wanted["name"],
        group=wanted["group"],
        job_type=wanted["job_type"],
        tags=[tag[:MAX_TAG] for tag in wanted["tags"]],
        config=wanted["config"],
        id=wanted["id"],
        mode=wanted["mode"],
        dir=wanted["root"],
        reinit="create_new",  # further runs of this process
        settings=settings,
    )


def _execute(run: Any, command: Command) -> None:
    import wandb

    match command["do"]:
        case "log":
            run.log(command["numbers"], step=command["step"])
        case "summary":
            run.summary.update(command["values"])
        case "figure":
            run.log({command["name"]: wandb.Image(command["path"])})
        case "table":
            columns, data = _read_table(command["path"]) if "path" in command else (command["columns"], command["data"])
            run.log({command["name"]: wandb.Table(columns=columns, data=data, allow_mixed_types=True)})


def _read_table(path: str) -> tuple[Any, Any]:
    import pandas as pd

    table = pd.read_csv(path) if path.endswith(".csv") else pd.read_parquet(path)
    split = json.loads(table.to_json(orient="split", double_precision=15))
    return split["columns"], split["data"]


if __name__ == "__main__":
    main()
