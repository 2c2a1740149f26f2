"""Recording when W&B misbehaves: a fake package `wandb` does so in the real recording process."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_page import told
from tracked_runs import KEY, PATIENT, PROMISED_SECONDS, gone, impersonate, one_line, start, within

from pipeline.tracking import run_content
from pipeline.tracking.limits import Limits

ROOT = Path(__file__).parents[2]
SHORT = Limits(record=1, orphan=0.5)


@pytest.fixture
def begin(tmp_path, monkeypatch):
    return functools.partial(start, tmp_path, monkeypatch)


@pytest.fixture
def impostor(tmp_path, monkeypatch):
    """A function that puts a package named wandb before the real one on the path."""

    return functools.partial(impersonate, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('not here')", "ImportError: not here"),
        ("def Settings(**_): raise ValueError('changed its mind')", "ValueError: changed its mind"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", f"ended by itself with code {-signal.SIGSEGV}"),
        ("os._exit(7)", "ended by itself with code 7"),
        ("sys.exit(0)", "SystemExit: 0"),
        (f"raise RuntimeError('bad key {KEY} for http://me:word@host/')", "bad key [hidden] for http://[hidden]@host/"),
    ],
)
def test_the_job_goes_on_whatever_w_and_b_does(begin, impostor, capfd, code, said):
    impostor(code)
    with begin(limits=PATIENT) as tracker:
        pid = tracker.recorder.record.process.pid
        tracker.log(1, {"loss": 2.0})
    line = one_line(capfd)
    assert said in line
    assert "nothing was recorded; " in line
    gone(pid)
    tracker.log(2, {"loss": 1.0})
    tracker.finish()
    assert capfd.readouterr().err == "", "a finished tracker does nothing"


@pytest.mark.parametrize("code", ["time.sleep(1000)", "os.system('sleep 1000')"])
def test_a_process_that_hangs_ends_by_itself_after_the_job(begin, impostor, capfd, code):
    impostor(code)
    with begin(limits=SHORT) as tracker:
        pid = tracker.recorder.record.process.pid
        tracker.log(1, {"loss": 2.0})
        began = time.monotonic()
    assert time.monotonic() - began < PROMISED_SECONDS
    assert "W&B had not recorded everything after 1 s" in one_line(capfd)
    gone(pid)


HANGING = """
class Run:
    dir, summary = "wandb/x/files", {}
    def log(self, *_, **__): pass
    def define_metric(self, *_, **__): pass
    def finish(self, **_): time.sleep(1000)
def Settings(**_): pass
def init(**_): return Run()
"""


def test_a_run_that_hangs_at_its_end_says_where_its_record_is(begin, impostor, capfd):
    impostor(HANGING)
    with begin(limits=within(SHORT, record=5)):
        pass
    line = one_line(capfd)
    assert "had not recorded everything after 5 s" in line
    assert "recorded in part in wandb/x;" in line


def test_logging_never_waits_for_a_stopped_process(begin, impostor, capfd):
    impostor("os.kill(os.getpid(), signal.SIGSTOP)")
    with begin(limits=SHORT) as tracker:
        for step in range(3000):
            tracker.log(step, {"loss": 2.0, "name" * 50: 1.0})
        process = tracker.recorder.record.process
    assert "had not recorded everything" in one_line(capfd)
    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(("directory", "named"), [("{}/file/below/wandb", "{}/file"), ("/proc/wandb", "/proc/")])
def test_a_place_that_can_not_be_written_is_named(tmp_path, begin, capfd, directory, named):
    """Not even root can write to these places."""
    (tmp_path / "file").write_text("")
    with begin(directory=Path(directory.format(tmp_path))) as tracker:
        tracker.log(1, {"loss": 2.0})
    line = one_line(capfd)
    assert named.format(tmp_path) in line
    told("W&B's folder can't be written to", line)


def test_disabled_means_no_process_and_no_file(tmp_path, begin, impostor, capfd):
    impostor("raise ImportError")
    (tmp_path / "temporary").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with begin(mode="disabled") as tracker:
        assert tracker.recorder is None
        tracker.log(1, {"loss": 2.0})
        tracker.table("absent", tmp_path / "absent.csv")
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


# --- small print


def test_a_run_s_id_is_its_content_s():
    assert run_content.run_id("train", "abc") == run_content.run_id("train", "abc")
    assert len({run_content.run_id(*each) for each in (("train", "abc"), ("train", "abd"), ("draw", "abc"))}) == 3
    assert run_content.run_id("train", "abc").isalnum()


def test_importing_it_imports_neither_w_and_b_nor_pandas():
    code = (
        "import sys, pipeline.tracking.client; print(sorted({'wandb', 'pandas', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
