"""Several runs of one job, which one process records."""

import functools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tracked_runs import (
    PATIENT,
    PROMISED_SECONDS,
    STUDY,
    emptied,
    gone,
    impersonate,
    one_line,
    prepare,
    recorded,
    within,
)
from tracked_runs import opening as any_opening

from pipeline.tracking import client, reader, run_content

NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """A function that starts a run of each name; `changed` replaces arguments of `Opening` by a run's name."""

    def start(names=NAMES, *, changed=None, limits=PATIENT, **variables):
        prepare(tmp_path, monkeypatch, **variables)
        openings = [opening(name, **(changed or {}).get(name, {})) for name in names]
        return client.start_all(openings, study=STUDY, directory=tmp_path / "wandb", limits=limits)

    return start


@pytest.fixture
def impostor(tmp_path, monkeypatch):
    return functools.partial(impersonate, tmp_path, monkeypatch)


def opening(name, **changed):
    return any_opening(
        name, **{"config": {"name": name, "rate": np.float64(ord(name))}, "tags": ["smoke", name], **changed}
    )


def settings(run):
    """The settings and tags of a recorded run."""
    (record,) = (record.run for record in reader.records(run.file) if record.WhichOneof("record_type") == "run")
    return {item.key: item.value_json for item in record.config.update} | {"tags": [*record.tags]}


def children():
    """The processes that this process has started and that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(path.parent.name))
    return found


# --- with the real W&B


def test_runs_side_by_side_keep_their_own_numbers(tmp_path, begin, capfd):
    before = set(children())
    with begin() as trackers:
        assert list(trackers) == list(NAMES)
        assert len(set(children()) - before) == 1, "one process for all runs"
        for step in range(50):
            for n, (name, tracker) in enumerate(trackers.items()):
                tracker.log(step * (n + 1), {"step": step * (n + 1), "loss": step + n / 10, f"of_{name}": step})
        for name, tracker in trackers.items():
            tracker.summary({"test_accuracy": ord(name) / 200, "status": f"end of {name}"})
    assert capfd.readouterr() == ("", "")
    assert set(children()) <= before

    runs = recorded(tmp_path)
    assert sorted(runs) == list(NAMES)
    for n, name in enumerate(NAMES):
        run = runs[name]
        assert (run.id, run.group, run.job_type) == (run_content.run_id("train", name), "study-1", "train")
        assert run.curves == {
            "step": [(step * (n + 1), float(step * (n + 1))) for step in range(50)],
            "loss": [(step * (n + 1), step + n / 10) for step in range(50)],
            f"of_{name}": [(step * (n + 1), float(step)) for step in range(50)],
        }
        assert (run.summary["test_accuracy"], run.summary["status"]) == (ord(name) / 200, f"end of {name}")
        assert run.status == "finished"
        found = settings(run)
        assert (found["name"], found["rate"], found["tags"]) == (f'"{name}"', str(float(ord(name))), ["smoke", name])
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == len(NAMES)
    emptied(tmp_path / "temporary")


def test_figures_and_tables_stay_with_their_run(tmp_path, begin, capfd):
    import matplotlib.pyplot as plt
    import pandas as pd

    plt.imsave(tmp_path / "picture.png", np.zeros((4, 4)))
    with begin(("a", "b")) as trackers:
        trackers["a"].figure("curves", tmp_path / "picture.png")
        trackers["b"].table("numbers", pd.DataFrame({"layer": [1, 2]}))
    assert capfd.readouterr().err == ""
    runs = recorded(tmp_path)
    media = {name: [path.name.split("_")[0] for path in run.folder.rglob("media/*/*")] for name, run in runs.items()}
    assert media == {"a": ["curves"], "b": ["numbers"]}


def test_a_refused_run_leaves_the_others_alone(tmp_path, begin, capfd):
    """W&B refuses empty tags; a config that contains itself can't even be sent."""
    endless = {}
    endless["itself"] = endless
    with begin(changed={"b": {"tags": [""]}, "d": {"config": endless}}) as trackers:
        for tracker in trackers.values():
            tracker.log(1, {"step": 1, "loss": 2.0})
            tracker.summary({"n": 1})
        trackers["c"].log(2, {"loss": "no number"})
    line = one_line(capfd)
    assert "b: ValidationError" in line
    assert "d: start is not recorded: ValueError" in line
    assert "c: log is not recorded: ValueError" in line
    runs = recorded(tmp_path)
    assert sorted(runs) == ["a", "c", "e"]
    for run in runs.values():
        assert (run.curves, run.summary["n"], run.status) == ({"step": [(1, 1.0)], "loss": [(1, 2.0)]}, 1, "finished")
    assert "; recorded in " in line
    assert all(os.path.relpath(run.folder) in line for run in runs.values())
    assert "; nothing was recorded of b, d; " in line
    emptied(tmp_path / "temporary")


def test_each_run_has_its_own_status(tmp_path, begin):
    with begin(("a", "b")) as trackers:
        trackers["b"].finish("failed")
        trackers["b"].log(1, {"loss": 2.0})
        trackers["a"].log(1, {"step": 1, "loss": 2.0})
    runs = recorded(tmp_path)
    assert {name: run.status for name, run in runs.items()} == {"a": "finished", "b": "failed"}
    assert (runs["a"].curves, runs["b"].curves) == ({"step": [(1, 1.0)], "loss": [(1, 2.0)]}, {})


def test_a_failing_job_keeps_its_error_and_leaves_failed_runs(tmp_path, begin, capfd):
    def job():
        with begin(("a", "b")):
            raise KeyError("the job's own")

    with pytest.raises(KeyError, match="the job's own"):
        job()
    assert capfd.readouterr().err == ""
    runs = recorded(tmp_path)
    assert [run.status for run in runs.values()] == ["failed", "failed"]


def test_a_killed_process_is_reported_with_every_run_s_folder(tmp_path, begin, capfd):
    with begin(("a", "b", "c")) as trackers:
        for step in (1, 2, 3):  # W&B writes a step when the next one begins
            for tracker in trackers.values():
                tracker.log(step, {"step": step, "loss": 2.0})
        deadline = time.monotonic() + PATIENT.record
        while [run.curves.get("loss") for run in readable(tmp_path)] != [[(1, 2.0), (2, 2.0)]] * 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process = trackers["a"].recorder.record.process
        os.kill(process.pid, signal.SIGKILL)
        gone(process.pid)
        for tracker in trackers.values():
            tracker.log(4, {"loss": 1.0})
    line = one_line(capfd)
    assert f"W&B's process ended by itself with code {-signal.SIGKILL}; recorded in part in " in line
    runs = recorded(tmp_path)
    assert all(os.path.relpath(run.folder) in line for run in runs.values())
    assert [run.status for run in runs.values()] == ["unfinished"] * 3
    emptied(tmp_path / "temporary")


def readable(place):
    try:
        return list(recorded(place).values())
    except (reader.DamagedRunError, ValueError):  # nothing is written yet
        return []


# --- with a fake package

FAKE = """
import threading
class Run:
    def __init__(self, name):
        self.name, self.dir, self.summary = name, f"wandb/{name}/files", {}
    def define_metric(self, *_, **__): pass
    def log(self, numbers, step):
        with open(os.path.join(os.environ["WANDB_DIR"], self.name), "a") as file: print(step, numbers, file=file)
    def finish(self, exit_code): finish(self)
def Settings(**_): pass
def init(name, **_):
    begin(name)
    return Run(name)
def begin(name): pass
def finish(run): pass
"""


def test_the_ends_of_all_runs_are_waited_for_together(tmp_path, begin, impostor, capfd):
    impostor(FAKE + "barrier = threading.Barrier(5)\ndef finish(run): barrier.wait()")
    with begin(WANDB_DIR=str(tmp_path)):
        pass
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("slow", ["def finish(run): run.name == 'b' and time.sleep(1000)", "time.sleep(1000)"])
def test_one_limit_holds_for_all_runs(tmp_path, begin, impostor, capfd, slow):
    impostor(FAKE + slow)
    with begin(limits=within(PATIENT, record=4, orphan=0.5), WANDB_DIR=str(tmp_path)) as trackers:
        began = time.monotonic()
        pid = trackers["a"].recorder.record.process.pid
    assert time.monotonic() - began < 7
    line = one_line(capfd)
    assert "W&B had not recorded everything after 4 s" in line
    assert ("recorded in part in wandb/b;" in line) == slow.startswith("def")
    gone(pid)
    emptied(tmp_path / "temporary")


def test_no_run_waits_for_the_start_of_another(tmp_path, begin, impostor, capfd):
    impostor(FAKE + "def begin(name): name == 'a' and time.sleep(1000)")
    with begin(limits=within(PATIENT, record=4, orphan=0.5), WANDB_DIR=str(tmp_path)) as trackers:
        for tracker in trackers.values():
            tracker.log(7, {"loss": 2.0})
    assert "; nothing was recorded of a;" in one_line(capfd)
    texts = {name: (tmp_path / name).read_text() for name in NAMES if (tmp_path / name).is_file()}
    assert sorted(texts) == ["b", "c", "d", "e"]
    assert all("7 {'loss': 2.0}" in text for text in texts.values())


def test_a_problem_of_all_runs_is_told_once(begin, impostor, capfd):
    impostor("raise ImportError('not here')")
    began = time.monotonic()
    with begin():
        pass
    assert time.monotonic() - began < PROMISED_SECONDS
    assert one_line(capfd).startswith("warning: tracking: ImportError: not here; nothing was recorded; ")


def test_disabled_means_no_process_and_no_file(tmp_path, begin, capfd):
    (tmp_path / "temporary").mkdir()
    before, running = sorted(tmp_path.rglob("*")), set(children())
    with begin(mode="disabled") as trackers:
        assert set(children()) <= running
        for tracker in trackers.values():
            tracker.log(1, {"loss": 2.0})
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


# --- small print


def test_two_runs_of_one_name_are_refused(begin):
    with pytest.raises(ValueError, match="several runs named a, expected different names"), begin(("a", "b", "a")):
        pass


def test_no_runs_need_no_process(begin):
    running = set(children())
    with begin(()) as trackers:
        assert trackers == {}
        assert set(children()) <= running
