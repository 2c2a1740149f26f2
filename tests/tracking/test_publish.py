"""Publishing the small study to a W&B server: what arrives, what is left alone, and what is completed."""

import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from small_results import QUICK, TRAINED, called

from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.tracking import (
    account,
    lineage,
    media_there,
    reader,
    report_saving,
    results_run,
    run_content,
    runs_there,
    sending,
    trainings,
)
from pipeline.tracking.runs_there import Place

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
STUDY, PROJECT = "small", "synthetic-gradients"


@pytest.fixture
def place(place, monkeypatch, wandb_server):
    """A copy of the small study's results and records, beside a server for them."""
    for name, value in wandb_server.environment(place).items():
        monkeypatch.setenv(name, value)
    return place


@pytest.fixture
def plan(place):
    return Plan.load(STUDY)


def publish(plan, *, runs_only=False, project=PROJECT, limits=QUICK):
    """Publish in this process; the problems."""
    ready = sending.check(plan)
    if runs_only:
        ready = replace(ready, results=None, content=None)
    server, entity = account.connect(None, limits=limits)
    return sending.send(ready, Place(server, entity, project)).problems


def contents(plan):
    """The study's trainings, made from its results."""
    return dict(trainings.from_results(plan))


def numbers(run):
    """The rows of a run on the server, without W&B's own numbers."""
    return [(row["_step"], {name: value for name, value in row.items() if name[0] != "_"}) for row in run.rows]


def writes(server):
    """The requests that change something, by name."""
    changes = ("Upsert", "upsert", "file_stream", "Create", "Commit", "PUT", "UseArtifact", "AddAliases")
    return Counter(request.name for request in server.requests if any(each in request.name for each in changes))


def test_what_is_recorded_is_what_is_made_from_the_results(place, plan):
    records, problems = reader.newest([content.opening.id for content in contents(plan).values()], place / "wandb")
    assert (len(records), problems) == (TRAINED, [])
    for content in contents(plan).values():
        record = records[content.opening.id]
        assert run_content.first_difference(content.rows, record.rows) is None
        assert (record.name, record.group, record.job_type) == (content.opening.name, content.opening.group, "train")
        (run,) = (each.run for each in reader.records(record.file) if each.WhichOneof("record_type") == "run")
        config = {item.key: json.loads(item.value_json) for item in run.config.update if item.key != "_wandb"}
        assert config == json.loads(json.dumps(content.opening.config))
        assert list(run.tags) == list(content.opening.tags)
        assert {name: record.summary[name] for name in content.values} == content.values


def test_everything_is_sent_read_back_and_sent_once(place, plan, wandb_server):
    code, said = called(place, **wandb_server.environment(place))
    assert code == 0, said
    assert f"[{TRAINED} of {TRAINED}] " in said
    (address,) = [line for line in said.splitlines() if line.startswith("http")]
    for name, content in contents(plan).items():
        run = wandb_server.runs[content.opening.id]
        assert numbers(run) == [(step, dict(row)) for step, row in content.rows]
        assert (run.name, run.state, run.exit_code, run.sent_twice) == (name, "finished", 0, 0)
        assert run.settings == json.loads(json.dumps(content.opening.config))
        assert {key: run.summary[key] for key in content.summary} == content.summary
        assert all("_timestamp" in row for row in run.rows), "the record knows when each row was logged"
        assert run_content.digest(content.rows)[:12] in said
    results = wandb_server.runs[results_run.opening(plan).id]
    assert {name for row in results.rows for name in row if "/" in name} == set(results_run.media(plan))
    assert len(results.rows) == 1
    assert {wandb_server.artifacts[f"small-{step}:latest"].version for step in lineage.NAMES} == {0}
    assert [each.saves for each in wandb_server.reports.values()] == [1]
    assert store.read_json(report_saving.known(STUDY))["url"] == address
    before = writes(wandb_server)
    code, said = called(place, **wandb_server.environment(place))
    assert code == 0, said
    assert said.count("is there: ") == TRAINED
    assert writes(wandb_server) - before == Counter({"upsertView": 1}), "the report is renewed, nothing else is sent"
    assert len(wandb_server.runs) == TRAINED + 1 + len(lineage.NAMES)
    assert [each.saves for each in wandb_server.reports.values()] == [2]
    assert sum(run.sent_twice for run in wandb_server.runs.values()) == 0


def test_nothing_of_this_machine_is_sent(place, plan, wandb_server):
    assert publish(plan) == []
    said = "\n".join(
        json.dumps(dict(request.variables)) + request.body.decode("latin1") for request in wandb_server.requests
    )
    assert str(place) not in said
    assert "/staging/" in said, "W&B's client does send the artifacts' paths, but relative ones"
    for run in wandb_server.runs.values():
        assert (run.host, run.commit) == (None, None)
        assert run.program in (None, "pipeline")
        assert set(run.config["_wandb"]["value"]) == {"m"}
        assert not [name for name in run.files if "metadata" in name or "requirements" in name]
    assert "linux-x86_64" not in said, "no telemetry"


def test_pulled_results_alone_are_enough(place, plan, wandb_server):
    """A lab that has no records of its own fills a project with the same runs."""
    publish(plan, runs_only=True, project="records")
    shutil.rmtree(place / "wandb")
    assert publish(plan, project="pulled") == []
    assert {name.partition("/")[0] for name in wandb_server.artifacts} == {"pulled"}
    for content in contents(plan).values():
        one, other = (wandb_server.runs[f"{project}/{content.opening.id}"] for project in ("records", "pulled"))
        assert numbers(one) == numbers(other)
        assert (one.settings, one.config, one.tags, one.group) == (
            other.settings,
            other.config,
            other.tags,
            other.group,
        )


@pytest.mark.parametrize("appends", [True, False])
def test_half_a_run_is_completed_and_another_run_s_rows_are_replaced(place, plan, wandb_server, appends):
    wandb_server.appends = appends
    publish(plan, runs_only=True)
    first, second, _ = contents(plan).values()
    server = Place(_server(wandb_server), "lab", "half")
    for content, rows in ((first, first.rows[:2]), (second, [(0, {"train_loss": 1.0}), *second.rows[:1]])):
        runs_there.upsert(server.server, entity="lab", project="half", opening=content.opening.content(), defined=[])
        runs_there.send_rows(server, content.opening.id, rows, 0, {})
    assert publish(plan, runs_only=True, project="half") == []
    for content in (first, second):
        run = wandb_server.runs[f"half/{content.opening.id}"]
        assert numbers(run) == [(step, dict(row)) for step, row in content.rows]
        assert run.settings == json.loads(json.dumps(content.opening.config))
    assert wandb_server.runs[f"half/{first.opening.id}"].sent_twice == 0


def _server(server):
    from pipeline.tracking.server import Server

    return Server(server.url, server.key, QUICK)


def test_a_torso_of_a_record_is_known_and_not_sent(place, plan, wandb_server, capsys):
    content = next(iter(contents(plan).values()))
    (path,) = place.glob(f"wandb/offline-run-*/run-{content.opening.id}.wandb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert publish(plan, runs_only=True) == []
    kept = len(reader.read(path).rows)
    assert kept < len(content.rows)
    assert f"recorded with {kept} rows only: made from the results" in capsys.readouterr().out
    assert numbers(wandb_server.runs[content.opening.id]) == [(step, dict(row)) for step, row in content.rows]


def test_a_server_that_is_late_is_waited_for(place, plan, wandb_server, capsys):
    wandb_server.lateness = 1
    from tracked_runs import within

    assert publish(plan, runs_only=True, limits=within(QUICK, late=20)) == []
    assert capsys.readouterr().out.count("sent and read back") == TRAINED
    wandb_server.lateness = 1000
    (problem, *_), found = publish(plan, runs_only=True, project="never"), wandb_server.runs
    assert "after 0.5 s the server still shows not there" in problem
    wandb_server.lateness = 0
    assert publish(plan, runs_only=True, project="never") == []
    assert sum(run.sent_twice for run in found.values()) == 0


def test_a_run_that_was_deleted_is_named_with_the_way_out(place, plan, wandb_server):
    publish(plan, runs_only=True)
    content = next(iter(contents(plan).values()))
    wandb_server.delete_run(content.opening.id)
    (problem,) = publish(plan, runs_only=True)
    assert problem.startswith(f"{content.opening.name}: UpsertBucket: ")
    assert f"({content.opening.id}): restore the run there, or send to another project with --project" in problem
    assert publish(plan, runs_only=True, project="another") == []


def test_rows_that_are_too_many_are_named_with_the_way_out(place, plan, wandb_server):
    publish(plan, runs_only=True)
    content = next(iter(contents(plan).values()))
    there = Place(_server(wandb_server), "lab", PROJECT)
    runs_there.send_rows(there, content.opening.id, content.rows, len(content.rows), {})
    (problem,) = publish(plan, runs_only=True)
    assert f"found {2 * len(content.rows)} rows, expected {len(content.rows)}" in problem
    assert "send to another project with --project" in problem


@pytest.mark.parametrize(
    "note", [None, b"no JSON", b"[]", b'{"id": "VmlldzoxMjM0NTY=", "entity": "lab", "project": "q"}']
)
def test_the_report_is_found_and_renewed_whatever_the_note_says(place, plan, wandb_server, note):
    from pipeline.tracking import wandb_report

    content = sending.report_content(plan, list(contents(plan).values()), results_run.opening(plan))
    server = Place(_server(wandb_server), "lab", PROJECT)
    for _ in range(2):
        if note is not None:
            report_saving.known(STUDY).write_bytes(note)
        report_saving.save(STUDY, wandb_report.build(content, entity="lab", project=PROJECT), server)
    assert [each.saves for each in wandb_server.reports.values()] == [2]
    assert report_saving.known(STUDY).is_file() == (note is not None)


def test_stale_results_are_named_and_the_others_sent(place, plan, wandb_server):
    path = paths.summary(STUDY, "depth-backprop-b0")
    content = store.read_json(path)
    for run in content["runs"].values():
        run["settings"] = "0" * 12
    store.write_json(path, content)
    (problem,) = publish(plan, runs_only=True)
    assert problem.startswith("depth-backprop-s0: its results were made with other settings than the study has now")
    assert len(wandb_server.runs) == TRAINED - 1


def test_media_of_which_something_is_missing_are_seen(place, plan, wandb_server):
    assert publish(plan) == []
    opening, there = results_run.opening(plan), Place(_server(wandb_server), "lab", PROJECT)
    names = results_run.media(plan)
    pictures = {f"figures/{name}": store.sha256(path) for name, path in results_run.pictures(plan).items()}
    assert media_there.missing(there, opening.id, names, pictures) == []
    assert media_there.missing(there, opening.id, [*names, "figures/more"], pictures) == ["figures/more"]
    assert media_there.missing(there, opening.id, names, {"figures/learning_curves": "0" * 64}) == [
        "figures/learning_curves"
    ]
    assert media_there.missing(there, "0" * 16, names, pictures) == ["its row"]


def test_a_training_of_fifty_layers_has_fewer_than_a_thousand_metrics():
    from pipeline.learning.measurements import QUANTITIES
    from pipeline.tracking import metric_names

    names = {metric_names.metric(quantity, layer) for quantity in QUANTITIES for layer in range(52)}
    layered = [
        quantity for quantity in QUANTITIES if not quantity.startswith(("train_", "validation_", "test_", "batch"))
    ]
    assert set(QUANTITIES) == set(metric_names.NAMES), "each quantity has a name of its own"
    assert len(layered) * 51 + len(QUANTITIES) < 1000
    assert len(names) == 52 * len(QUANTITIES), "no two have the same name"
