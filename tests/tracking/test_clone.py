"""A clone with pulled results fills an empty W&B with the same runs, artifacts and report as the machine that trained."""

import copy
import json
import shutil

import pytest
import yaml
from small_results import TRAINED, called

from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.tracking import lineage, reader, sending

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
pytest.importorskip("graphql", reason="the extra `servers` of pyproject.toml isn't installed")
STUDY, ENTITY, PROJECT = "small", "lab", "synthetic-gradients"
COMMIT = "0123456789abcdef"
# What differs between any two servers, or between two uploads of the same thing: when it came, the server's own numbers
# and ids, and the counts of requests.
OF_THE_SERVER = {"created_at", "heartbeat_at", "updated_at", "number", "id", "upserts", "sent_twice", "saves"}
# When a row was logged, which only the machine that trained knows, from its records; of the pictures and tables, and of
# the artifacts, when and how long this machine recorded them.
OF_THE_RECORDS = {"_timestamp", "_runtime", "_wandb"}
SUMMARY = "wandb-summary.json"
STAGED = "local_path"  # where W&B's client had a copy of an artifact's file: a temporary name


@pytest.fixture
def machine(small_results, tmp_path):
    """The folder of the machine that trained: all results, W&B's records, and more that isn't published."""
    place = tmp_path / "machine"
    shutil.copytree(small_results, place, symlinks=True)
    path = place / paths.metrics(STUDY)
    content = store.read_json(path)
    store.write_json(path, {**content, store.PROVENANCE: {**content[store.PROVENANCE], "commit": COMMIT}})
    assert reader.newest([], place / "wandb") == ({}, [])
    assert list((place / "wandb").glob("offline-run-*"))
    return place


@pytest.fixture
def clone(machine, root, tmp_path):
    """A clone of the repository after `dvc pull results`: what the stage names, and nothing else."""
    place = tmp_path / "clone"
    shutil.copytree(machine / "configs", place / "configs")
    (place / "workflow").symlink_to(root / "workflow")
    stage = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["results"]
    for out in stage["outs"]:
        (name,) = [part.replace("${study}", STUDY) for part in out]
        if (machine / name).is_dir():
            shutil.copytree(machine / name, place / name)
        elif (machine / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(machine / name, place / name)
    present = {path.name for path in (place / "results" / STUDY).iterdir()}
    assert present >= {"analyse", "draw", "metrics.json", "report.html", "train", "tune", "verdicts.json"}
    assert not present & {"checkpoints", "represent"}
    assert not (place / "wandb").exists()
    return place


def published(place):
    """What an empty server has after `publish` from a folder, each thing by its name."""
    from wandb_server.server import WandbServer

    with WandbServer() as server:
        code, said = called(place, **server.environment(place))
        assert code == 0, said
        assert server.problems == []
        names = {artifact.id: f"{artifact.collection}:v{artifact.version}" for artifact in artifacts(server)}
        return {
            "runs": {run.id: of_run(run) for run in server.runs.values()},
            "artifacts": {f"{each.collection}:v{each.version}": of_artifact(each, names) for each in artifacts(server)},
            "reports": [of_server(each) for each in server.reports.values()],
        }


def artifacts(server):
    return [copy.deepcopy(each) for each in server._store.artifacts.written.values()]


def of_server(record):
    return {name: value for name, value in vars(record).items() if name not in OF_THE_SERVER}


def of_run(run):
    files = contents(run.files)
    if SUMMARY in files:
        files[SUMMARY] = untimed(json.loads(files[SUMMARY]))
    history = [untimed(row) for row in run.rows]
    return {**of_server(run), "history": history, "summary": untimed(run.summary), "files": files}


def untimed(row):
    """A row of a history, or a summary, without times."""
    return {name: plain(value) for name, value in row.items() if name not in OF_THE_RECORDS}


def plain(value):
    """A value of a row; of a table, without the ids that W&B's client draws for its artifact."""
    if isinstance(value, dict):
        return {key: each for key, each in value.items() if not str(each).startswith("wandb-client-artifact://")}
    return value


def of_artifact(artifact, names):
    """An artifact; the version that brought a file is named instead of numbered."""
    entries = {
        name: {key: names.get(value, value) for key, value in entry.items() if key != STAGED}
        for name, entry in artifact.entries.items()
    }
    users = sorted(artifact.users)
    found = {**of_server(artifact), "entries": entries, "users": users, "files": contents(artifact.files)}
    return {name: value for name, value in found.items() if name != "manifest"}  # the entries, with the server's ids


def contents(files):
    return {name: file.content for name, file in files.items()}


def test_a_clone_with_pulled_results_gives_the_same_as_the_machine_that_trained(machine, clone, monkeypatch):
    there, here = published(machine), published(clone)
    assert len(there["runs"]) == TRAINED + 1 + len(lineage.NAMES)
    assert sorted(here["runs"]) == sorted(there["runs"])
    for id_, run in there["runs"].items():
        for field, value in run.items():
            assert here["runs"][id_][field] == value, f"{run['name']}: {field}"
    assert sorted(here["artifacts"]) == sorted(there["artifacts"])
    for name, artifact in there["artifacts"].items():
        for field, value in artifact.items():
            assert here["artifacts"][name][field] == value, f"{name}: {field}"
    assert COMMIT[:12] in there["artifacts"]["small-results:v0"]["aliases"]
    assert here["reports"] == there["reports"]
    assert len(here["reports"]) == 1
    monkeypatch.chdir(clone)
    sending.write_report(sending.check(Plan.load(STUDY)), entity=ENTITY, project=PROJECT)
    written = (clone / "results" / STUDY / "wandb_report.json").read_text()
    assert json.loads(written) == json.loads(here["reports"][0]["spec"]), "a dry run writes what is sent"
