"""Faults of machines and users give a clear message and an exit code, leave no partial file and can be resumed.

Other faults are tested elsewhere: W&B that can't be reached or written (`test_client_faults.py`), a run that diverges
(`test_workflow.py`), mirrors and packages that send something else (`test_sources.py`), kills (`test_kills.py`).
"""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import small_study
import yaml
from fault_page import told
from forks import Forks
from small_study import BLOCK, DIGITS, LONG, PAIRS, ROOT, RUN, SECRETS, STUDY, WIDE

from pipeline.datasets import mnist
from pipeline.results import store
from pipeline.runs import checkpoints
from pipeline.study.errors import ConfigError
from pipeline.study.load import parse_study

FUTURE = 2e9  # seconds since 1970
OFTEN = {checkpoints.SECONDS_VARIABLE: "0"}
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
LONGEST_WAIT = 120


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    place = small_study.write(tmp_path_factory.mktemp("forks") / "place")
    with Forks(place, small_study.environment()) as process:
        yield process


@pytest.fixture(scope="module")
def made(forks, tmp_path_factory):
    """A folder with a finished study."""
    return small_study.everything(forks, small_study.write(tmp_path_factory.mktemp("made") / "place"))


@pytest.fixture
def place(made, tmp_path):
    """A copy of the finished study, which a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def run(forks, place, stage, *words, **how):
    return forks.run(place, stage, "--study", STUDY, *words, **how)


def train(forks, place, name=BLOCK, **how):
    return run(forks, place, "train", "--block", name, **how)


def last_line(said):
    return said.strip().splitlines()[-1]


def whole(place, made):
    """Whether every file under a final name is as in the study without faults, and no partial file is left."""
    expected, found = small_study.final(made), small_study.final(place)
    return found.items() <= expected.items() and not small_study.partial(place / "results")


def complete(place, made):
    return whole(place, made) and small_study.final(place).keys() == small_study.final(made).keys()


# --- disks and permissions


def test_a_full_results_disk_loses_no_training(forks, made, tmp_path, disk):
    place = small_study.write(tmp_path / "place")
    remount = disk(place / "results", "16k")  # enough for the history, not for the models
    code, said = train(forks, place, variables=OFTEN)
    told("disk full while writing results", last_line(said), code)
    assert whole(place, made)
    assert not (place / "results" / STUDY / "train" / BLOCK / "summary.json").exists()
    remount("size=1m")
    code, said = train(forks, place)
    assert code == 0, said
    assert f"{RUN}: going on after step 40" in said
    assert whole(place, made)
    assert (place / "results" / STUDY / "train" / BLOCK / "summary.json").is_file()


def test_a_full_checkpoint_disk_keeps_the_last_checkpoint_that_fitted(forks, made, tmp_path, disk):
    place = small_study.write(tmp_path / "place")
    remount = disk(place / "resume", "44k")  # a checkpoint grows with the history
    code, said = train(forks, place, variables=OFTEN)
    told("disk full while writing checkpoints", last_line(said), code)
    assert small_study.final(place) == {}
    assert small_study.partial(place) == []
    remount("size=1m")
    code, said = train(forks, place)
    assert code == 0, said
    assert re.search(rf"{RUN}: going on after step \d+", said)
    assert "damaged" not in said
    assert whole(place, made)
    assert len(small_study.final(place)) == 3


def test_a_full_data_disk_ends_the_fetching_and_leaves_no_half_file(forks, tmp_path, disk):
    place = small_study.write(tmp_path / "place")
    remount = disk(place / "data", "64k")
    fetch = ("prepare", "--dataset", "digits", "--root", "data/digits")
    code, said = forks.run(place, *fetch)
    told("disk full while fetching data", last_line(said), code)
    assert small_study.partial(place / "data") == []
    remount("size=1m")
    code, said = forks.run(place, *fetch)
    assert code == 0, said


def test_a_read_only_disk_is_named_and_its_files_stay(forks, made, tmp_path, disk):
    place = small_study.write(tmp_path / "place")
    remount = disk(place / "results", "10m")
    shutil.copytree(made / "results", place / "results", dirs_exist_ok=True)
    remount("ro")
    code, said = train(forks, place)
    told("results on a read-only disk", last_line(said), code)
    assert re.fullmatch(rf"\S*results/{STUDY}/train/\S*: read-only file system; .*", last_line(said))
    assert complete(place, made)
    remount("rw")
    assert train(forks, place)[0] == 0
    assert complete(place, made)


@pytest.fixture
def open_place(made):
    """A copy of the study that every user can read; pytest's own folders belong to one user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(shutil.copytree(made, Path(folder, "place")))


@pytest.mark.parametrize("folder", [f"results/{STUDY}/represent", "results"])
def test_without_permission_the_file_is_named_and_existing_files_stay(forks, made, open_place, folder):
    (open_place / "said.txt").chmod(0o666)
    shut = [open_place / folder, *(path for path in (open_place / folder).rglob("*") if path.is_dir())]
    for path in shut:
        path.chmod(0o555)
    code, said = run(forks, open_place, "represent", "--block", BLOCK, nobody=True)
    told("no permission to write", last_line(said), code)
    assert re.fullmatch(rf"\S*results/{STUDY}/represent\S*: permission denied; .*", last_line(said))
    assert complete(open_place, made)
    for path in shut:
        path.chmod(0o777)
    assert run(forks, open_place, "represent", "--block", BLOCK, nobody=True)[0] == 0
    assert complete(open_place, made)


# --- damaged files


def test_data_that_every_source_has_wrong_never_appear(forks, tmp_path):
    place = small_study.write(tmp_path / "place")
    (tmp_path / "own").mkdir()
    for name, _ in mnist.FILES:
        (tmp_path / "own" / name).write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x01\x07")
    nowhere = {"PIPELINE_DATA": str(tmp_path / "own"), "PATH": str(tmp_path), "https_proxy": NOWHERE, "no_proxy": ""}
    code, said = forks.run(place, "prepare", "--dataset", "mnist", "--root", "data/mnist", variables=nowhere)
    told("data can't be fetched", said, code)
    assert "could not get train-images-idx3-ubyte" in said
    assert f"PIPELINE_DATA={tmp_path}/own: train-images-idx3-ubyte: found sha256 " in said
    assert "Put these files into data/mnist, or set PIPELINE_DATA" in said
    assert list((place / "data" / "mnist").iterdir()) == []


def test_data_that_change_on_disk_are_not_used_and_can_be_fetched_again(forks, tmp_path):
    place = small_study.write(tmp_path / "place")
    fetch = ("prepare", "--dataset", "digits", "--root", "data/digits")
    assert forks.run(place, *fetch)[0] == 0
    path = place / "data" / "digits" / "train-images-idx3-ubyte"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    code, said = train(forks, place, DIGITS)
    told("data changed on disk", last_line(said), code)
    assert "train-images-idx3-ubyte: found sha256" in last_line(said)
    assert not (place / "results").exists()
    assert forks.run(place, *fetch)[0] == 0
    assert path.read_bytes() == good
    assert train(forks, place, DIGITS)[0] == 0


SIMILARITY = ("analyse", "--analysis", "similarity", "--job", PAIRS)


@pytest.mark.parametrize(
    ("file", "maker", "reader"),
    [
        (
            f"train/{BLOCK}/history.parquet",
            ("train", "--block", BLOCK),
            ("analyse", "--analysis", "learning", "--job", "runs"),
        ),
        (f"checkpoints/{BLOCK}.safetensors", ("train", "--block", BLOCK), ("represent", "--block", BLOCK)),
        (f"represent/{BLOCK}.safetensors", ("represent", "--block", BLOCK), SIMILARITY),
        (f"analyse/similarity/{PAIRS}.parquet", SIMILARITY, ("summarise",)),
        ("metrics.json", ("summarise",), ("judge",)),
    ],
)
def test_a_truncated_file_is_named_and_can_be_made_again(forks, made, place, file, maker, reader):
    path = place / "results" / STUDY / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, said = run(forks, place, *reader)
    told("a truncated or changed result", last_line(said), code)
    assert f"results/{STUDY}/{file}: expected " in last_line(said)
    path.unlink()
    assert whole(place, made), "existing files are unchanged"
    for job in (maker, reader):
        code, said = run(forks, place, *job)
        assert code == 0, said
    assert complete(place, made)


# --- memory, signals, clocks


def test_too_little_memory_ends_only_the_job_that_needs_it(forks, made, place):
    code, said = train(forks, place, WIDE, memory=40 << 20)
    told("not enough memory", last_line(said), code)
    assert complete(place, made), "the job left nothing"
    assert train(forks, place)[0] == 0
    assert complete(place, made)


WRITTEN = 3  # the third operation on a file: its content is written, its final name is not


@pytest.mark.parametrize("job", small_study.JOBS, ids="-".join)
def test_ctrl_c_while_a_stage_writes_leaves_no_partial_file(forks, made, place, job):
    code, said = run(forks, place, *job, die=[WRITTEN, signal.SIGINT])
    told("Ctrl-C while a stage runs", last_line(said), code)
    assert complete(place, made), "existing files are unchanged"
    code, said = run(forks, place, *job)
    assert code == 0, said
    assert complete(place, made)


def test_ctrl_c_in_a_training_leaves_a_checkpoint(forks, tmp_path):
    place = small_study.write(tmp_path / "place")
    job = small_study.stage(place, "train", "--study", STUDY, "--block", LONG)
    for line in job.stdout:
        if "step 60/600" in line:
            break
    os.kill(job.pid, signal.SIGINT)
    code, said = small_study.ended(job)
    told("Ctrl-C, `SIGTERM` or `SIGUSR1` during training", said, code)
    checkpoint = f"resume/{STUDY}/{LONG}.safetensors"
    assert f"SIGINT: stopped; what is needed to go on is in {checkpoint}" in said
    assert small_study.final(place) == {}
    reached = int(store.read_arrays(place / checkpoint, ["session/step"])["session/step"])
    os.utime(place / checkpoint, (FUTURE, FUTURE))  # as if the clock was wrong or the file came from another machine
    code, said = train(forks, place, LONG)
    assert code == 0
    assert f"{LONG.replace('-b', '-s')}: going on after step {reached}" in said
    assert not (place / checkpoint).exists()


def test_no_code_reads_a_clock_that_can_be_set():
    """Durations come from a monotonic clock; no number and no decision depends on the date.

    W&B's rows say when they were logged, and nothing else does.
    """
    wrong, found = {"time", "now", "today", "utcnow", "localtime", "gmtime"}, []
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if named and node.value.id in ("time", "datetime", "date") and node.attr in wrong:
                found.append(path.relative_to(ROOT).as_posix())
    assert found == ["pipeline/tracking/recorder.py"]


# --- names and folders


def test_a_very_long_path_gives_the_same_results(forks, made, tmp_path):
    place = small_study.write(tmp_path.joinpath(*["deep" * 50] * 9))
    assert len(str(place)) > 1800
    assert train(forks, place)[0] == 0
    assert run(forks, place, "represent", "--block", BLOCK)[0] == 0
    assert whole(place, made)


def test_a_run_name_too_long_for_a_file_name_is_refused_before_anything_runs():
    settings = small_study.content()
    settings["sweeps"]["depth"]["vary"] = {"network.gain": [1.0 + 10.0**-n for n in range(3)]}
    parse_study(yaml.safe_dump(settings), source="x")
    settings["sweeps"]["depth"]["vary"] = {"optimiser.drops": [list(range(10, 50))]}
    with pytest.raises(ConfigError, match=r"sweeps.depth: the name of a run has \d+ characters") as refused:
        parse_study(yaml.safe_dump(settings), source="x")
    told("a run name too long for a file name", str(refused.value), 1)
    settings = small_study.content()
    settings["figures"] = {"learning_curves" * 10: {"figure": "learning_curves", "settings": {}}}
    with pytest.raises(ConfigError, match=r"figures.learning_curves\w+: the name has 150 characters, expected"):
        parse_study(yaml.safe_dump(settings), source="x")


# --- DVC


def test_a_missing_remote_fails_the_push_and_nothing_else(tmp_path):
    """Runs DVC itself, in a folder without git."""
    (tmp_path / "place").mkdir()
    (tmp_path / "remote").write_text("in place of the remote's folder")

    def dvc(*words):
        return small_study.ended(
            subprocess.Popen(
                [sys.executable, "-m", "dvc", *words],
                cwd=tmp_path / "place",
                stdin=subprocess.DEVNULL,
                env=small_study.environment(DVC_NO_ANALYTICS="1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    assert dvc("init", "--no-scm", "-q")[0] == 0
    (tmp_path / "place" / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = true\n    remote = away\n['remote \"away\"']\n    url = {tmp_path}/remote/folder\n"
    )
    (tmp_path / "place" / "table").write_text("1\n")
    assert dvc("add", "-q", "table")[0] == 0
    code, said = dvc("push")
    told("DVC's remote is not available", said, code)
    assert "remote/folder" in said
    (tmp_path / "place" / "table").unlink()
    assert dvc("checkout", "-q")[0] == 0
    assert (tmp_path / "place" / "table").read_text() == "1\n"
    (tmp_path / "remote").unlink()
    assert dvc("push", "-q")[0] == 0
    assert any((tmp_path / "remote" / "folder").rglob("*"))


# --- Snakemake: the tests below share one folder; each continues from the state that the previous one left


DRAWN = f"results/{STUDY}/draw/learning_curves.svg"
TRAINED = f"results/{STUDY}/train/{LONG}/summary.json"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A copy of the tree in a folder with spaces and non-ASCII characters in its name."""
    return small_study.tree(tmp_path_factory.mktemp("workflow") / "Ünï çødé 空")


@pytest.fixture(scope="module")
def stale(workflow):
    """Start two Snakemakes in the folder and kill the first: exit code and output of the second, which is refused.

    The first is halted in the middle of its run, so that it is still there however fast the machine is.
    """
    first = small_study.snakemake(workflow, TRAINED, **OFTEN)
    checkpoint, deadline = workflow / "resume" / STUDY / f"{LONG}.safetensors", time.monotonic() + LONGEST_WAIT
    while not checkpoint.exists() and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        os.killpg(first.pid, signal.SIGSTOP)
        second = small_study.ended(small_study.snakemake(workflow, TRAINED))
        assert first.poll() is None, "the first Snakemake must still be running"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    return second


@pytest.fixture(scope="module")
def unlocked(workflow, stale):
    """The unlocked folder, in which a run and a figure were made with W&B offline and secrets in the environment."""
    assert small_study.ended(small_study.snakemake(workflow, "--unlock"))[0] == 0
    code, said = small_study.ended(
        small_study.snakemake(workflow, TRAINED, DRAWN, WANDB_MODE="offline", **SECRETS, **OFTEN)
    )
    assert code == 0, said
    return workflow


def test_a_second_snakemake_is_refused_and_says_how_to_remove_a_stale_lock(stale):
    code, said = stale
    told("a second Snakemake in the same folder", said, code)


def test_a_killed_workflow_resumes_in_the_middle_of_the_run(unlocked):
    told("a job is killed", (unlocked / "logs" / STUDY / "train" / f"{LONG}.log").read_text())
    assert not any((unlocked / "resume").rglob("[!.]*.safetensors"))


def test_a_folder_with_spaces_and_non_ascii_characters_gives_the_same_bytes(unlocked, made):
    expected, found = small_study.final(made), small_study.final(unlocked)
    assert f"{STUDY}/draw/learning_curves.svg" in found
    assert {name: found[name] for name in found if name in expected} == {
        name: body for name, body in expected.items() if name in found
    }


def test_no_secret_of_the_environment_is_written_anywhere(unlocked):
    assert list((unlocked / "wandb").glob("offline-run-*"))
    assert small_study.leaks(unlocked, SECRETS.values()) == []


def test_neither_a_date_in_the_future_nor_a_moved_folder_makes_anything_stale(unlocked):
    for path in (unlocked / "results").rglob("history.parquet"):
        os.utime(path, (FUTURE, FUTURE))
    moved = unlocked.rename(unlocked.parent / "elsewhere")
    code, said = small_study.ended(small_study.snakemake(moved, "--dry-run", TRAINED, DRAWN))
    assert code == 0, said
    assert "Nothing to be done" in said
