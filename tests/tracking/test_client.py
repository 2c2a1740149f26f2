"""Tracking with the real W&B: offline, and online without a server."""

import collections
import contextlib
import functools
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fault_page import told
from tracked_runs import KEY, gone, one_warning, start

from pipeline.tracking import client

ROOT = Path(__file__).parents[2]


@pytest.fixture
def begin(tmp_path, monkeypatch):
    return functools.partial(start, tmp_path, monkeypatch)


def recorded(folder):
    """The records of the one offline run, by kind, from W&B's own reader."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--json", str(path)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=plain)
    found = collections.defaultdict(list)
    for record in map(json.loads, done.stdout.splitlines()):
        found[record["type"]].append(record[record["type"]])
    return found


def history(records):
    return {int(item["item"]["_step"]): item["item"] for item in records["history"]}


def exit_codes(records):
    return [record["exit_code"] for record in records["exit"]]


# --- offline


def test_an_offline_run_holds_all_that_was_recorded(tmp_path, begin, capfd):
    import matplotlib.pyplot as plt

    plt.imsave(tmp_path / "picture.png", np.zeros((4, 4)))
    table = pd.DataFrame({"layer": [1, 2], "cca": [0.25, np.nan], "name": ["x", None]})
    table.to_parquet(tmp_path / "table.parquet")
    with begin() as tracker:
        for step in (0, 10, 20):
            tracker.log(step, {"loss": np.float32(1.5 - step), "acc/train": step})
        tracker.summary({"test_accuracy": np.float64(0.5), "n": np.int64(3), "seeds": np.arange(2)})
        tracker.figure("curves", tmp_path / "picture.png")
        tracker.table("given", table)
        tracker.table("read", tmp_path / "table.parquet")
    assert capfd.readouterr() == ("", "")

    records = recorded(tmp_path)
    (run,) = records["run"]
    assert run["run_id"] == client.run_id("train", "abc")
    assert (run["display_name"], run["run_group"], run["job_type"]) == ("every_sg-s0", "study-1", "train")
    assert run["project"] == "synthetic-gradients"
    assert run["tags"] == ["every_sg", "smoke", "t" * 64]
    config = run["config"]["update"]
    assert (config["training"], config["rate"], config["root"]) == ({"steps": 3}, 0.5, str(tmp_path))
    steps = history(records)
    assert {step: (item["loss"], item["acc/train"]) for step, item in steps.items() if "loss" in item} == {
        0: (1.5, 0),
        10: (-8.5, 10),
        20: (-18.5, 20),
    }
    merged = {k: v for item in records["summary"] for k, v in item["update"].items()}
    assert (merged["test_accuracy"], merged["n"], merged["seeds"]) == (0.5, 3, [0, 1])
    assert exit_codes(records) == [0]
    (files,) = tmp_path.glob("wandb/offline-run-*/files")
    assert len(list(files.glob("media/images/curves_*.png"))) == 1
    for name in ("given", "read"):
        (path,) = files.glob(f"media/table/{name}_*.table.json")
        content = json.loads(path.read_text())
        assert content["columns"] == ["layer", "cca", "name"]
        assert content["data"] == [[1, 0.25, "x"], [2, None, None]]
    assert not list(files.glob("*.log")), "no console output"
    assert not list(files.glob("code*")), "no source code"
    assert not list((tmp_path / "home").rglob("*")), "nothing outside of the project"
    assert {path.name for path in tmp_path.iterdir()} <= {"wandb", "home", "temporary", "picture.png", "table.parquet"}
    assert not list((tmp_path / "temporary").iterdir()), "nothing stays in the system's temporary folder"
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
    line = one_warning(capfd)
    assert "log is not recorded: ValueError" in line
    assert "figure is not recorded: FileNotFoundError" in line
    (run,) = tmp_path.glob("wandb/offline-run-*")
    assert f"wandb sync {os.path.relpath(run)}" in line
    records = recorded(tmp_path)
    assert list(history(records)) == [1, 3]
    assert exit_codes(records) == [1]


def test_a_killed_job_leaves_its_numbers_and_no_process(tmp_path):
    script = (
        "import os, signal, time; from pathlib import Path; from pipeline.tracking import client as tracking\n"
        "t = tracking.start(name='n', group='g', job_type='train', config={}, identity='x', directory=Path('wandb'))\n"
        "[t.log(step, {'loss': step}) for step in range(5)]\n"
        "while not t.recorder.queue.empty(): time.sleep(0.01)\n"
        "time.sleep(0.1); print(t.recorder.process.pid, flush=True); os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == -signal.SIGTERM
    gone(int(done.stdout))
    records = recorded(tmp_path)
    assert list(history(records)) == [0, 1, 2, 3, 4]
    assert exit_codes(records) == [1]
    assert not list(temporary.iterdir())


# --- online, but not reached


@pytest.fixture
def server():
    """A function that returns the address of a local server: `silent` never answers, `wrong` isn't W&B's."""
    with contextlib.ExitStack() as stack:

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(404)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        def make(kind):
            if kind == "closed":
                return "http://127.0.0.1:9"
            if kind == "silent":
                listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                return f"http://127.0.0.1:{listener.getsockname()[1]}"
            web = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}).start()
            stack.callback(web.shutdown)
            return f"http://127.0.0.1:{web.server_port}"

        yield make


@pytest.mark.parametrize("kind", ["closed", "silent", "wrong"])
def test_without_a_server_the_run_is_recorded_offline(tmp_path, begin, server, capfd, kind):
    with begin(mode="online", WANDB_API_KEY=KEY, WANDB_BASE_URL=server(kind), no_proxy="127.0.0.1") as tracker:
        tracker.log(4, {"loss": 2.0})
    line = one_warning(capfd)
    told("W&B can't be reached", line)
    assert KEY not in line
    (run,) = tmp_path.glob("wandb/offline-run-*")
    assert os.path.relpath(run) in line
    records = recorded(tmp_path)
    assert history(records)[4]["loss"] == 2.0
    assert exit_codes(records) == [0]
    assert not list((tmp_path / "temporary").iterdir())
