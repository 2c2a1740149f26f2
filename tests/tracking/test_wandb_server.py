"""The tests' own W&B server with W&B's real clients: what is sent is read back as it was sent."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("graphql", reason="the extra `servers` of pyproject.toml isn't installed")


CLIENT = """
import json, sys, wandb
settings = wandb.Settings(console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True,
    x_disable_machine_info=True, x_save_requirements=False, init_timeout=3)
def start(id, **given):
    return wandb.init(project="p", id=id, settings=settings, reinit="create_new", **given)
"""
LOG = """
def log(run):
    for step in range(50):
        run.log({"loss": 1 / (3 + step), "tiny": 5e-324 * step, "large": 1.7976931348623157e308}, step=10 * step)
    run.summary["best"] = 0.1 + 0.2
"""
LOGGED = {10 * step: (1 / (3 + step), 5e-324 * step, 1.7976931348623157e308) for step in range(50)}


@pytest.fixture
def call(wandb_server, tmp_path):
    """A function that runs a client's code and returns what it prints, as JSON."""

    def run(code, *, command=(), **variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        environment |= wandb_server.environment(tmp_path, **variables)
        given = command or (sys.executable, "-P", "-c", CLIENT + LOG + code)
        done = subprocess.run(given, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith(("[", "{")) else done.stdout + done.stderr

    return run


def columns(run):
    return {row["_step"]: (row["loss"], row["tiny"], row["large"]) for row in run.rows}


def test_an_online_run_is_read_back_to_the_bit(wandb_server, call):
    read = call(
        """
with start("a", name="first", group="g", job_type="train", tags=["x"], config={"rate": 0.1}) as run:
    log(run)
run = wandb.Api().run("lab/p/a")
print(json.dumps({"rows": list(run.scan_history()), "some": list(run.scan_history(keys=["loss"])),
    "sampled": len(run.history(samples=20, pandas=False)), "best": run.summary["best"], "config": dict(run.config),
    "state": run.state, "files": sorted(file.name for file in run.files()), "last": run.lastHistoryStep,
    "found": [each.id for each in wandb.Api().runs("lab/p", filters={"group": "g", "config.rate": 0.1})],
    "none": [each.id for each in wandb.Api().runs("lab/p", filters={"group": "h"})]}))
"""
    )
    run = wandb_server.runs["a"]
    assert columns(run) == LOGGED
    assert {row["_step"]: (row["loss"], row["tiny"], row["large"]) for row in read["rows"]} == LOGGED
    assert [row["loss"] for row in read["some"]] == [loss for _, loss in run.column("loss")]
    assert (run.name, run.group, run.job_type, run.tags, run.settings) == ("first", "g", "train", ["x"], {"rate": 0.1})
    assert (run.state, run.exit_code, run.upserts, run.sent_twice) == ("finished", 0, run.upserts, 0)
    assert (read["best"], read["config"], read["state"], read["last"]) == (0.1 + 0.2, {"rate": 0.1}, "finished", 490)
    assert (read["sampled"], read["found"], read["none"]) == (20, ["a"], [])
    assert read["files"] == sorted(run.files)
    assert json.loads(run.files["wandb-summary.json"].content)["best"] == 0.1 + 0.2


@pytest.mark.parametrize("appends", [False, True])
def test_an_offline_run_that_is_sent_twice_is_one_run(wandb_server, call, tmp_path, appends):
    wandb_server.appends = appends
    call("with start('a', mode='offline', config={'rate': 1}) as run: log(run)")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*-a")
    sync = (sys.executable, "-P", "-m", "wandb", "sync", "--include-synced", str(folder))
    call("", command=sync)
    once = wandb_server.runs["a"]
    assert (columns(once), once.state, once.settings, once.sent_twice) == (LOGGED, "finished", {"rate": 1}, 0)
    call("", command=sync)
    twice = wandb_server.runs["a"]
    assert len(wandb_server.runs) == 1
    assert columns(twice) == LOGGED
    assert (len(twice.rows), twice.sent_twice) == ((100, 0) if appends else (50, 50))


def test_artifacts_have_versions_aliases_and_a_lineage(wandb_server, call, tmp_path):
    read = call(
        """
from pathlib import Path
def made(name, text):
    Path("file.txt").write_text(text)
    artifact = wandb.Artifact(name, type="results", metadata={"n": 1})
    artifact.add_file("file.txt")
    return artifact
for id, text in (("a", "one"), ("b", "two"), ("c", "two")):
    with start(id) as run:
        run.use_artifact(made("given", "same"))
        run.log_artifact(made("results", text), aliases=["best"] if id == "a" else None).wait()
api = wandb.Api()
newest = api.artifact("lab/p/results:latest")
print(json.dumps({"version": newest.version, "best": api.artifact("lab/p/results:best").version,
    "text": Path(newest.download(root="there"), "file.txt").read_text(), "metadata": newest.metadata,
    "maker": newest.logged_by().id, "users": [run.id for run in api.artifact("lab/p/given:v0").used_by()],
    "used": [each.name for each in api.run("lab/p/b").used_artifacts()],
    "absent": api.artifact_exists("lab/p/absent:latest")}))
"""
    )
    assert read == {
        "version": "v1", "best": "v0", "text": "two", "metadata": {"n": 1}, "maker": "b", "users": ["a", "b", "c"],
        "used": ["given:v0"], "absent": False,
    }  # fmt: skip
    assert list(wandb_server.artifacts) == ["p/given:v0", "p/results:v0", "p/results:v1"]
    assert wandb_server.artifacts["results:latest"].files["file.txt"].content == b"two"
    assert wandb_server.artifacts["results:best"].version == 0


def test_a_report_is_saved_and_renewed_in_place(wandb_server, call):
    pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
    read = call(
        """
import warnings; warnings.simplefilter("ignore")
import wandb_workspaces.reports.v2 as wr
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    first = wr.Report(entity="lab", project="p", title="First", blocks=[wr.H1("one")])
    first.save()
    again = wr.Report.from_url(first.url)
    again.title, again.blocks = "Second", [*again.blocks, wr.H1("two")]
    again.save()
print(json.dumps([first.id == again.id, len(wr.Report.from_url(again.url).blocks)]))
"""
    )
    assert read == [True, 2]
    assert list(wandb_server.reports) == ["p/Second"]
    assert wandb_server.reports["Second"].saves == 2
    assert '"two"' in wandb_server.reports["Second"].spec


def test_the_id_of_a_deleted_run_is_refused(wandb_server, call):
    call("for id in 'ab': start(id).finish()")
    wandb_server.delete_run("a")
    said = call(
        """
wandb.Api().run("lab/p/b").delete()
for id in "ab":
    try:
        start(id)
    except wandb.errors.CommError as error:
        print(error)
"""
    )
    for id in "ab":
        assert f"run lab/p/{id} was previously created and deleted; try a new run name" in said
    assert list(wandb_server.runs) == []
    with pytest.raises(KeyError, match="expected one run 'a' on the server, found 0: none"):
        wandb_server.runs["a"]


def test_what_is_written_is_readable_later(wandb_server, call):
    wandb_server.lateness = 1000
    script = """
with start("{id}") as run: log(run)
try:
    print(json.dumps({{"rows": len(list(wandb.Api().run("lab/p/{id}").scan_history()))}}))
except Exception as error:
    print(json.dumps({{"error": str(error)}}))
"""
    assert "Could not find run" in call(script.format(id="a"))["error"]
    assert len(wandb_server.runs["a"].rows) == len(LOGGED)
    wandb_server.lateness = 0
    assert call(script.format(id="b")) == {"rows": 50}
