"""Jobs that send to the W&B server of the tests, as scenarios of `fault_table`."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fault_table import Scenario
from wandb_server.server import WandbServer

from pipeline.tracking import client, reader

ROOT = Path(__file__).parent.parent
NAMES = ("a", "b", "c")
STEPS = tuple(range(0, 400, 10))
PATIENCE = 100
# The job works on for a while after its first rows: W&B's client sends them meanwhile, so that there is a half-way.
TRAINING = """
import os, sys, time
from pathlib import Path
from pipeline.tracking import client
limit, names = float(sys.argv[1]), sys.argv[2:]
openings = [client.Opening(name, "study-1", "train", {"name": name}, name) for name in names]
with client.start_all(openings, directory=Path("wandb"), limit=limit) as trackers:
    for step in range(0, 400, 10):
        for name, tracker in trackers.items():
            tracker.log(step, {"loss": 1 / (ord(name) + step)})
    for name, tracker in trackers.items():
        tracker.summary({"best": ord(name) / 7})
"""


def expected(name: str) -> dict[int, float]:
    """The numbers that a run logs, by step."""
    return {step: 1 / (ord(name) + step) for step in STEPS}


def training(*, limit: float, names: Sequence[str] = NAMES) -> Scenario:
    """A job that trains runs side by side, online.

    Args:
        limit: seconds that the job's end may wait for W&B.
        names: the runs' names, each a letter.
    """

    def act(server: WandbServer, place: Path) -> str:
        return call(server, place, [sys.executable, "-P", "-c", TRAINING, str(limit), *names])

    def lacking(server: WandbServer, _: Path) -> list[str]:
        sent = {run.id: (dict(run.column("loss")), run.summary.get("best")) for run in server.runs.values()}
        return [name for name in names if sent.get(client.run_id("train", name)) != (expected(name), ord(name) / 7)]

    def lost(server: WandbServer, place: Path) -> list[str]:
        kept = kept_runs(place)
        return [name for name in lacking(server, place) if kept.get(client.run_id("train", name)) != expected(name)]

    def finish(server: WandbServer, place: Path, said: str) -> str:
        command = re.search(r"wandb sync ([^)]*)", said)
        if command is None:
            return "no command was named"
        return call(server, place, [sys.executable, "-P", "-m", "wandb", "sync", *command[1].split()])

    calls = {"file stream": len(names), "UpsertBucket": len(names), "addresses of files": 1, "files": 2}
    return Scenario("a training job", calls, act, lacking, lost, finish)


def kept_runs(place: Path) -> Mapping[str, dict[int, float]]:
    """The numbers of each run that are recorded below a folder, by the run's id."""
    kept: dict[str, dict[int, float]] = {}
    for path in (place / "wandb").glob(reader.FILES):
        run = reader.read(path)
        kept.setdefault(run.id, {}).update(run.curves.get("loss", []))
    return kept


def call(server: WandbServer, place: Path, command: Sequence[str], **variables: str) -> str:
    """Run a command as a client of the server, in a folder of its own; returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= server.environment(place, PYTHONPATH=str(ROOT), **variables)
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout + done.stderr
