"""A part of the finished smoke study, made again from nothing on one core, has the same numbers to the bit."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import studies

from pipeline.results import paths, store
from pipeline.study.plan import Plan

# Nine trainings, an analysis that trains networks of its own, and one without any training.
FIGURES = ("estimators_learning", "capacity", "phase_portrait")


@pytest.fixture(scope="module")
def again(finished, tmp_path_factory):
    """The figures and everything they need, made on one core in a copy of the tree without results."""
    folder = studies.copy_of_the_tree(tmp_path_factory.mktemp("again") / "clone")
    targets = [paths.drawing("smoke", name, "csv").as_posix() for name in FIGURES]
    studies.call(folder, "snakemake", *targets, "--cores", "1", *studies.STUDY, WANDB_MODE="disabled")
    return folder


def results(place, pattern):
    """A study's result files that match a pattern, by their path in the results."""
    folder = place / paths.results("smoke")
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob(pattern))}


def test_every_table_is_the_same_to_the_bit(finished, again):
    """Compares the bits of the floats in the parquet files; JSON would round them."""
    made, before = results(again, "analyse/**/*.parquet"), results(finished, "analyse/**/*.parquet")
    assert len(made) >= len(FIGURES)
    for name, path in made.items():
        a, b = store.read_table(path), store.read_table(before[name])
        assert list(a.columns) == list(b.columns), name
        for column in a.columns:
            one, other = a[column].to_numpy(), b[column].to_numpy()
            assert one.dtype == other.dtype, (name, column)
            equal = one.tobytes() == other.tobytes() if one.dtype.kind in "fiub" else one.tolist() == other.tolist()
            assert equal, (name, column)


def test_every_trained_network_is_the_same_to_the_bit(finished, again):
    made = results(again, "checkpoints/*.safetensors")
    before = results(finished, "checkpoints/*.safetensors")
    assert len(made) >= 8
    for name, path in made.items():
        a, b = store.read_arrays(path), store.read_arrays(before[name])
        assert a.keys() == b.keys(), name
        for key in a:
            assert a[key].tobytes() == b[key].tobytes(), (name, key)


def test_every_figures_numbers_are_the_same(finished, again):
    made = results(again, "draw/*.csv")
    assert {Path(name).stem for name in made} == set(FIGURES)
    for name, path in made.items():
        assert path.read_bytes() == results(finished, "draw/*.csv")[name].read_bytes(), name


def verify(place, *more):
    """Call the command in a study's folder."""
    command = [sys.executable, "-m", "pipeline", "verify", "--study", "smoke", *more]
    return subprocess.run(command, cwd=place, capture_output=True, text=True)


def test_a_finished_study_equals_its_published_values(finished, tmp_path):
    for name in ("configs", "pipeline"):
        shutil.copytree(finished / name, tmp_path / name)
    (tmp_path / paths.results("smoke")).mkdir(parents=True)
    for path in (paths.metrics("smoke"), paths.verdicts("smoke")):
        shutil.copy(finished / path, tmp_path / path)
    assert verify(tmp_path, "--publish").returncode == 0
    done = verify(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    total = sum(map(len, store.read_json(finished / paths.metrics("smoke"))["metrics"].values()))
    assert counts == {"identical": total, "within tolerance": 0, "new": 0, "differs": 0}
    content = store.read_json(tmp_path / paths.metrics("smoke"))
    analysis = next(name for name, numbers in content["metrics"].items() if numbers)
    content["metrics"][analysis].popitem()
    store.write_json(tmp_path / paths.metrics("smoke"), content)
    done = verify(tmp_path)
    assert done.returncode == 1
    assert "this run doesn't have it" in done.stdout


def test_the_part_is_small(root, monkeypatch):
    """The part trains few networks; more would make these tests slow."""
    monkeypatch.chdir(root)
    plan = Plan.load("smoke")
    runs = {
        run.name
        for figure in FIGURES
        for name in plan.analyses_of(figure)
        for job in plan.groups(name).values()
        for run in job
    }
    assert 8 <= len(runs) <= 12
