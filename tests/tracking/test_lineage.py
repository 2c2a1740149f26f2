"""The artifacts of a study and their lineage: what they hold, and what a W&B server shows of them."""

import json
import os
import shutil
from collections import Counter

import pytest
from small_results import QUICK

from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.tracking import artifact_sending, artifacts, lineage, run_sending, trainings
from pipeline.tracking.runs_there import Place
from pipeline.tracking.server import Server

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
STUDY, PROJECT = "small", "p"
TRAINED_AT, MADE_AT = "0123456789abcdef", "fedcba9876543210"
SUM = "5" * 64


@pytest.fixture
def plan(small_results, tmp_path, monkeypatch):
    """The small study in a copy of its results, as made at two commits from a file of data."""
    shutil.copytree(small_results, tmp_path / "study", symlinks=True)
    monkeypatch.chdir(tmp_path / "study")
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    plan = Plan.load(STUDY)
    for path in [paths.summary(STUDY, block) for block in plan.blocks if paths.summary(STUDY, block).is_file()]:
        stamp(path, commit=TRAINED_AT, dirty=False, inputs={"data/mnist/images": SUM, "results/a.json": "6" * 64})
    stamp(paths.metrics(STUDY), commit=MADE_AT, dirty=True)
    return plan


def stamp(path, **origin):
    """Change the provenance in a JSON file."""
    content = store.read_json(path)
    store.write_json(path, {**content, store.PROVENANCE: {**content[store.PROVENANCE], **origin}})


def files(plan):
    lineage.write_data(plan)
    return {step.name: step.files for step in lineage.steps(plan)}


def test_each_step_holds_its_files(plan):
    found = files(plan)
    assert list(found) == list(lineage.NAMES)
    blocks = [block for block in plan.blocks if paths.summary(STUDY, block).is_file()]
    assert set(found["trainings"]) == {
        "tune/tuned-one_sg.json",
        *(f"train/{block}/{name}" for block in blocks for name in ("summary.json", "history.parquet")),
    }
    tables = {path.relative_to(paths.results(STUDY)).as_posix() for path in paths.results(STUDY).glob("analyse/*/*")}
    assert set(found["analyses"]) == tables | {"metrics.json"}
    drawn = {f"draw/learning_curves.{ending}" for ending in ("csv", "png", "svg")}
    assert set(found["results"]) == drawn | {"verdicts.json"}
    assert set(found["report"]) == {"report.html", "appendix.html"}
    everything = {
        path for path in paths.results(STUDY).rglob("*.*") if path.name not in ("tracked.json", "verdicts.svg")
    }
    held = {path for each in found.values() for path in each.values()}
    left = {path.relative_to(paths.results(STUDY)).parts[0] for path in everything - held}
    assert left <= {"checkpoints", "represent", "timing", "claims", "findings.rst"}, (
        "what is made again from the rest, or says how long"
    )


def test_the_data_are_described_by_what_the_trainings_read(plan):
    (path,) = files(plan)["data"].values()
    content = json.loads(path.read_text())
    assert content["files"] == {"data/mnist/images": [SUM]}
    assert set(content["sets"]) == {"xor", "digits"}
    assert all({"licence", "source"} <= set(each) for each in content["sets"].values())
    assert content["drawn"] == plan.study.data.model_dump(mode="json")


def test_steps_without_files_are_left_out(plan):
    paths.report(STUDY).unlink()
    paths.appendix(STUDY).unlink()
    shutil.rmtree(paths.results(STUDY) / "analyse")
    paths.metrics(STUDY).unlink()
    uses = {step.name: list(step.uses) for step in lineage.steps(plan)}
    assert uses == {"data": [], "trainings": ["small-data"], "results": []}


def test_artifacts_go_by_their_content(plan):
    lineage.write_data(plan)
    before, ids = artifacts.digests(lineage.steps(plan)), run_ids(plan)
    assert artifacts.digests(lineage.steps(plan)) == before
    store.write_bytes(paths.drawing(STUDY, "learning_curves", "csv"), b"a,b\n1,3\n")
    after = artifacts.digests(lineage.steps(plan))
    assert [name for name in before if before[name] != after[name]] == ["small-results"]
    assert [name for name, id_ in run_ids(plan).items() if id_ != ids[name]] == ["results"]


def run_ids(plan):
    return {step.name: artifacts.opening(plan, step).id for step in lineage.steps(plan)}


def test_everything_is_linked_and_nothing_is_logged_twice(plan, wandb_server):
    place = Place(Server(wandb_server.url, wandb_server.key, QUICK), "lab", PROJECT)
    runs = [content for _, content in trainings.from_results(plan)]
    there = run_sending.Sending(place, runs, {}, print).send().there
    ids = [run.opening.id for run in runs]
    assert sorted(there) == sorted(ids)
    assert artifact_sending.send(place, plan, ids).endswith("small-report sent and read back")
    steps = {step.name: step for step in lineage.steps(plan)}
    found = {name: wandb_server.artifacts[f"{step.artifact}:latest"] for name, step in steps.items()}
    made = run_ids(plan)
    assert {name: each.type for name, each in found.items()} == {
        "data": "dataset", "trainings": "trainings", "analyses": "analyses", "results": "results", "report": "report"
    }  # fmt: skip
    assert {name: each.maker[-1] for name, each in found.items()} == made
    users = {name: {user[-1] for user in each.users} for name, each in found.items()}
    assert users == {
        "data": {made["trainings"], *ids},
        "trainings": {made["analyses"]},
        "analyses": {made["results"]},
        "results": {made["report"]},
        "report": set(),
    }
    aliases = {name: set(each.aliases) - {"latest"} for name, each in found.items()}
    trained, after = {TRAINED_AT[:12]}, {f"{MADE_AT[:12]}-with-changes"}
    assert aliases == {"data": trained, "trainings": trained, "analyses": after, "results": after, "report": after}
    for name, step in steps.items():
        assert {inside: file.content for inside, file in found[name].files.items()} == {
            inside: path.read_bytes() for inside, path in step.files.items()
        }
    before = changes(wandb_server)
    assert artifact_sending.send(place, plan, ids).endswith("small-report are there")
    assert changes(wandb_server) == before
    loosen(wandb_server, found["results"], ids)
    artifact_sending.send(place, plan, ids)
    assert changes(wandb_server) - before == Counter({"AddAliases": 1, "UseArtifact": 2})
    another_version_and_back(plan, place, ids, wandb_server)


def loosen(server, artifact, ids):
    """Take an artifact's alias and its user away, and a training's input, as if `publish` had been interrupted."""
    for each in server._store.artifacts.written.values():
        if each.collection == artifact.collection:
            each.aliases.remove(f"{MADE_AT[:12]}-with-changes")
            each.users.clear()
        each.users[:] = [user for user in each.users if user[-1] != ids[0]]
        server._store.artifacts.changed(each.key)


def another_version_and_back(plan, place, ids, server):
    """Other content makes a version more; the content of before is the old version again."""
    path = paths.drawing(STUDY, "learning_curves", "csv")
    content = path.read_bytes()
    for bytes_, version in ((b"a,b\n1,3\n", 1), (content, 0)):
        path.write_bytes(bytes_)
        artifact_sending.send(place, plan, ids)
        assert server.artifacts["small-results:latest"].version == version
    assert len([each for each in server._store.artifacts.written.values() if each.collection == "small-results"]) == 2
    assert len([each for each in server._store.artifacts.written.values() if each.collection == "small-trainings"]) == 1


def changes(server):
    """The requests that change something of artifacts, by name."""
    names = ("CreateArtifact", "CommitArtifact", "PUT", "UseArtifact", "AddAliases", "UpsertBucket", "file_stream")
    return Counter(
        next(each for each in names if each in request.name)
        for request in server.requests
        if any(each in request.name for each in names)
    )
