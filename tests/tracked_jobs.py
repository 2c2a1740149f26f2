"""Jobs that send to the W&B server of the tests, as scenarios of `fault_table`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fault_table import Scenario
from small_results import QUICK
from wandb_server.records import Run
from wandb_server.server import WandbServer

from pipeline.study.plan import Plan
from pipeline.tracking import artifacts, lineage, media_there, reader, results_run, sending, trainings
from pipeline.tracking.limits import Limits
from pipeline.tracking.metric_names import Row
from pipeline.tracking.run_content import Opening, RunContent, first_difference
from pipeline.tracking.run_sending import Sending
from pipeline.tracking.runs_there import Place
from pipeline.tracking.server import Server

ROOT = Path(__file__).parent.parent
NAMES = ("a", "b", "c")
STEPS = tuple(range(0, 400, 10))
PATIENCE = 100
PROJECT = "synthetic-gradients"
TRAINING = """
import os, sys, time
from pathlib import Path
from pipeline.tracking import client
from pipeline.tracking.limits import Limits
from pipeline.tracking.run_content import Opening
network, names = float(sys.argv[1]), sys.argv[2:]
openings = [Opening(name, "study-1", "train", {"name": name}, name) for name in names]
limits = Limits(record=100, network=network, live=network / 8)
with client.start_all(openings, study="small", directory=Path("wandb"), limits=limits) as trackers:
    for step in range(0, 400, 10):
        for name, tracker in trackers.items():
            tracker.log(step, {"step": step, "loss": 1 / (ord(name) + step)})
    for name, tracker in trackers.items():
        tracker.summary({"best": ord(name) / 7})
"""


def expected(name: str) -> RunContent:
    """What a run holds."""
    rows: list[Row] = [(step, {"step": float(step), "loss": 1 / (ord(name) + step)}) for step in STEPS]
    return RunContent(Opening(name, "study-1", "train", {"name": name}, name), rows, {"best": ord(name) / 7})


def training(*, network: float, names: Sequence[str] = NAMES) -> Scenario:
    """A job that trains runs side by side, online.

    Args:
        network: seconds that the job's end may wait for W&B's server.
        names: the runs' names, each a letter.
    """

    def act(server: WandbServer, place: Path) -> str:
        return call(server, place, [sys.executable, "-P", "-c", TRAINING, str(network), *names])

    def lacking(server: WandbServer, _: Path) -> list[str]:
        return lacking_runs(server, [expected(name) for name in names])

    def lost(server: WandbServer, place: Path) -> list[str]:
        kept = kept_runs(place)
        return [
            name
            for name in lacking(server, place)
            if first_difference(expected(name).rows, kept.get(expected(name).opening.id, ())) is not None
        ]

    def finish(server: WandbServer, place: Path, said: str) -> object:
        if "`python -m pipeline publish --study small`" not in said:
            return "no command was named"
        return Sending(at(server), [expected(name) for name in names], {}, lambda text: None).send()

    return Scenario("a training job", {"file stream": len(names), "UpsertBucket": 1}, act, lacking, lost, finish)


def published(plan: Plan, limits: Limits = QUICK) -> Scenario:
    """`publish` of a study's trainings, which are in the results anyway. The study's folder is the working directory.

    Args:
        plan: the study's jobs.
        limits: how long it may wait for the server.
    """
    runs = [content for _, content in trainings.from_results(plan) if isinstance(content, RunContent)]

    def act(server: WandbServer, _: Path) -> str:
        outcome = Sending(at(server, limits), runs, {}, lambda text: None).send()
        assert set(outcome.there) | {run.opening.id for run in runs if run.opening.name in outcome.problems} == {
            run.opening.id for run in runs
        }
        there = [run for run in runs if run.opening.id in outcome.there]
        assert lacking_runs(server, there) == [], "what it calls read back is there"
        return "\n".join(f"{name}: {problem}" for name, problem in outcome.problems.items())

    def finish(server: WandbServer, place: Path, _: str) -> str:
        return act(server, place)

    def lacking(server: WandbServer, _: Path) -> list[str]:
        return lacking_runs(server, runs)

    calls = {"UpsertBucket": 1, "file stream": 3, "reading back": 2}
    return Scenario("publish: trainings", calls, act, lacking, lambda *_: [], finish)


def published_media(upload: sending.Upload, limits: Limits) -> Scenario:
    """`publish` of the pictures, tables, artifacts and the report, by W&B's own client where it is needed.

    Args:
        upload: what to send; its trainings are left out.
        limits: how long it may wait for the server.
    """
    plan, results = upload.plan, upload.results
    assert results is not None
    only = replace(upload, runs=[], problems={})

    def act(server: WandbServer, _: Path, within: Limits = limits) -> str:
        return "\n".join(sending.send(only, at(server, within)).problems)

    def lacking(server: WandbServer, _: Path) -> list[str]:
        place = at(server)
        gone = media_there.missing(place, results.id, results_run.media(plan), {})
        steps = lineage.steps(plan)
        wanted = artifacts.digests(steps)
        for step in steps:
            gone += artifacts.absent(place, plan, step, wanted) or artifacts.unconnected(place, plan, step, wanted)
        return gone + ([] if len(server.reports) == 1 else [f"{len(server.reports)} reports"])

    def finish(server: WandbServer, place: Path, _: str) -> str:
        return act(server, place, QUICK)  # a busy machine takes longer than the limits that faults are met with

    calls = {
        "addresses of files": 0, "files": 1, "CreateArtifact": 1, "files of artifacts": 2, "CommitArtifact": 1,
        "report": 0,
    }  # fmt: skip
    return Scenario("publish: media and report", calls, act, lacking, lambda *_: [], finish)


def at(server: WandbServer, limits: Limits = QUICK) -> Place:
    """The project on the server to which jobs send."""
    return Place(Server(server.url, server.key, limits), server.entity, PROJECT)


def lacking_runs(server: WandbServer, runs: Sequence[RunContent]) -> list[str]:
    """The names of the runs that aren't on the server as they should be, or have rows twice; asks no faulty call."""
    there = {run.id: run for run in server.runs.values() if run.project == PROJECT}
    return [run.opening.name for run in runs if not is_same(run, there.get(run.opening.id))]


def is_same(wanted: RunContent, found: Run | None) -> bool:
    """Whether a run on the server holds what it should."""
    if found is None or found.state != "finished":
        return False
    rows = [(row["_step"], {name: value for name, value in row.items() if name[0] != "_"}) for row in found.rows]
    summary = {name: found.summary.get(name) for name in wanted.summary}
    return (rows, found.settings, summary) == (
        [(step, dict(numbers)) for step, numbers in wanted.rows],
        json.loads(json.dumps(wanted.opening.config)),
        wanted.summary,
    )


def kept_runs(place: Path) -> Mapping[str, Sequence[Row]]:
    """The rows of each run that are recorded below a folder, by the run's id."""
    return {run.id: run.rows for path in (place / "wandb").glob(reader.FILES) if (run := reader.read(path))}


def call(server: WandbServer, place: Path, command: Sequence[str], **variables: str) -> str:
    """Run a command as a client of the server, in a folder of its own; returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= server.environment(place, PYTHONPATH=str(ROOT), **variables)
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout + done.stderr
