"""The child process that runs W&B: it executes commands, JSON lines on its standard input, until the input ends.

`client.py` runs this file by its path, and it imports nothing of this package. It reports problems and the run's folder
as JSON lines on its original standard output.
"""

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
MAX_REPORTS = 5
MAX_REPORT = 2000
SERVICE = "WANDB_SERVICE"  # the variable in which W&B passes its service's address to child processes
OFFLINE = ("offline", "dryrun")
MAX_TAG = 64  # W&B refuses longer ones

Command = dict[str, Any]
Report = Callable[[str, str], None]


class NotOnlineError(RuntimeError):
    """W&B can't record online."""


def main() -> None:
    """Execute commands from standard input until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the job, whose end shows as the end of the input
    commands, reports = _take_over()
    left = iter(range(MAX_REPORTS))

    def report(kind: str, text: str) -> None:
        if next(left, None) is not None:  # few and short, so that the pipe never fills up
            with contextlib.suppress(OSError):  # the job may have ended
                os.write(reports, _line({kind: text[:MAX_REPORT]}))

    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, inbox), daemon=True).start()
    code = 0
    try:
        tempfile.tempdir = tempfile.mkdtemp(prefix="tracking-")  # W&B makes folders there and doesn't remove them
        opening = inbox.get()
        try:
            _record(_start(opening, report), inbox, report)
        except NotOnlineError as error:
            report("problem", f"not online but recorded offline: {error}")
            code = _pass_on({**opening, "mode": "offline"}, inbox, reports)
    except BaseException as error:
        report("problem", f"{type(error).__name__}: {error}")
        code = 1
    _remove_temporary()
    os._exit(code)  # W&B's own clean-up at exit may wait for a server


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


def _listen(commands: BinaryIO, inbox: "queue.SimpleQueue[Command]") -> None:
    """Read commands while W&B works; when they end, give it some time to finish, then kill the process group."""
    with contextlib.suppress(ValueError):  # the last line is truncated if the job was killed
        for line in commands:
            inbox.put(json.loads(line))
    inbox.put({"do": "finish", "code": 1})  # ignored after another `finish`; otherwise the job has failed
    time.sleep(ORPHAN_SECONDS)
    _remove_temporary()
    os.killpg(0, signal.SIGKILL)


def _record(run: Any, inbox: "queue.SimpleQueue[Command]", report: Report) -> None:
    while (command := inbox.get())["do"] != "finish":
        try:
            _execute(run, command)
        except Exception as error:
            report("problem", f"{command['do']} is not recorded: {type(error).__name__}: {error}")
    run.finish(exit_code=command["code"])


def _pass_on(opening: Command, inbox: "queue.SimpleQueue[Command]", reports: int) -> int:
    """Start again in a new process and pass everything on: W&B's service doesn't release the id of a failed run."""
    os.environ["WANDB_MODE"] = opening["mode"]
    process = subprocess.Popen([sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=reports)
    with process, process.stdin as pipe:  # pyright: ignore[reportOptionalContextManager]
        command = opening
        while pipe.write(_line(command)) and command["do"] != "finish":
            pipe.flush()
            command = inbox.get()
    return process.returncode


def _line(content: Command) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _start(wanted: Command, report: Report) -> Any:
    """Start W&B's run.

    Raises:
        NotOnlineError: if the run can't be recorded online as wanted; another process may record it offline.
    """
    given = Path(wanted["directory"])
    root = os.environ.get("WANDB_DIR") or str(given.parent if given.name == "wandb" else given)  # W&B adds `wandb`
    Path(root).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=root):  # W&B would silently use the system's temporary folder
        pass
    os.environ.setdefault("WANDB_DATA_DIR", str(Path(root, "wandb", "data")))  # the default is outside the project
    os.environ.setdefault("WANDB_CACHE_DIR", str(Path(root, "wandb", "cache")))
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.pop(SERVICE, None)
    import wandb

    if wanted["mode"] not in OFFLINE:
        try:
            _probe(wandb.setup().settings.base_url)
        except OSError as error:
            report("problem", f"not online but recorded offline: no answer from the server: {error}")
            wanted = {**wanted, "mode": "offline"}
    try:
        return _init(wandb, wanted, root, report)
    except Exception as error:
        if wanted["mode"] in OFFLINE:
            raise
        raise NotOnlineError(f"{type(error).__name__}: {error}") from error


def _probe(url: str) -> None:
    """Raise an OSError unless the server answers: W&B itself would go on trying for a long time."""
    try:
        urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()  # noqa: S310 (the user's own setting)
    except urllib.error.HTTPError as error:
        error.close()  # any answer will do


def _init(wandb: Any, wanted: Command, root: str, report: Report) -> Any:
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
    run = wandb.init(
        project=wanted["project"],
        name=wanted["name"],
        group=wanted["group"],
        job_type=wanted["job_type"],
        tags=[tag[:MAX_TAG] for tag in wanted["tags"]],
        config=wanted["config"],
        id=wanted["id"],
        mode=wanted["mode"],
        dir=root,
        settings=settings,
    )
    report("folder", os.path.relpath(Path(run.dir).parent))
    return run


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
