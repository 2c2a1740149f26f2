"""Each job gets a GPU of its own: simulated devices, real processes, real kills."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.errors import SettingError
from pipeline.machine import gpu

JOB = "import sys, time; from pipeline.machine import gpu; print(gpu.reserve(), flush=True); time.sleep(float(sys.argv[1]))"


@pytest.fixture(autouse=True)
def _environment_restored(monkeypatch):
    monkeypatch.setenv(gpu.TORCH_TF32, "0")


@pytest.fixture
def start(root, tmp_path):
    """Starts jobs that take a device and hold it."""
    processes = []

    def begin(*, seconds=60, devices="0,1", jobs="1"):
        environment = {**os.environ, gpu.DEVICES: devices, gpu.JOBS: jobs, gpu.FOLDER: str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(seconds)], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def device(process):
    return process.stdout.readline().strip()


def test_simultaneous_jobs_get_different_devices(start):
    assert {device(start()), device(start())} == {"0", "1"}


def test_the_device_of_a_killed_job_is_free_again(start):
    first, second = start(), start()
    had = device(first)
    assert device(second) != had
    third = start()
    time.sleep(3 * gpu.LOOK_SECONDS)
    os.kill(first.pid, signal.SIGKILL)
    assert device(third) == had


def test_several_jobs_per_device_are_spread_evenly(start):
    jobs = [start(jobs="2") for _ in range(4)]
    assert sorted(map(device, jobs)) == ["0", "0", "1", "1"]


def test_many_short_jobs_never_share_a_device(start, tmp_path):
    jobs = [start(seconds=0, devices="a,b") for _ in range(6)]
    assert {device(job) for job in jobs} <= {"a", "b"}
    assert all(job.wait(60) == 0 for job in jobs)


@pytest.mark.parametrize(("asked", "allowed"), [("1", True), ("0", False), ("", False), (None, False)])
def test_products_are_in_tf32_only_where_that_is_asked_for(root, monkeypatch, asked, allowed):
    monkeypatch.delenv("PIPELINE_TF32", raising=False)
    if asked is not None:
        monkeypatch.setenv("PIPELINE_TF32", asked)
    monkeypatch.setenv("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1")  # of the user's own, which must not decide
    says = "import torch; print(torch.backends.cuda.matmul.allow_tf32, provenance.hardware().get('products'))"
    code = f"from pipeline.machine import gpu; from pipeline.results import provenance; gpu.reserve(); {says}"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(allowed), "TF32" if allowed else "None"]


def test_another_word_for_tf32_is_refused(monkeypatch):
    monkeypatch.setenv("PIPELINE_TF32", "yes")
    with pytest.raises(SettingError, match=r"PIPELINE_TF32: found 'yes', expected 1 for products in TF32 or 0"):
        gpu.reserve()


def test_without_the_variable_nothing_is_done(monkeypatch):
    monkeypatch.delenv(gpu.DEVICES, raising=False)
    monkeypatch.setenv(gpu.VISIBLE, "7")
    assert gpu.reserve() is None
    assert os.environ[gpu.VISIBLE] == "7"


@pytest.mark.parametrize(
    ("variable", "value"), [(gpu.DEVICES, "0;1"), (gpu.JOBS, "none"), (gpu.JOBS, "0"), (gpu.DEVICES, "$(x)")]
)
def test_an_invalid_variable_is_named(monkeypatch, tmp_path, variable, value):
    monkeypatch.setenv(gpu.DEVICES, "0")
    monkeypatch.setenv(gpu.FOLDER, str(tmp_path))
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"{variable}: found"):
        gpu.reserve()
