"""Publishing as far as no account is needed: the list of runs, the report as JSON, and refusals."""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_results import QUICK, TRAINED, called
from small_study import ROOT

from pipeline import __main__ as commands
from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.tracking import account, lineage, report_markdown, results_run, trainings, upload, wandb_report
from pipeline.tracking.server import Server, ServerError
from pipeline.verdicts import claim_rows, sentences

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")

STUDY = "small"
KEY = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = "http://127.0.0.1:9"  # the discard port, on which nobody listens


def specification(place, *more):
    upload.main(["--study", STUDY, "--dry-run", *more])
    return json.loads((place / "results" / STUDY / "wandb_report.json").read_text())


def written(place):
    """The content of all files except logs and the home folder."""
    return {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "home" not in p.parts and p.suffix != ".log"}


# --- what would be sent


def test_a_dry_run_lists_each_run_and_what_its_record_is_worth(place, capsys):
    shutil.rmtree(next(place.glob("wandb/offline-run-*-" + _id("tuned-one_sg-s0"))))
    specification(place)
    lines = capsys.readouterr().out.splitlines()
    (made,) = [line for line in lines if " tuned-one_sg-s0: " in line]
    assert made.endswith(f"{_rows('tuned-one_sg-s0')} rows, not recorded here: made from the results")
    assert sum(line.endswith("rows, recorded here") for line in lines) == TRAINED - 1
    plan = Plan.load(STUDY)
    assert (
        f"{TRAINED} of {len(plan.runs)} trainings can be sent; {TRAINED - 1} are completely recorded in wandb/" in lines
    )
    assert lines[-1].endswith("nothing was sent")


def test_a_record_under_older_names_is_named(place, capsys, monkeypatch):
    from pipeline.tracking import reader

    monkeypatch.setattr(reader.OfflineRun, "is_old", True)
    specification(place)
    assert "recorded under the names of an older version: made from the results" in capsys.readouterr().out


def test_a_damaged_record_is_named_and_the_run_made_from_the_results(place, capsys):
    (path,) = place.glob("wandb/offline-run-*/run-" + _id("tuned-one_sg-s0") + ".wandb")
    path.write_bytes(b"bad")
    specification(place)
    said = capsys.readouterr().out
    assert f"{path.relative_to(place)}: damaged, not used: found b'bad'" in said
    rows = _rows("tuned-one_sg-s0")
    assert f"tuned-one_sg-s0: {rows} rows, not recorded here: made from the results" in said


def _id(name):
    return dict(trainings.from_results(Plan.load(STUDY)))[name].opening.id


def _rows(name):
    """The steps of a run's history."""
    history = store.read_table(paths.history(STUDY, Plan.load(STUDY).block(name)))
    return history.loc[history["run"] == name, "step"].nunique()


def test_the_report_has_every_claim_with_its_figures_and_runs(place):
    blocks = specification(place)["blocks"]
    rows = store.read_json(paths.verdicts(STUDY))
    heads = [b["children"][0]["text"] for b in blocks if b["type"] == "heading" and b["level"] == 3]
    assert heads == [f"{row['id']}: {row['verdict']}" for row in rows if "." not in row["id"]]
    texts = [block["content"] for block in blocks if block["type"] == "markdown-block"]
    for row in rows:
        assert sum(f"| {row['id']} |" in text for text in texts) == 1
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    keys = [g["panelBankSectionConfig"]["panels"][0]["config"]["mediaKeys"] for g in grids[:-1]]
    shown = {row["figure"] for row in rows if row["figure"]} & set(Plan.load(STUDY).study.figures)
    assert {f"figures/{name}" for name in shown} == {key for (key,) in keys} != set()
    assert {key for (key,) in keys} <= set(results_run.media(Plan.load(STUDY)))


def test_run_sets_select_by_group_type_name_and_id(place):
    grids = [b["metadata"] for b in specification(place)["blocks"] if b["type"] == "panel-grid"]
    (grid,) = [g for g in grids[:-1] if "'figures/learning_curves'" in str(g["panelBankSectionConfig"])][:1]
    results, training = [
        {(f["key"]["section"], f["key"]["name"]): (f["op"], f["value"]) for f in each["filters"]["filters"]}
        for each in grid["runSets"]
    ]
    plan = Plan.load(STUDY)
    assert results == {("run", "name"): ("=", results_run.opening(plan).id)}
    assert training["run", "group"] == ("IN", [trainings.group(plan)])
    assert training["run", "jobType"] == ("=", "train")
    drawn = [run.name for analysis in plan.analyses_of("learning_curves") for run in plan.select(analysis)]
    assert training["run", "displayName"] == ("IN", drawn)
    everything = grids[-1]["runSets"][0]["filters"]["filters"]
    assert {each["key"]["name"] for each in everything} == {"group", "jobType"}


def test_the_findings_come_first_and_runs_have_live_curves_grouped_by_method_and_depth(place):
    blocks = specification(place)["blocks"]
    rows = store.read_json(paths.verdicts(STUDY))
    said = "\n".join(f"- {each}" for each in sentences.sentences(claim_rows.by_claim(rows)))
    first = next(block["content"] for block in blocks if block["type"] == "markdown-block")
    assert first == said
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    with_runs = [grid for grid in grids[:-1] if len(grid["runSets"]) == 2]
    assert with_runs
    for grid in [*with_runs, grids[-1]]:
        (training,) = [each for each in grid["runSets"] if each["name"] == wandb_report.TRAININGS]
        assert [key["name"] for key in training["grouping"]] == ["method.value", "depth.value"]
        curves = [panel["config"] for panel in grid["panelBankSectionConfig"]["panels"] if "Line" in panel["viewType"]]
        assert [curve["metrics"] for curve in curves][:2] == [["train/loss"], ["validation/accuracy"]]
        assert "sg/cosine/" in json.dumps(curves[2])
        assert {(curve["groupAgg"], curve["groupArea"]) for curve in curves} == {("mean", "stddev")}
    logged = {name for run in trainings.from_results(Plan.load(STUDY)) for row in run[1].rows for name in row[1]}
    assert {"train/loss", "validation/accuracy", "test/accuracy"} <= logged
    assert any(re.fullmatch("sg/cosine/.*", name) for name in logged)


def test_artifacts_are_shown_with_their_lineage_if_the_entity_is_known(place):
    def panels(content):
        return [json.dumps(block) for block in content["blocks"] if block["type"] == "weave-panel"]

    assert panels(specification(place)) == []
    shown = panels(specification(place, "--entity", "lab", "--project", "p"))
    for name, panel in zip(lineage.NAMES, shown, strict=True):
        assert f'"{STUDY}-{name}"' in panel
        assert '"lab"' in panel
        assert '"lineage"' in panel


def test_a_dry_run_needs_neither_key_nor_network_and_gives_equal_bytes(place):
    target = place / "results" / STUDY / "wandb_report.json"
    codes = [called(place, "--dry-run", WANDB_BASE_URL=NOWHERE)]
    first = target.read_bytes()
    codes.append(called(place, "--dry-run", WANDB_BASE_URL=NOWHERE, WANDB_API_KEY=KEY))
    assert [code for code, _ in codes] == [0, 0], codes
    assert target.read_bytes() == first
    assert KEY not in codes[1][1] + first.decode()


def test_vertical_bars_and_line_breaks_are_escaped_in_tables():
    assert report_markdown.table(("a", "b"), [("x | y\nz", "``w``")]) == "| a | b |\n| --- | --- |\n| x \\| y z | `w` |"


# --- refusals


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
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_refused_key_is_reported_before_anything_is_sent(place, refusing):
    before = written(place)
    code, said = called(place, "--entity", "lab", WANDB_BASE_URL=refusing, WANDB_API_KEY=KEY)
    assert code == 2
    assert "nothing was sent: W&B's server refuses: Viewer: HTTP 401" in said
    assert KEY not in said
    assert written(place) == before


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(account, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert account.probe(address)
        with pytest.raises(ServerError, match=r"Viewer: no answer within 0.2 s \(2 tries\)"):
            Server(address, KEY, within(answer=0.2)).ask("Viewer", account.VIEWER)
    assert account.probe("no address")


def within(**changed):
    from dataclasses import replace

    return replace(QUICK, **changed)


def test_a_server_that_refuses_is_there(refusing):
    assert account.probe(refusing) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"<html>no</html>", "expected JSON"), (b'{"data": null}', "expected data"), (b"[1]", "expected data")],
)
def test_an_answer_of_another_kind_is_named(content, said):
    class Odd(Refusing):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with pytest.raises(ServerError, match=f"Viewer: {said}"):
            Server(f"http://127.0.0.1:{server.server_port}", KEY, within(retries=0)).ask("Viewer", account.VIEWER)
        server.shutdown()


def test_without_the_package_it_says_how_to_get_it(place):
    hidden = place / "hidden" / "wandb_workspaces"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    code, said = called(place, "--dry-run", PYTHONPATH=os.pathsep.join([str(hidden.parent), str(ROOT)]))
    assert code == 2
    assert "found no package wandb-workspaces" in said
    assert "make setup" in said


def test_without_verdicts_the_runs_are_sent_and_without_runs_nothing(place, capsys):
    paths.verdicts(STUDY).unlink()
    commands.main(["publish", "--study", STUDY, "--dry-run"])
    said = capsys.readouterr().out
    assert "no report yet: the study has no headline numbers or no verdicts" in said
    assert f"{TRAINED} of " in said
    shutil.rmtree(paths.results(STUDY) / "train")
    with pytest.raises(SystemExit) as end:
        commands.main(["publish", "--study", STUDY, "--dry-run"])
    assert end.value.code == 2
    assert "results/small: expected the study's results, found none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--help"], 0, "--entity"),
        (["--wrong"], 2, "the following arguments are required: --study"),
        (["--study", "smal"], 2, "did you mean 'small'?"),
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


def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(place, wandb_server):
    import signal

    from wandb_server.faults import Hanging

    wandb_server.faults.add("file_stream", Hanging(), after=2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    variables = {**kept, **wandb_server.environment(place), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "pipeline", "publish", "--study", STUDY]
    process = subprocess.Popen(
        command, cwd=place, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while len(wandb_server.calls("file_stream")) < 3:
        assert process.poll() is None
        threading.Event().wait(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 130, said
    assert "interrupted; the same command goes on, and sends nothing twice" in said
    wandb_server.faults.clear()
    code, said = called(place, **wandb_server.environment(place))
    assert code == 0, said
    assert sum(run.sent_twice for run in wandb_server.runs.values()) == 0
    assert Path(paths.results(STUDY), "published.json").is_file()
