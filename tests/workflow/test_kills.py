"""Nothing is lost when a job is killed: started again, it ends with the same bits as a job that was not killed.

The tests compare the bytes of everything that a training writes: history, models and summary, including provenance.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import small_study
from forks import Forks
from small_study import BLOCK, DEEP, LONG, ROOT, SHORT, STUDY

from pipeline.results import store
from pipeline.runs import checkpoints

MOMENTS = 50
AT_ONCE = ("--at-once", "2")  # so that a block of three has two groups
OFTEN = {checkpoints.SECONDS_VARIABLE: "0"}  # a checkpoint after every step
LONGEST_WAIT = 120


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which no run is killed."""
    return small_study.write(tmp_path_factory.mktemp("whole") / "place")


@pytest.fixture(scope="module")
def forks(place):
    with Forks(place, small_study.environment()) as process:
        yield process


@pytest.fixture(scope="module")
def whole(forks, place):
    """A function from a block to its results without a kill and the seconds that it took; each block is made once."""
    made = {}

    def ask(block):
        if block not in made:
            began = time.monotonic()
            code, said = train(forks, place, block)
            assert code == 0, said
            made[block] = results(place, block), time.monotonic() - began
        return made[block]

    return ask


def train(forks, place, block, **how):
    return forks.run(place, "train", "--study", STUDY, *AT_ONCE, "--block", block, variables=OFTEN, **how)


def results(place, block):
    return {name: body for name, body in small_study.final(place).items() if block in name}


def kept(place):
    """The files of unfinished runs, without those that were being written when the kill came."""
    return [name for name in small_study.files(place) if name.startswith("resume") and "/." not in name]


def killed(forks, place, block, seconds, *, underway):
    """Kill a training after some seconds, with `underway` counted from its first checkpoint; whether it was alive."""
    pid = forks.start(place, "train", "--study", STUDY, *AT_ONCE, "--block", block, variables=OFTEN)
    given_up = time.monotonic() + LONGEST_WAIT
    while underway and not kept(place) and time.monotonic() < given_up and not results(place, block):
        time.sleep(0.005)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return forks.wait(pid) == -signal.SIGKILL


def kill_at_random(forks, whole, tmp_path, block, wanted, *, underway=False):
    """Kill `wanted` trainings, each at a random moment, and resume them; whether each resumed from a checkpoint.

    With `underway`, none is killed before it has a checkpoint.
    """
    expected, seconds = whole(block)
    assert len(expected) == 3
    moments, went_on = np.random.default_rng(1).random(10 * wanted), []
    for number, moment in enumerate(moments):
        here, delay = small_study.write(tmp_path / str(number)), moment * seconds
        if killed(forks, here, block, delay, underway=underway):
            assert results(here, block).items() <= expected.items(), "files under final names are complete"
            code, said = train(forks, here, block)
            assert code == 0, said
            went_on.append("going on after step" in said)
        else:
            seconds = min(seconds, delay)  # the block without a kill took longer, or the machine was busier
        assert results(here, block) == expected, f"killed after {delay} s"
        assert kept(here) == []
        shutil.rmtree(here)
        if len(went_on) == wanted:
            return went_on
    raise AssertionError(f"only {len(went_on)} of {len(moments)} trainings were still alive when they should be killed")


def test_killed_at_any_moment_a_run_ends_with_the_same_bits(forks, whole, tmp_path):
    went_on = kill_at_random(forks, whole, tmp_path, BLOCK, MOMENTS)
    assert any(went_on), "some kills must come after a checkpoint, otherwise this test shows nothing"


def test_killed_at_any_moment_a_run_of_twenty_layers_ends_with_the_same_bits(forks, whole, tmp_path):
    assert all(kill_at_random(forks, whole, tmp_path, DEEP, 3, underway=True))


def test_killed_at_every_operation_on_a_file_it_ends_with_the_same_bits(forks, whole, tmp_path):
    expected, _ = whole(SHORT)
    for number in itertools.count(1):
        here = small_study.write(tmp_path / str(number))
        code, _ = train(forks, here, SHORT, die=[number, signal.SIGKILL])
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert results(here, SHORT).items() <= expected.items(), "files under final names are complete"
        code, said = train(forks, here, SHORT)
        assert code == 0, said
        assert results(here, SHORT) == expected, f"killed at operation {number}"
        assert kept(here) == []
    written = (
        3 * 6 + 3 * 5
    )  # at least: three checkpoints and three results, each created, synced, renamed and cleaned up
    assert number > written


def test_processes_as_the_workflow_starts_them_can_be_killed_again_and_again(whole, tmp_path):
    expected, _ = whole(LONG)
    here = small_study.write(tmp_path / "here")
    checkpoint, generator = here / "resume" / STUDY / f"{LONG}.safetensors", np.random.default_rng(2)
    steps = [0]
    for _ in range(4):
        job = small_study.stage(here, "train", "--study", STUDY, "--block", LONG, **OFTEN)
        before, deadline = stamp(checkpoint), time.monotonic() + LONGEST_WAIT
        while stamp(checkpoint) in (before, None) and job.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 0.1))
        os.killpg(job.pid, signal.SIGKILL)
        code, said = small_study.ended(job)
        assert code == -signal.SIGKILL, said
        assert ("going on after step" in said) == (steps != [0])
        newest = checkpoint if checkpoint.is_file() else checkpoint.with_name(f"{LONG}.previous.safetensors")
        steps.append(int(store.read_arrays(newest, ["session/step"])["session/step"]))
        assert results(here, LONG) == {}
    assert steps == sorted(set(steps)), "each has got further than the previous one"
    code, said = small_study.ended(small_study.stage(here, "train", "--study", STUDY, "--block", LONG, **OFTEN))
    assert code == 0, said
    assert results(here, LONG) == expected
    assert kept(here) == []


def stamp(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # between two generations
        return None


# --- the whole smoke study; `make test-kills`

KILLS = 10
SMOKE = ("reproduce", "all", "--config", "study=smoke")


def clone(place):
    for name in ("Snakefile", "configs", "pipeline", "profiles", "workflow", "requirements.lock"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
    return place


def start(place, *words):
    local = os.environ.get("PIPELINE_DATA", str(ROOT / "data" / "mnist"))
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env=small_study.environment(PYTHONPATH="", PIPELINE_DATA=local, **OFTEN),
        start_new_session=True,
    )


def numbers(place):
    """Tables, numbers of figures and verdicts: everything except times and facts about the machine."""
    found = small_study.final(place)
    tables = {name: store.read_table(place / "results" / name).to_json() for name in found if name.endswith(".parquet")}
    return tables | {name: body for name, body in found.items() if name.endswith((".csv", "verdicts.json"))}


@pytest.mark.slow
def test_a_study_that_is_killed_ten_times_ends_with_the_same_verdicts(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole, place = clone(tmp_path / "whole"), clone(tmp_path / "killed")
    began = time.monotonic()
    assert start(whole, *SMOKE).wait() == 0
    injected = kill_a_study(place, (time.monotonic() - began) / (2 * KILLS))  # so that all kills come before the end
    assert injected == KILLS
    expected = numbers(whole)
    assert "smoke/verdicts.json" in expected
    assert numbers(place) == expected


def kill_a_study(place, seconds):
    """Kill Snakemake and its jobs about every `seconds` seconds, then let it finish; the number of kills."""
    injected, generator = 0, np.random.default_rng(3)
    while injected < KILLS:
        study = start(place, *SMOKE)
        try:
            assert study.wait(generator.uniform(0.3, 1.7) * seconds) == 0
            break
        except subprocess.TimeoutExpired:
            os.killpg(study.pid, signal.SIGKILL)
            study.wait()
            injected += 1
        locked = start(place, "--unlock", *SMOKE[2:])
        assert locked.wait() == 0
    assert start(place, *SMOKE).wait() == 0
    return injected
