"""Several runs of one job, which one child process records."""

import functools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tracked_runs import KEY, PATIENCE, PROMISED_SECONDS, gone, impersonate, one_warning, prepare

from pipeline.tracking import client, reader, recorder
from pipeline.tracking.client import Opening

NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """A function that starts a run of each name; `changed` replaces arguments of `Opening` by a run's name."""

    def start(names=NAMES, *, changed=None, limit=PATIENCE, **variables):
        prepare(tmp_path, monkeypatch, limit=limit, **variables)
        openings = [opening(name, **(changed or {}).get(name, {})) for name in names]
        return client.start_all(openings, directory=tmp_path / "wandb", limit=limit)

    return start


@pytest.fixture
def impostor(tmp_path, monkeypatch):
    return functools.partial(impersonate, tmp_path, monkeypatch)


def opening(name, **changed):
    config = {"name": name, "rate": np.float64(ord(name))}
    given = {"group": "study-1", "job_type": "train", "config": config, "identity": name, "tags": ["smoke", name]}
    return Opening(name, **{**given, **changed})


def recorded(place):
    """The runs that W&B has recorded, by name, and the settings of each."""
    runs, settings = {}, {}
    for path in place.glob("wandb/" + reader.FILES):
        run = reader.read(path)
        assert run.folder.name.endswith(run.id)
        runs[run.name] = run
        (record,) = (record.run for record in reader.records(path) if record.WhichOneof("record_type") == "run")
        settings[run.name] = {item.key: item.value_json for item in record.config.update} | {"tags": [*record.tags]}
    return runs, settings


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
                tracker.log(step * (n + 1), {"loss": step + n / 10, f"of_{name}": step})
        for name, tracker in trackers.items():
            tracker.summary({"test_accuracy": ord(name) / 200, "status": f"end of {name}"})
    assert capfd.readouterr() == ("", "")
    assert set(children()) <= before

    runs, settings = recorded(tmp_path)
    assert sorted(runs) == list(NAMES)
    for n, name in enumerate(NAMES):
        run = runs[name]
        assert (run.id, run.group, run.job_type) == (client.run_id("train", name), "study-1", "train")
        assert run.curves == {
            "loss": [(step * (n + 1), step + n / 10) for step in range(50)],
            f"of_{name}": [(step * (n + 1), float(step)) for step in range(50)],
        }
        assert (run.summary["test_accuracy"], run.summary["status"]) == (ord(name) / 200, f"end of {name}")
        assert run.status == "finished"
        assert (settings[name]["name"], settings[name]["rate"]) == (f'"{name}"', str(float(ord(name))))
        assert settings[name]["tags"] == ["smoke", name]
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
    runs, _ = recorded(tmp_path)
    media = {name: [path.name.split("_")[0] for path in run.folder.rglob("media/*/*")] for name, run in runs.items()}
    assert media == {"a": ["curves"], "b": ["numbers"]}


def test_a_refused_run_leaves_the_others_alone(tmp_path, begin, capfd):
    """W&B refuses empty tags; a config that contains itself can't even be sent."""
    endless = {}
    endless["itself"] = endless
    with begin(changed={"b": {"tags": [""]}, "d": {"config": endless}}) as trackers:
        for tracker in trackers.values():
            tracker.log(1, {"loss": 2.0})
            tracker.summary({"n": 1})
        trackers["c"].log(2, {"loss": "no number"})
    line = one_warning(capfd)
    assert "b: ValidationError" in line
    assert "d: start is not recorded: ValueError" in line
    assert "c: log is not recorded: ValueError" in line
    runs, _ = recorded(tmp_path)
    assert sorted(runs) == ["a", "c", "e"]
    for run in runs.values():
        assert (run.curves, run.summary["n"], run.status) == ({"loss": [(1, 2.0)]}, 1, "finished")
    place = os.path.relpath(runs["c"].folder)
    assert f"what it has is in {place} (to send it: wandb sync {place}); nothing was recorded of b, d;" in line
    emptied(tmp_path / "temporary")


def test_each_run_has_its_own_status(tmp_path, begin):
    with begin(("a", "b")) as trackers:
        trackers["b"].finish("failed")
        trackers["b"].log(1, {"loss": 2.0})
        trackers["a"].log(1, {"loss": 2.0})
    runs, _ = recorded(tmp_path)
    assert {name: run.status for name, run in runs.items()} == {"a": "finished", "b": "failed"}
    assert (runs["a"].curves, runs["b"].curves) == ({"loss": [(1, 2.0)]}, {})


def test_a_failing_job_keeps_its_error_and_leaves_failed_runs(tmp_path, begin, capfd):
    def job():
        with begin(("a", "b")):
            raise KeyError("the job's own")

    with pytest.raises(KeyError, match="the job's own"):
        job()
    assert capfd.readouterr().err == ""
    runs, _ = recorded(tmp_path)
    assert [run.status for run in runs.values()] == ["failed", "failed"]


def test_a_killed_process_is_reported_with_every_run_s_folder(tmp_path, begin, capfd):
    with begin(("a", "b", "c")) as trackers:
        for step in (1, 2, 3):  # W&B writes a step when the next one begins
            for tracker in trackers.values():
                tracker.log(step, {"loss": 2.0})
        deadline = time.monotonic() + PATIENCE
        while [run.curves for run in readable(tmp_path)] != [{"loss": [(1, 2.0), (2, 2.0)]}] * 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process = trackers["a"].recorder.process
        os.kill(process.pid, signal.SIGKILL)
        gone(process.pid)
        for tracker in trackers.values():
            tracker.log(4, {"loss": 1.0})
    line = one_warning(capfd)
    assert f"W&B's process ended by itself with code {-signal.SIGKILL}; what it has is in " in line
    runs, _ = recorded(tmp_path)
    assert all(os.path.relpath(run.folder) in line for run in runs.values())
    assert [run.status for run in runs.values()] == ["unfinished"] * 3
    emptied(tmp_path / "temporary")


def emptied(folder):
    """Wait until a folder is empty: W&B's service removes its own part a moment after the job's child has ended."""
    deadline = time.monotonic() + PATIENCE
    while left := list(folder.iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def readable(place):
    try:
        return list(recorded(place)[0].values())
    except (reader.DamagedRunError, ValueError):  # nothing is written yet
        return []


# --- with a fake package

FAKE = """
import threading
class Run:
    def __init__(self, name):
        self.name, self.dir, self.summary = name, f"wandb/{name}/files", {}
        self.log_to = os.path.join(os.environ["WANDB_DIR"], f"{name}.{os.environ['WANDB_MODE']}")
        self.log({"process": os.getpid()}, 0)
    def log(self, numbers, step):
        with open(self.log_to, "a") as file: print(step, numbers, file=file)
    def finish(self, exit_code): finish(self)
def Settings(**_): pass
def init(name, mode, **_):
    refuse(name, mode)
    return Run(name)
def refuse(name, mode): pass
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
    limit = 3
    with begin(limit=limit, WANDB_DIR=str(tmp_path)) as trackers:
        began = time.monotonic()
        pid = trackers["a"].recorder.process.pid
    assert time.monotonic() - began < limit + 2 * recorder.KILL_SECONDS + 1
    line = one_warning(capfd)
    assert "W&B had not finished after 3 s and was ended" in line
    assert ("what it has is in wandb/b (to send it: wandb sync wandb/b);" in line) == slow.startswith("def")
    gone(pid)
    emptied(tmp_path / "temporary")


def test_no_run_waits_for_the_start_of_another(tmp_path, begin, impostor, capfd):
    impostor(FAKE + "def refuse(name, mode): name == 'a' and time.sleep(1000)")
    with begin(limit=3, WANDB_DIR=str(tmp_path)) as trackers:
        for tracker in trackers.values():
            tracker.log(7, {"loss": 2.0})
    assert "; nothing was recorded of a;" in one_warning(capfd)
    assert sorted(path.stem for path in tmp_path.glob("*.offline")) == ["b", "c", "d", "e"]
    assert all("7 {'loss': 2.0}" in path.read_text() for path in tmp_path.glob("*.offline"))


def test_a_run_that_is_refused_online_is_recorded_offline_and_the_others_online(tmp_path, begin, impostor, capfd):
    code = FAKE + (
        f"def refuse(name, mode):\n    if mode == 'online' and name in 'bd': raise RuntimeError('no {KEY}')\n"
        "import types\ndef setup():\n"
        f"    return types.SimpleNamespace(settings=types.SimpleNamespace(base_url={tmp_path.as_uri()!r} + '/answer'))\n"
    )
    (tmp_path / "answer").write_text("")
    impostor(code)
    with begin(mode="online", WANDB_DIR=str(tmp_path)) as trackers:
        for step in range(3):
            for tracker in trackers.values():
                tracker.log(step + 1, {"loss": 2.0})
    line = one_warning(capfd)
    assert "tracking: b, d: not online but recorded offline: RuntimeError: no [hidden]; what it has is in " in line
    assert "(to send it: wandb sync wandb/b wandb/d);" in line
    assert sorted(path.stem for path in tmp_path.glob("*.online")) == ["a", "c", "e"]
    offline = sorted(tmp_path.glob("*.offline"))
    assert [path.stem for path in offline] == ["b", "d"]
    logs = [path.read_text().splitlines() for path in offline]
    assert logs[0] == logs[1], "the same process recorded both"
    assert logs[0][1:] == [f"{step} {{'loss': 2.0}}" for step in (1, 2, 3)]


def test_a_problem_of_all_runs_is_told_once(begin, impostor, capfd):
    impostor("raise ImportError('not here')")
    began = time.monotonic()
    with begin():
        pass
    assert time.monotonic() - began < PROMISED_SECONDS
    assert one_warning(capfd).startswith("warning: tracking: ImportError: not here; nothing was recorded; ")


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
