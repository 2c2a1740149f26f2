"""Recording with the real W&B: offline, and online with and without a server."""

import collections
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fault_page import told
from tracked_runs import KEY, PATIENT, PROMISED_SECONDS, emptied, gone, one_line, recorded, start, within

from pipeline.tracking import client, live, run_content
from pipeline.tracking.limits import Limits

ROOT = Path(__file__).parents[2]


@pytest.fixture
def begin(tmp_path, monkeypatch):
    return functools.partial(start, tmp_path, monkeypatch)


def records(folder):
    """The records of the one offline run, by kind, from W&B's own reader."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--json", str(path)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=plain)
    found = collections.defaultdict(list)
    for record in map(json.loads, done.stdout.splitlines()):
        found[record["type"]].append(record[record["type"]])
    return found


# --- offline


def test_an_offline_run_holds_all_that_was_recorded(tmp_path, begin, capfd):
    import matplotlib.pyplot as plt

    plt.imsave(tmp_path / "picture.png", np.zeros((4, 4)))
    table = pd.DataFrame({"layer": [1, 2], "cca": [0.25, np.nan], "name": ["x", None]})
    table.to_parquet(tmp_path / "table.parquet")
    with begin() as tracker:
        for step in (0, 10, 20):
            tracker.log(step, {"step": step, "train/loss": np.float32(1.5 - step), "train/accuracy": step})
        tracker.log(20, {"sg/cosine/layer_07": 0.1 + 0.2})
        tracker.summary({"status": "finished", "n": np.int64(3), "seeds": np.arange(2)})
        tracker.figure("figures/curves", tmp_path / "picture.png")
        tracker.table("tables/given", table)
        tracker.table("tables/read", tmp_path / "table.parquet")
    assert capfd.readouterr() == ("", "")

    found = records(tmp_path)
    (run,) = found["run"]
    assert run["run_id"] == run_content.run_id("train", "abc")
    assert (run["display_name"], run["run_group"], run["job_type"]) == ("every_sg-s0", "study-1", "train")
    assert run["project"] == "synthetic-gradients"
    assert run["tags"] == ["every_sg", "smoke", "t" * 64]
    assert "host" not in run, "nothing of this machine"
    assert not found["environment"]
    config = run["config"]["update"]
    assert (config["training"], config["rate"], config["root"]) == ({"steps": 3}, 0.5, str(tmp_path))
    assert recorded(tmp_path)["every_sg-s0"].rows[:3] == [
        (0, {"step": 0.0, "train/loss": 1.5, "train/accuracy": 0.0}),
        (10, {"step": 10.0, "train/loss": -8.5, "train/accuracy": 10.0}),
        (20, {"step": 20.0, "train/loss": -18.5, "train/accuracy": 20.0, "sg/cosine/layer_07": 0.1 + 0.2}),
    ]
    defined = {each["name"]: (each.get("step_metric"), each.get("summary")) for each in found["metric"]}
    assert defined == {
        "step": (None, None),
        "train/loss": ("step", {"min": True, "last": True}),
        "train/accuracy": ("step", {"max": True, "last": True}),
        "sg/cosine/layer_07": ("step", None),
    }
    merged = {k: v for item in found["summary"] for k, v in item["update"].items()}
    assert (merged["status"], merged["n"], merged["seeds"]) == ("finished", 3, [0, 1])
    assert (merged["train/loss"], merged["train/accuracy"]) == ({"min": -18.5, "last": -18.5}, {"max": 20, "last": 20})
    assert [record["exit_code"] for record in found["exit"]] == [0]
    (files,) = tmp_path.glob("wandb/offline-run-*/files")
    assert len(list(files.glob("media/images/figures/curves_*.png"))) == 1
    for name in ("given", "read"):
        (path,) = files.glob(f"media/table/tables/{name}_*.table.json")
        content = json.loads(path.read_text())
        assert content["columns"] == ["layer", "cca", "name"]
        assert content["data"] == [[1, 0.25, "x"], [2, None, None]]
    assert not list(files.glob("*.log")), "no console output"
    assert not list(files.glob("code*")), "no source code"
    assert not list((tmp_path / "home").rglob("*")), "nothing outside of the project"
    assert {path.name for path in tmp_path.iterdir()} <= {"wandb", "home", "temporary", "picture.png", "table.parquet"}
    emptied(tmp_path / "temporary")
    assert list((tmp_path / "wandb" / "data").rglob("*")), "what is staged for sending stays in the project"


def test_a_failing_job_keeps_its_error_and_leaves_a_failed_run(tmp_path, begin, capfd):
    def job():
        with begin() as tracker:
            tracker.log(1, {"loss": 2.0})
            tracker.log(2, {"loss": "no number"})
            tracker.figure("absent", tmp_path / "absent.png")
            tracker.log(3, {"loss": 1.0})
            raise KeyError("the job's own")

    with pytest.raises(KeyError, match="the job's own"):
        job()
    line = one_line(capfd)
    assert "log is not recorded: ValueError" in line
    assert "figure is not recorded: FileNotFoundError" in line
    run = recorded(tmp_path)["every_sg-s0"]
    assert f"recorded in {os.path.relpath(run.folder)}; " in line
    assert ([step for step, _ in run.rows], run.status) == ([1, 3], "failed")


def test_a_killed_job_leaves_its_numbers_and_no_process(tmp_path):
    script = (
        "import os, signal; from pathlib import Path; from pipeline.tracking import client\n"
        "from pipeline.tracking.run_content import Opening\n"
        "t = client.start(Opening('n', 'g', 'train', {}, 'x'), study='smoke', directory=Path('wandb'))\n"
        "[t.log(step, {'loss': step}) for step in range(5)]\n"
        "print(t.recorder.record.process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    gone(int(done.stdout))
    run = recorded(tmp_path)["n"]
    assert ([step for step, _ in run.rows], run.status) == ([0, 1, 2, 3, 4], "failed")
    emptied(temporary)


def test_a_job_that_can_not_wait_leaves_a_complete_record(tmp_path, begin, capfd):
    """As on a machine so busy that W&B's process has not even begun."""
    with begin(limits=within(PATIENT, record=0.0)) as tracker:
        pid = tracker.recorder.record.process.pid
        for step in range(96):
            tracker.log(step, {"loss": step})
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert "W&B had not recorded everything after 0 s; its process goes on for 600 s at most" in one_line(capfd)
    gone(pid)
    run = recorded(tmp_path)["every_sg-s0"]
    assert (len(run.rows), run.status) == (96, "finished")
    emptied(tmp_path / "temporary")


# --- online


@pytest.fixture
def online(begin, wandb_server, monkeypatch):
    """A function that starts a run online."""
    return functools.partial(
        begin, mode="online", WANDB_API_KEY=wandb_server.key, WANDB_BASE_URL=wandb_server.url, no_proxy="127.0.0.1"
    )


def test_online_the_numbers_are_sent_and_the_record_is_the_same(tmp_path, online, wandb_server, capfd):
    with online() as tracker:
        for step in range(0, 50, 10):
            tracker.log(step, {"step": step, "train/loss": 1 / (3 + step), "odd": float("nan")})
        tracker.summary({"status": "finished"})
    line = one_line(capfd, "note")
    run = recorded(tmp_path)["every_sg-s0"]
    assert line.startswith(f"note: tracking: recorded in {os.path.relpath(run.folder)}; ")
    assert line.endswith("checks what W&B has, and sends the rest")
    there = wandb_server.runs[run.id]
    assert there.column("train/loss") == [(step, numbers["train/loss"]) for step, numbers in run.rows]
    assert (there.name, there.group, there.job_type) == ("every_sg-s0", "study-1", "train")
    assert (there.state, there.sent_twice) == ("finished", 0)
    assert (there.host, there.program) == (None, None)
    assert there.summary["train/loss"] == {"min": 1 / 43, "last": 1 / 43}
    assert set(there.config["_wandb"]["value"]) == {"m"}, "no telemetry"


def test_a_job_that_starts_again_sends_no_row_twice(tmp_path, online, wandb_server, monkeypatch):
    monkeypatch.setattr(live, "INTERVAL_SECONDS", 0.1)
    for last in (3, 5):
        with online() as tracker:
            for step in range(last):
                tracker.log(step, {"train/loss": 1 / (3 + step)})
    (there,) = wandb_server.runs.values()
    assert there.column("train/loss") == [(step, 1 / (3 + step)) for step in range(5)]


@pytest.fixture
def nowhere(request):
    """The address of a server that is closed, or never answers."""
    if request.param == "closed":
        yield "http://127.0.0.1:9"
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("nowhere", ["closed", "silent"], indirect=True)
def test_without_a_server_the_run_is_recorded_and_the_job_told(tmp_path, begin, nowhere, capfd):
    limits = within(PATIENT, network=5)
    with begin(
        mode="online", limits=limits, WANDB_API_KEY=KEY, WANDB_BASE_URL=nowhere, no_proxy="127.0.0.1"
    ) as tracker:
        tracker.log(4, {"step": 4, "loss": 2.0})
    line = one_line(capfd)
    told("W&B can't be reached", line)
    assert KEY not in line
    run = recorded(tmp_path)["every_sg-s0"]
    assert os.path.relpath(run.folder) in line
    assert (run.rows, run.status) == ([(4, {"step": 4.0, "loss": 2.0})], "finished")
    emptied(tmp_path / "temporary")


def test_without_a_key_it_says_so(tmp_path, begin, capfd):
    with begin(mode="online", WANDB_BASE_URL="http://127.0.0.1:9") as tracker:
        tracker.log(4, {"loss": 2.0})
    assert "found no key for W&B" in one_line(capfd)
    assert recorded(tmp_path)["every_sg-s0"].status == "finished"


def test_the_limits_keep_the_promise():
    limits = Limits()
    assert max(limits.record, limits.network) + 2 <= PROMISED_SECONDS
    assert client.mode() in {"offline", "disabled", "online"}


def test_the_documentation_has_the_limits(root):
    limits, text = Limits(), " ".join((root / "docs" / "wandb.md").read_text().split())
    assert (
        f"waits {limits.record:g} s for the record and, at the same time, {limits.network:g} s for the server" in text
    )
    assert f"a limit of {limits.answer:g} s and four repetitions" in text
    assert (limits.orphan, "for ten minutes at most" in text) == (600, True)
    assert (limits.late, "(`--patience`, one minute)" in text) == (60, True)
    assert limits.retries == 4
