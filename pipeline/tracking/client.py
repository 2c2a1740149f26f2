"""Record a job's run with Weights & Biases in a child process, so that no fault of W&B stops or delays the job.

The child process (`worker.py`) imports W&B; a thread of the job sends it JSON lines. Logging never blocks; at its end
the job waits for W&B for some seconds at most. Runs are recorded offline unless WANDB_MODE is `online`; with `disabled`
no process is started and no file is written.
"""

import contextlib
import hashlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pipeline import environment
from pipeline.results.secrets import scrub

PROJECT = "synthetic-gradients"
WORKER = Path(__file__).with_name("worker.py")
LIMIT_SECONDS = 15.0
LONGEST_SECONDS = 18.0  # with starting and killing the child, a job loses less than 20 s
KILL_SECONDS = 1.0
QUEUE = 20_000  # lines that wait for a slow child; further ones are dropped and counted
MAX_PROBLEMS = 5
MAX_PROBLEM = 300  # characters
TAG = re.compile(r"<[^>]*>")
ID_LENGTH = 16


class Tracker:
    """A job's handle of its W&B run. No method raises, and only `finish` waits."""

    def __init__(self, process: subprocess.Popen[bytes] | None, *, limit: float) -> None:
        self._process = process
        self._limit = limit
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUE)
        self._problems: list[str] = []
        self._dropped = 0
        if process:
            threading.Thread(target=self._write, args=(process,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish("finished" if kind is None else "failed")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Record numbers at a step; steps must not decrease."""
        self._send("log", lambda: {"step": int(step), "numbers": {name: float(n) for name, n in numbers.items()}})

    def summary(self, values: Mapping[str, Any]) -> None:
        """Record values that describe the whole run."""
        self._send("summary", lambda: {"values": dict(values)})

    def figure(self, name: str, path: Path) -> None:
        """Record a picture (png)."""
        self._send("figure", lambda: {"name": name, "path": str(Path(path).absolute())})

    def table(self, name: str, table: Any) -> None:
        """Record a table: a pandas DataFrame, or the path of a parquet or csv file."""

        def content() -> dict[str, Any]:
            if isinstance(table, str | Path):
                return {"name": name, "path": str(Path(table).absolute())}
            split = json.loads(table.to_json(orient="split", double_precision=15))
            return {"name": name, "columns": [str(column) for column in split["columns"]], "data": split["data"]}

        self._send("table", content)

    def finish(self, status: Literal["finished", "failed"] = "finished") -> None:
        """End the run: wait for W&B up to the limit, then kill it. Problems are reported in one line on stderr."""
        process, self._process = self._process, None
        if process is None:
            return
        deadline = time.monotonic() + self._limit
        try:
            for line in (_line("finish", {"code": 0 if status == "finished" else 1}), None):
                self._queue.put(line, timeout=max(0.0, deadline - time.monotonic()))
            process.wait(max(0.0, deadline - time.monotonic()))
        except (queue.Full, subprocess.TimeoutExpired):
            self._problems.append(f"W&B had not finished after {self._limit:g} s and was ended")
        finally:
            place = self._close(process)
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=KILL_SECONDS)  # for a writer that was blocked until the kill
        if self._dropped:
            self._problems.append(f"W&B was too slow: {self._dropped} entries are not recorded")
        if self._problems:
            different = list(dict.fromkeys(self._problems))[:MAX_PROBLEMS]
            _warn("; ".join(map(_brief, different)), place)

    def _close(self, process: subprocess.Popen[bytes]) -> str | None:
        """Kill the child's process group if it still runs, collect its reports, return the run's folder, if any."""
        if process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGKILL)  # W&B's own service ends with its parent
                process.wait(KILL_SECONDS)
        reports, place = [], None
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            reports = (process.stdout.read() or b"").decode(errors="replace").splitlines()
            process.stdout.close()
        for line in reports:
            with contextlib.suppress(ValueError):  # the last line may be truncated
                report = json.loads(line)
                place = report.get("folder", place)
                self._problems += [report["problem"]] if "problem" in report else []
        if process.returncode and not self._problems:
            self._problems.append(f"W&B's process ended by itself with code {process.returncode}")
        return place

    def _send(self, kind: str, content: Any) -> None:
        if self._process is None:
            return
        try:
            self._queue.put_nowait(_line(kind, content()))
        except queue.Full:
            self._dropped += 1
        except Exception as error:  # no value passed by a caller may fail the job
            self._problems.append(f"{kind} is not recorded: {type(error).__name__}: {error}")

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        pipe = process.stdin
        while pipe and (line := self._queue.get()) is not None:
            with contextlib.suppress(OSError):  # the child has ended: `finish` reports it; go on emptying the queue
                pipe.write(line)
                pipe.flush()
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()


def start(
    *,
    name: str,
    group: str,
    job_type: str,
    config: Mapping[str, Any],
    identity: str,
    tags: Sequence[str] = (),
    directory: Path = Path("wandb"),
    limit: float = LIMIT_SECONDS,
) -> Tracker:
    """Start a run in the background; returns at once.

    Args:
        name: the run's display name.
        group: the W&B group, which stands for the study.
        job_type: the stage.
        config: the run's settings.
        identity: a hash of everything that the run depends on. Runs with the same identity and job type have the same
            W&B id, so that a later run replaces an earlier one.
        tags: words to filter runs by.
        directory: W&B's folder, a path that ends in `wandb`; the variable WANDB_DIR has precedence.
        limit: seconds that `finish` may wait, at most 18.
    """
    tracker = Tracker(None, limit=0)
    if mode() == "disabled":
        return tracker
    opening = {
        "name": name,
        "group": group,
        "job_type": job_type,
        "tags": list(tags),
        "config": config,
        "mode": mode(),
        "id": run_id(job_type, identity),
        "project": os.environ.get("WANDB_PROJECT") or PROJECT,
        "directory": str(Path(directory).absolute()),
    }
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
        _warn(_brief(f"W&B's process can't be started: {error}"), None)
        return tracker
    tracker = Tracker(process, limit=min(limit, LONGEST_SECONDS))
    tracker._send("start", lambda: opening)
    return tracker


def mode() -> str:
    """The value of WANDB_MODE, by default `offline`."""
    return os.environ.get("WANDB_MODE") or "offline"


def run_id(job_type: str, identity: str) -> str:
    """The W&B id of a run."""
    return hashlib.sha256(f"{job_type}/{identity}".encode()).hexdigest()[:ID_LENGTH]


def _line(kind: str, content: dict[str, Any]) -> bytes:
    return json.dumps({"do": kind, **content}, default=_jsonable).encode() + b"\n"


def _jsonable(value: Any) -> Any:
    """An array or tensor as Python numbers; any other value as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _warn(problem: str, place: str | None) -> None:
    where = f"; what it has is in {place} (to send it: wandb sync {place})" if place else "; nothing was recorded"
    with contextlib.suppress(OSError, ValueError):
        print(f"warning: tracking: {problem}{where}; the job is not affected", file=sys.stderr, flush=True)


def _brief(problem: str) -> str:
    page = "<html" in problem.lower()  # some servers answer with a page
    text = " ".join((TAG.sub(" ", scrub(problem)) if page else scrub(problem)).split())
    return text if len(text) <= MAX_PROBLEM else text[: MAX_PROBLEM - 1] + "…"
