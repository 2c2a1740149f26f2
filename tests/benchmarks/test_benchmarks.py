"""What is timed against ours makes the same updates, and ratios say what was measured. Nothing here is timed."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import small_study
import torch
import yaml
from sessions import clouds
from small_study import CELL, ROOT, RUN

from benchmarks import __main__ as bench
from benchmarks import cell, engine, floor, measure, others, planning, similarity, study
from pipeline.learning.measurements import count_operations
from pipeline.learning.stack import Stack
from pipeline.measures import cca
from pipeline.results import store
from pipeline.study.load import load_study
from pipeline.study.plan import Plan

SHAPE = {"hidden": 3, "width": 16}


@pytest.fixture
def data():
    return clouds(240, 60, 150)


def test_the_public_style_reaches_the_same_losses():
    own = engine.trainers(1, placement="every", **SHAPE)
    public = others.PublicStyle(**SHAPE)
    public.take(own[0])
    x, y = engine.data(1, 50)
    stack = Stack(own)
    ours = [stack.update(x, y).item() for _ in range(30)]
    theirs = [public.update(x[0], y[0]) for _ in range(30)]
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    assert ours[-1] < 0.95 * ours[0]


@pytest.mark.parametrize("placement", ["none", "middle", "every"])
def test_the_floor_has_the_products_of_an_update_and_no_others(placement):
    update = engine.update(2, batch=50, placement=placement, **SHAPE)
    products = floor.products(2, batch=50, gates=engine.gate_count(placement, SHAPE["hidden"]), **SHAPE)
    (_, ours), (_, least) = count_operations(update), count_operations(products)
    assert ours == least > 0


def test_plain_autograd_learns_the_same_problem():
    x, y = engine.data(1, 50)
    net = others.network(**SHAPE)
    work = others.autograd(net, x[0], y[0].argmax(dim=1))
    values = []
    for _ in range(60):
        work()
        values.append(torch.nn.functional.cross_entropy(net(x[0]), y[0]).item())
    assert values[-1] < 0.7 * values[0]


def test_a_ratio_is_the_median_of_its_rounds():
    assert measure.of([1.0, 3.0, 2.0, 2.0]) == measure.Ratio(2.0, 1.25, 2.75)
    assert measure.of([2.0]) == measure.Ratio(2.0, 2.0, 2.0)


def test_the_sample_has_trainings_and_tunings_before_and_now():
    plan = Plan.load(study.STUDY)
    sample = study.sample(plan)
    assert {rule for rule, _ in sample} == {"train", "tune"}
    for each in sample:
        assert study.before(plan, each)
        assert study.now(plan, each)


def test_trainings_side_by_side_are_as_long():
    plan = Plan.load(study.STUDY)
    one, other = (plan.blocks[block] for block in study.equal_blocks(plan))
    assert len(one) == len(other)
    assert one != other
    assert {study.cell_of(run.name) for run in one} == {study.cell_of(run.name) for run in other}


def test_a_run_and_a_cell_are_trained_as_before_there_were_stacks(tmp_path):
    """Of a small study: they end, and record what runs record now."""
    small_study.write(tmp_path)
    script = f"from benchmarks import before; before.STUDY = 'small'; before.train('{RUN}'); before.tune('{CELL}')"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    variables = {**kept, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "before"
    assert store.read_json(folder / RUN / "summary.json")["status"] == "finished"
    assert store.read_table(folder / RUN / "history.parquet")["step"].max() == 40
    assert store.read_json(folder / f"{CELL}.json")["rate"] > 0
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1


@pytest.mark.parametrize(("device", "name"), [("cpu", "results.json"), ("cuda", "results_cuda.json")])
def test_kept_results_are_those_of_all_benchmarks(root, device, name):
    rows = json.loads((root / "benchmarks" / name).read_text())
    assert [row["name"] for row in rows] == [name for name, each in bench.BENCHMARKS.items() if device in each.on]
    for row in rows:
        wanted = bench.BENCHMARKS[row["name"]]
        assert row["goal"] == wanted.goal
        assert row["low"] <= row["ratio"] <= row["high"]
        assert row["holds"] == (row["ratio"] >= wanted.goal if wanted.at_least else row["ratio"] <= wanted.goal)


def test_the_other_library_finds_the_same_similarity():
    run = similarity.activations(1, layers=2, points=300, units=6)
    x, y = run.layer("cca", 1), run.layer("cca", 2)
    assert similarity.by_cca_zoo(x, y) == pytest.approx(cca.measure(x, y), abs=1e-10)


def test_layers_of_the_benchmark_are_compared_with_their_nulls():
    a, b = (similarity.activations(seed, layers=2, points=100, units=6) for seed in (1, 2))
    table = similarity.compare(a, b)
    assert len(table) == 2 * 2
    assert (table["null_mean"] > 0).all()
    assert similarity.products(a, b) == len(table) * (1 + similarity.PERMUTATIONS)


def test_the_larger_study_has_a_thousand_trainings_more(root, tmp_path):
    config = tmp_path / "configs" / "more.yaml"
    config.parent.mkdir()
    config.write_text(yaml.safe_dump(planning.with_more(root / "configs" / "study.yaml")))
    more, now = Plan(load_study("more", tmp_path), "more"), Plan.load("study", root)
    assert planning.TRAININGS <= len(more.runs) - len(now.runs) < planning.TRAININGS + 20


def test_nothing_is_to_be_done_where_a_no_op_is_timed():
    with planning.place() as here:
        assert planning.planned(here, planning.STUDY) == 0
        assert planning.planned(here, planning.MORE) > 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "gpu"], "found 'gpu', expected cpu or cuda"),
        (["--device", "cuda"], "torch finds no GPU here"),
        (["similarity_flor"], "no benchmark similarity_flor"),
    ],
)
def test_wrong_words_are_explained(words, said, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        bench.main(words)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "name", "said"),
    [
        ("cuda", "noop_over_start", "noop_over_start can't be measured on a GPU"),
        ("cpu", "stack_over_run", "stack_over_run can't be measured on a CPU"),
    ],
)
def test_what_a_device_cant_measure_is_said(device, name, said, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(SystemExit):
        bench.main(["--device", device, name])
    assert said in capsys.readouterr().err


def test_a_cell_is_timed_on_its_own_data(data, capsys, monkeypatch):
    monkeypatch.setattr(cell.build, "load_data", lambda asked: data)
    cell.main(["--study", "smoke", "--cell", "depth-one_sg-hidden4", "--every", "5", "--at-once", "1", "3"])
    lines = capsys.readouterr().out.splitlines()
    rows = [[part.strip() for part in line.split("|")] for line in lines if line.startswith("| depth-one_sg-hidden4 ")]
    assert [row[2] for row in rows] == ["1", "3"]
    assert all(float(number) >= 0 for row in rows for number in row[3:6])


def test_the_updates_of_a_timed_cell_are_alike():
    run = next(run for run in Plan.load("paper").runs.values() if run.training.optimiser.drops)
    training = cell.shortened(run, 30).training
    assert (training.steps, training.log_every, training.log_early) == (60, 30, None)
    assert training.optimiser.drops == training.gates.optimiser.drops == ()


def test_a_cell_that_the_study_lacks_is_named(capsys):
    with pytest.raises(SystemExit):
        cell.main(["--study", "smoke", "--cell", "depth-nix"])
    assert "study smoke has no cell depth-nix; it has depth-" in capsys.readouterr().err
