"""Publishing as far as no account is needed: reading W&B's records, the report, artifacts and refusals."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline import __main__ as commands
from pipeline.results import paths, run_summaries, store
from pipeline.results.fingerprint import digest
from pipeline.stages import judge
from pipeline.study.plan import Plan
from pipeline.tracking import account, client, reader, recorder, sending, study_runs, upload, wandb_report

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")

ROOT = Path(__file__).parents[2]
RUN = "depth-backprop-hidden2-s0"
BLOCK = "depth-backprop-hidden2-b0"
KEY = "0123456789abcdef0123456789abcdef01234567"
TRAINED = {"settings": "abc", "inputs": {"data/x": "1"}}
IDENTITY = digest(["train", *TRAINED.values()])
NOWHERE = "http://127.0.0.1:9"  # the discard port, on which nobody listens


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with two offline records of one training and one record of the results."""
    place = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(place / "home"))
        patch.setattr(recorder, "LONGEST_SECONDS", 100)
        for first, job, identity in ((0, "train", IDENTITY), (40, "train", IDENTITY), (0, "results", "r")):
            tracker = client.start(
                name=RUN if job == "train" else "results",
                group="smoke-1",
                job_type=job,
                tags=["smoke"],
                config={"name": RUN},
                identity=identity,
                directory=place / "wandb",
                limit=100,
            )
            for step in range(first, 60, 20):
                tracker.log(step, {"loss": 1 / (1 + step)})
            tracker.finish()
            for folder in (place / "wandb").glob(f"offline-run-*-{client.run_id(job, identity)}"):
                if first == 0 and job == "train":
                    folder.rename(folder.with_name(f"offline-run-20200101_000000-{folder.name.rpartition('-')[2]}"))
    return place


@pytest.fixture
def place(recorded, tmp_path, monkeypatch):
    """A copy of that folder with a study's results and verdicts, and without a key."""
    shutil.copytree(recorded / "wandb", tmp_path / "wandb", symlinks=True)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "workflow").symlink_to(ROOT / "workflow")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    store.write_json(paths.metrics("smoke"), {"metrics": {}, "provenance": {"commit": "1" * 40}})
    ended = {RUN: {"status": "finished", "settings": TRAINED["settings"]}}
    store.write_json(paths.summary("smoke", BLOCK), run_summaries.content(BLOCK, ended, TRAINED))
    store.write_bytes(paths.drawing("smoke", "learning_curves", "csv"), b"a,b\n1,2\n")
    run = {"name": "results", "job_type": "results", "id": client.run_id("results", "r")}
    store.write_json(paths.tracked("smoke"), {"runs": [run]})
    judge.main(["--study", "smoke"])
    return tmp_path


def called(place, *more, **variables):
    """Run the command as a user does; returns its exit code and output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline", "publish", "--study", "smoke", *more],
        cwd=place,
        text=True,
        capture_output=True,
        env={**kept, "PYTHONPATH": str(ROOT), "HOME": str(place / "home"), **variables},
    )
    return done.returncode, done.stdout + done.stderr


def specification(place, *more):
    upload.main(["--study", "smoke", "--dry-run", *more])
    return json.loads((place / "results" / "smoke" / "wandb_report.json").read_text())


def written(place):
    """The content of all files except logs and the home folder."""
    return {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "home" not in p.parts and p.suffix != ".log"}


def test_a_record_is_read_as_w_and_b_wrote_it(recorded):
    runs = [study_runs.read_folder(folder) for folder in sorted((recorded / "wandb").glob("offline-run-*"))]
    assert [(run.name, run.group, run.job_type, run.first_step) for run in runs] == [
        (RUN, "smoke-1", "train", 0),
        (RUN, "smoke-1", "train", 40),
        ("results", "smoke-1", "results", 0),
    ]
    assert len({run.id for run in runs}) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else"])
def test_a_file_of_another_kind_is_named(place, content):
    folder = next((place / "wandb").glob("offline-run-20200101*"))
    next(folder.glob("*.wandb")).write_bytes(content)
    with pytest.raises(store.DamagedFileError, match=r"offline-run-20200101.*damaged, not used: found b'"):
        study_runs.read_folder(folder)


def test_a_file_of_another_run_is_named(place):
    first, *_, last = sorted((place / "wandb").glob("offline-run-*"), key=lambda path: path.name.rpartition("-")[2])
    assert first.name[-16:] != last.name[-16:]
    shutil.copy(next(last.glob("*.wandb")), next(first.glob("*.wandb")))
    with pytest.raises(store.DamagedFileError, match=f"expected run {first.name[-16:]}, found {last.name[-16:]}"):
        study_runs.read_folder(first)


def test_the_newest_record_of_a_run_is_sent_and_a_truncated_one_reported(place, capsys):
    specification(place)
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if f" train {RUN}" in line]
    assert line.startswith(client.run_id("train", IDENTITY))
    assert "begins at step 40: an earlier part was cut off and isn't sent" in line
    assert any(line.startswith("2 of 2 runs are recorded") for line in lines)


def test_w_and_bs_own_command_would_send_the_same_files(place):
    folder = study_runs.newest_offline(place / "wandb", client.run_id("train", IDENTITY)).folder
    command = [sys.executable, "-P", "-m", "wandb", "sync", "--dry-run", str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=place).stderr
    assert "Would sync 1 run(s)" in said
    assert folder.name in said
    assert "20200101" not in said


def test_a_run_without_a_record_is_reported_and_the_others_are_sent(place, capsys):
    (folder,) = (place / "wandb").glob(f"offline-run-*-{client.run_id('results', 'r')}")
    shutil.rmtree(folder)
    specification(place)
    said = capsys.readouterr().out
    assert "results results: no offline record in wandb, not sent" in said
    assert "1 of 2 runs are recorded" in said


def test_runs_that_w_and_bs_command_has_marked_count_as_sent(place, capsys):
    run = study_runs.newest_offline(place / "wandb", client.run_id("results", "r"))
    run.sync_mark.touch()
    specification(place)
    assert "results results: " in (said := capsys.readouterr().out)
    assert said.count("sent before") == 1
    from wandb.cli import beta_sync

    assert beta_sync._is_synced(run.folder / f"run-{run.id}.wandb")


def test_the_report_has_every_claim_with_its_figures_and_runs(place):
    blocks = specification(place)["blocks"]
    rows = store.read_json(paths.verdicts("smoke"))
    heads = [b["children"][0]["text"] for b in blocks if b["type"] == "heading" and b["level"] == 3]
    assert heads == [f"{row['id']}: {row['verdict']}" for row in rows if "." not in row["id"]]
    texts = [block["content"] for block in blocks if block["type"] == "markdown-block"]
    for row in rows:
        assert sum(f"| {row['id']} |" in text for text in texts) == 1
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    keys = [g["panelBankSectionConfig"]["panels"][0]["config"]["mediaKeys"] for g in grids[:-1]]
    figures = Plan.load("smoke").study.figures
    assert {row["figure"] for row in rows if row["figure"]} == {key for (key,) in keys}
    assert {key for (key,) in keys} <= set(figures)


def test_run_sets_select_by_group_type_name_and_id(place):
    grids = [b["metadata"] for b in specification(place)["blocks"] if b["type"] == "panel-grid"]
    (grid,) = [g for g in grids[:-1] if "learning_curves" in str(g["panelBankSectionConfig"])][:1]
    results, trainings = [
        {(f["key"]["section"], f["key"]["name"]): (f["op"], f["value"]) for f in each["filters"]["filters"]}
        for each in grid["runSets"]
    ]
    assert results == {("run", "name"): ("=", client.run_id("results", "r"))}
    assert trainings["run", "group"] == ("IN", ["smoke-1"])
    assert trainings["run", "jobType"] == ("=", "train")
    plan = Plan.load("smoke")
    (analysis,) = plan.reads("learning_curves").values()
    assert trainings["run", "displayName"] == ("IN", [run.name for run in plan.select(analysis)])
    everything = grids[-1]["runSets"][0]["filters"]["filters"]
    assert {each["key"]["name"] for each in everything} == {"group", "jobType"}


def test_artifacts_are_shown_with_their_lineage_if_the_entity_is_known(place):
    def panels(content):
        return [json.dumps(block) for block in content["blocks"] if block["type"] == "weave-panel"]

    assert panels(specification(place)) == []
    shown = panels(specification(place, "--entity", "lab", "--project", "p"))
    assert ["smoke-results" in shown[0], "smoke-runs" in shown[1]] == [True, True]
    assert all('"lab"' in each and '"lineage"' in each for each in shown)


def test_a_dry_run_needs_neither_key_nor_network_and_gives_equal_bytes(place):
    target = place / "results" / "smoke" / "wandb_report.json"
    codes = [called(place, "--dry-run", WANDB_BASE_URL=NOWHERE)]
    first = target.read_bytes()
    codes.append(called(place, "--dry-run", WANDB_BASE_URL=NOWHERE, WANDB_API_KEY=KEY))
    assert [code for code, _ in codes] == [0, 0], codes
    assert target.read_bytes() == first
    assert KEY not in codes[1][1] + first.decode()


def test_vertical_bars_and_line_breaks_are_escaped_in_tables():
    assert wandb_report._table(("a", "b"), [("x | y\nz", "``w``")]) == "| a | b |\n| --- | --- |\n| x \\| y z | `w` |"


def test_without_a_key_it_says_so_and_writes_nothing(place):
    before = written(place)
    code, said = called(place, WANDB_BASE_URL=NOWHERE)
    assert code == 2
    assert "nothing was sent: found no key for W&B" in said
    assert "wandb login" in said
    assert written(place) == before


@pytest.mark.parametrize("netrc", [False, True])
def test_without_a_network_it_says_so_and_hides_the_key(place, netrc):
    before = written(place)
    variables = {} if netrc else {"WANDB_API_KEY": KEY}
    if netrc:
        (place / "home").mkdir(exist_ok=True)
        file = place / "home" / ".netrc"
        file.write_text(f"machine 127.0.0.1:9\n  login user\n  password {KEY}\n")
        file.chmod(0o600)
    code, said = called(place, "--entity", "lab", WANDB_BASE_URL=NOWHERE, **variables)
    assert code == 2
    assert "nothing was sent: W&B's server does not answer within 3 s" in said
    assert KEY not in said
    assert written(place) == before


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that refuses every key and repeats it in its message."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(401)
        self.end_headers()
        self.wfile.write(json.dumps({"errors": [{"message": f"invalid key {KEY}"}]}).encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_refused_key_is_reported_before_anything_is_sent(place, refusing):
    before = written(place)
    code, said = called(place, "--entity", "lab", WANDB_BASE_URL=refusing, WANDB_API_KEY=KEY)
    assert code == 2
    assert "nothing was sent: W&B's server refuses" in said
    assert KEY not in said
    assert written(place) == before


def test_a_failed_sync_is_recognised(place, refusing, monkeypatch):
    """W&B's command ends with exit code 0 even then: only its mark beside the record counts."""
    monkeypatch.setenv("WANDB_BASE_URL", refusing)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    run = study_runs.newest_offline(place / "wandb", client.run_id("train", IDENTITY))
    run.sync_mark.touch()
    with pytest.raises(account.PublishError, match=f"did not send 1 of 1 runs, such as {RUN}"):
        sending.sync([run], "lab", "p")
    assert not run.synced


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    import socket

    monkeypatch.setattr(account, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert account.probe(f"http://127.0.0.1:{listening.getsockname()[1]}")
    assert account.probe("no address")


def test_a_server_that_refuses_is_there(refusing):
    assert account.probe(refusing) is None


def test_without_the_package_it_says_how_to_get_it(place):
    hidden = place / "hidden" / "wandb_workspaces"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    code, said = called(place, "--dry-run", PYTHONPATH=os.pathsep.join([str(hidden.parent), str(ROOT)]))
    assert code == 2
    assert "found no package wandb-workspaces" in said
    assert "make setup" in said


def test_a_study_without_records_or_verdicts_is_refused(place, capsys):
    shutil.rmtree(place / "wandb")
    with pytest.raises(SystemExit):
        commands.main(["publish", "--study", "smoke", "--dry-run"])
    assert "found no offline record of 2 runs of study 'smoke'" in capsys.readouterr().err
    paths.verdicts("smoke").unlink()
    with pytest.raises(SystemExit) as end:
        commands.main(["publish", "--study", "smoke", "--dry-run"])
    assert end.value.code == 2
    assert "verdicts.json: expected the study's results, found none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--help"], 0, "--entity"),
        (["--wrong"], 2, "the following arguments are required: --study"),
        (["--study", "smok"], 2, "did you mean 'smoke'?"),
        (["--study", "paper"], 2, "expected the study's results, found none"),
    ],
)
def test_help_and_refusals_load_no_heavy_package(place, arguments, code, message):
    script = (
        "import sys\nfrom pipeline import __main__ as commands\n"
        "try: commands.main(['publish', *sys.argv[1:]])\n"
        "except SystemExit as end: print(end.code, {'torch', 'wandb', 'pandas', 'numpy'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", script, *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == f"{code} set()"
    assert message in done.stdout + done.stderr


def test_artifacts_go_by_their_content(place):
    plan = Plan.load("smoke")
    trainings, results = sending.artifacts("smoke", plan)
    assert set(trainings.manifest.entries) == {f"train/{BLOCK}/summary.json"}
    assert set(results.manifest.entries) == {"metrics.json", "verdicts.json", "draw/learning_curves.csv"}
    assert sending.artifacts("smoke", plan)[1].digest == results.digest
    store.write_bytes(paths.drawing("smoke", "learning_curves", "csv"), b"a,b\n1,3\n")
    assert sending.artifacts("smoke", plan)[1].digest != results.digest


def test_an_artifact_of_results_is_recorded_as_the_output_of_its_run(place):
    """W&B's offline mode doesn't record inputs of runs, so the other half of the lineage isn't tested here."""
    script = (
        "import wandb\nfrom pipeline.study.plan import Plan\nfrom pipeline.tracking import sending\n"
        "_, results = sending.artifacts('smoke', Plan.load('smoke'))\n"
        "with wandb.init(mode='offline', job_type='publish', id='p1', project='p') as run:\n"
        "    run.log_artifact(results)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-P", "-c", script], cwd=place, check=True, env=environment)
    (folder,) = (place / "wandb").glob("offline-run-*-p1")
    (logged,) = [
        record.request.log_artifact.artifact if record.HasField("request") else record.artifact
        for record in reader.records(folder / "run-p1.wandb")
        if record.WhichOneof("record_type") == "artifact"
        or (record.HasField("request") and record.request.WhichOneof("request_type") == "log_artifact")
    ]
    assert (logged.name, logged.type) == ("smoke-results", "results")
    assert {entry.path for entry in logged.manifest.contents} == {
        "metrics.json",
        "verdicts.json",
        "draw/learning_curves.csv",
    }


class Saved:
    """A fake report; saving a real one needs an account."""

    entity, project, id = "lab", "p", ""

    @property
    def url(self):
        return f"address/{self.id}"

    def save(self):
        self.id = self.id or f"made-for-{self.project}"


def test_a_report_is_saved_in_the_place_of_the_one_before(place):
    assert sending.save_report("smoke", Saved()) == "address/made-for-p"
    again = Saved()
    again.save = lambda: None  # the server keeps an id that it is given
    assert sending.save_report("smoke", again) == "address/made-for-p"
    elsewhere = Saved()
    elsewhere.project = "q"
    assert sending.save_report("smoke", elsewhere) == "address/made-for-q"
