"""Calls and faults: whatever a call of the W&B server does, nothing is lost, it is said, and the job ends in time.

`python -m pytest -s tests/tracking/test_faults_table.py` prints the tables.
"""

import os
import re
import shutil
from dataclasses import replace

import pytest

pytest.importorskip("graphql", reason="the extra `servers` of pyproject.toml isn't installed")
pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")

from fault_table import CALLS, FIRST, HALF_WAY, Case, all_cases, chosen_cases, markdown, problems, run_case, table
from small_results import QUICK
from tracked_jobs import at, published, published_media, training
from tracked_runs import PROMISED_SECONDS, within
from wandb_server.faults import Status

from pipeline.study.plan import Plan
from pipeline.tracking import sending

WAITING = within(QUICK, answer=0.5, pause=0.02, late=0.3)  # for a server with faults
MEDIA = [
    Case("files", "403", HALF_WAY),
    Case("CreateArtifact", "hanging", FIRST),
    Case("CommitArtifact", "error in answer", FIRST),
    Case("report", "401", FIRST),
]


@pytest.fixture
def plan(small_results, tmp_path, monkeypatch):
    """The small study, in a copy of its results and records."""
    monkeypatch.chdir(shutil.copytree(small_results, tmp_path / "study", symlinks=True))
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    return Plan.load("small")


def called(server):
    return [request.name for request in server.requests]


def test_a_training_job_loses_nothing(tmp_path):
    job = training(network=4)
    rows = table(job, chosen_cases(job), tmp_path)
    print(markdown(rows))
    assert problems(rows, longest=2 * PROMISED_SECONDS) == []  # with the start of the processes, on a busy machine
    refused = [row for row in rows if row.case.fault in ("401", "403", "404", "409")]
    assert all(f"HTTP {row.case.fault}" in row.said for row in refused)
    assert all("tracking: " in row.said for row in rows)


def test_publish_says_of_each_run_whether_it_is_there(plan, tmp_path):
    job = published(plan, WAITING)
    rows = table(job, all_cases(job), tmp_path)
    print(markdown(rows))
    assert problems(rows, longest=PROMISED_SECONDS) == []
    names = {"file stream": "file_stream: ", "UpsertBucket": "UpsertBucket: ", "reading back": ""}
    assert all(names[row.case.call] in row.said for row in rows if row.said)
    assert {row.case.fault for row in rows if row.lacking} >= {"401", "403", "404", "409", "429", "500", "hanging"}


def test_publish_says_which_media_are_missing(plan, tmp_path):
    job = published_media(sending.check(plan), within(WAITING, client=3))
    rows = [run_case(job, case, tmp_path / str(number)) for number, case in enumerate(MEDIA)]
    print(markdown(rows))
    assert problems(rows, longest=PROMISED_SECONDS) == []
    assert all(row.lacking for row in rows)
    assert not list(tmp_path.glob("study/wandb/*/sending-*")), "what was made for sending is removed"


def test_without_faults_the_calls_are_made_and_nothing_is_lacking(wandb_server, plan, tmp_path):
    for job in (training(network=60), published(plan), published_media(sending.check(plan), QUICK)):
        before = len(called(wandb_server))
        said = job.act(wandb_server, tmp_path)
        assert not said or said.startswith("note: tracking: "), said
        assert job.lacking(wandb_server, tmp_path) == job.lost(wandb_server, tmp_path) == []
        names = called(wandb_server)[before:]
        for call, half_way in job.calls.items():
            assert half_way < sum(bool(re.search(CALLS[call], name)) for name in names), call
    assert sum(run.sent_twice for run in wandb_server.runs.values()) == 0


def test_a_refused_artifact_is_named(wandb_server, plan):
    """The server compares what has arrived with the artifact's manifest."""
    wandb_server.faults.add(r"^PUT /storage/artifacts/", Status(404))
    upload = sending.check(plan)
    (problem,) = sending.send(replace(upload, runs=[], results=None), at(wandb_server, WAITING)).problems
    assert problem.startswith("the artifacts: the server doesn't show ")
    assert "artifact small-data, artifact small-trainings, artifact small-analyses and 2 more" in problem
