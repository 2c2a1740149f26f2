"""Send what only W&B's own client can send, the pictures, tables and artifacts of a few runs, and read it back.

Each run is recorded offline and sent by `wandb sync`, which says nothing of what it has lost, and which would add the
rows of a history to those that the server has. So it gets a record without them; the row is sent with its number.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from pipeline import environment
from pipeline.tracking import client, reader, record_copy, runs_there
from pipeline.tracking.account import PublishError
from pipeline.tracking.client import Tracker
from pipeline.tracking.limits import Limits
from pipeline.tracking.reader import OfflineRun
from pipeline.tracking.run_content import Opening
from pipeline.tracking.runs_there import HISTORY, Place

SERVICE = "WANDB_SERVICE"  # the variable in which W&B passes its service's address to child processes
SOME = 3  # missing things that a message names
# W&B's client sends these unless it is told otherwise; the variables are its settings.
PRIVATE = {
    "WANDB_PROGRAM": "pipeline",
    "WANDB_HOST": "",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "online",
}


def send(
    place: Place,
    openings: Sequence[Opening],
    study: str,
    fill: Callable[[Mapping[str, Tracker]], None],
    missing: Callable[[], Sequence[str]],
    what: str,
    *,
    types: Mapping[str, str] | None = None,
) -> str:
    """Send runs unless all of it is there, and read it back; returns a sentence.

    Args:
        place: the project.
        openings: the runs.
        study: the study's name.
        fill: records what the runs hold, by the runs' names.
        missing: what the server doesn't show of it.
        what: the runs hold, in words.
        types: of artifacts, as for `record_copy.for_sending`.

    Raises:
        PublishError: if not all of it is there in the end.
        ServerError: if it can't be read back.
    """
    if not missing():
        return f"{what} are there"
    runs = _recorded(openings) or record(openings, study, fill, place.server.limits)
    said = sync(runs, place, types or {})
    at = {"entity": place.entity, "project": place.project}
    for opening, run in zip(openings, runs, strict=True):
        runs_there.upsert(place.server, **at, opening=opening.content(), defined=[])  # without the client's own config
        send_history(run, place)
    if gone := wait_for(missing, place.server.limits):
        raise PublishError(f"the server doesn't show {named(gone)}" + (f"; W&B's client said: {said}" if said else ""))
    return f"{what} sent and read back"


def named(gone: Sequence[str]) -> str:
    """Some of the things that are missing, and the number of the others."""
    return ", ".join(gone[:SOME]) + (f" and {len(gone) - SOME} more" if len(gone) > SOME else "")


def _recorded(openings: Sequence[Opening]) -> list[OfflineRun]:
    """The newest records of the runs on this machine, if each is complete and can be sent; none otherwise."""
    found, _ = reader.newest([opening.id for opening in openings], reader.folder())
    runs = [found[opening.id] for opening in openings if opening.id in found]
    complete = all(run.status == "finished" and all(path.is_file() for path in reader.staged(run.file)) for run in runs)
    return runs if complete and len(runs) == len(openings) else []


def record(
    openings: Sequence[Opening], study: str, fill: Callable[[Mapping[str, Tracker]], None], limits: Limits
) -> list[OfflineRun]:
    """Record runs offline, whatever WANDB_MODE says.

    Raises:
        PublishError: if a record isn't complete.
    """
    waiting = Limits(record=limits.client, orphan=0)
    started = client._start(openings, study=study, directory=client.DIRECTORY, limits=waiting, how="offline")
    with contextlib.ExitStack() as stack:
        fill({each.name: stack.enter_context(run) for each, run in zip(openings, started, strict=True)})
    runs = _recorded(openings)
    if not runs:
        names = ", ".join(repr(opening.name) for opening in openings)
        raise PublishError(f"the run {names} can't be recorded in {reader.folder()}")
    return runs


def sync(runs: Sequence[OfflineRun], place: Place, types: Mapping[str, str]) -> str:
    """Send all of some records but their histories with W&B's client; returns what the client complained of.

    Raises:
        PublishError: if it doesn't end within its limit.
    """
    words = [sys.executable, "-P", "-m", "wandb", "sync", "--entity", place.entity, "--project", place.project]
    folder, at = runs[0].folder.parent, {"entity": place.entity, "project": place.project}
    with contextlib.ExitStack() as stack:
        copies = [stack.enter_context(record_copy.for_sending(run, folder, **at, types=types)) for run in runs]
        process = subprocess.Popen(
            [*words, *(str(copy.absolute()) for copy in copies)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_variables(place),
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=place.server.limits.client)
        except subprocess.TimeoutExpired as late:
            raise PublishError(_late(late, runs, place.server.limits.client)) from None
        finally:
            _end(process)
    lines = [
        line.removeprefix("wandb: ").removeprefix("ERROR ").strip() for line in said.splitlines() if "ERROR" in line
    ]
    return "; ".join(line for line in lines if line)


def _late(late: subprocess.TimeoutExpired, runs: Sequence[OfflineRun], seconds: float) -> str:
    lines = (late.stdout or b"").decode(errors="replace").splitlines()
    last = f"; it said last: {lines[-1].removeprefix('wandb: ')}" if lines else ""
    names = ", ".join(repr(run.name) for run in runs)
    return f"W&B's client had not sent the run {names} after {seconds:g} s{last}"


def _variables(place: Place) -> dict[str, str]:
    """The settings of W&B's client: the server, its limits, and nothing of this machine."""
    limits = place.server.limits
    variables = {
        **environment.cleaned(os.environ),
        **PRIVATE,
        "WANDB_BASE_URL": place.server.url,
        "WANDB_API_KEY": place.server.key,
        "WANDB_HTTP_TIMEOUT": f"{limits.answer:g}",
        "WANDB_FILE_PUSHER_TIMEOUT": f"{limits.answer:g}",
        "WANDB__FILE_STREAM_TIMEOUT_SECONDS": f"{limits.answer:g}",
    }
    for part in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER"):
        variables[f"WANDB__{part}_RETRY_MAX"] = str(limits.retries)
        variables[f"WANDB__{part}_RETRY_WAIT_MIN_SECONDS"] = f"{limits.pause:g}"
        variables[f"WANDB__{part}_RETRY_WAIT_MAX_SECONDS"] = f"{8 * limits.pause:g}"
    variables.pop(SERVICE, None)  # W&B's client would use this process's service, in another folder
    return variables


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and what it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def send_history(run: OfflineRun, place: Place) -> None:
    """Send the rows of a record, and end the run.

    Raises:
        ServerError: if the server refuses.
    """
    lines = [json.dumps(row) for row in reader.history(run.file)]
    files = {HISTORY: {"offset": 0, "content": lines}} if lines else {}
    place.server.stream(place.path(run.id), {"files": files, "complete": True, "exitcode": run.exit_code})


def wait_for(missing: Callable[[], Sequence[str]], limits: Limits) -> Sequence[str]:
    """What is still missing when the server has had its time to show it."""
    deadline, pause = time.monotonic() + limits.late, limits.pause
    while (gone := missing()) and time.monotonic() < deadline:
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause *= 2
    return gone
