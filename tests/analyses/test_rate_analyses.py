"""Rates that are chosen: the same trials for every method, on seeds and points that nothing else is judged by."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline import random_streams
from pipeline.analyses import rates as analysis
from pipeline.datasets.shared import splits
from pipeline.runs import tuning
from pipeline.study.errors import ConfigError
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan


@pytest.fixture
def smoke(root):
    return yaml.safe_load((root / "configs" / "smoke.yaml").read_text())


@pytest.fixture
def plan(root):
    return Plan.load("smoke", root)


def first(plan, method):
    return next(run for run in plan.runs.values() if run.tuned and run.method == method)


def trials(*rows):
    return [{"rate": rate, "seed": seed, "validation_loss": loss} for rate, seed, loss in rows]


def test_the_rate_with_the_lowest_mean_loss_is_taken():
    found = trials((0.1, 0, 1.0), (0.1, 1, 3.0), (0.01, 0, 1.9), (0.01, 1, 1.9), (1.0, 0, 0.1), (1.0, 1, 9.0))
    assert tuning.choose(found, by="validation_loss") == 0.01


def test_of_equal_rates_the_smallest_is_taken():
    assert tuning.choose(trials((0.1, 0, 1.0), (0.01, 0, 1.0)), by="validation_loss") == 0.01


def test_a_rate_with_a_diverged_trial_is_the_last_choice():
    assert tuning.choose(trials((0.1, 0, 0.2), (0.1, 1, None), (0.01, 0, 5.0)), by="validation_loss") == 0.01
    assert tuning.choose(trials((0.1, 0, None), (0.01, 0, None)), by="validation_loss") == 0.01


def test_no_trials_are_refused():
    with pytest.raises(ValueError, match="no trials"):
        tuning.choose([], by="validation_loss")


def test_a_trial_is_the_run_in_short(plan):
    run = first(plan, "one_sg")
    short = tuning.trial(run, plan.study.tuning, rate=0.5, seed=7)
    assert short.seed == 7
    assert short.training.steps == plan.study.tuning.steps
    assert short.training.optimiser.rate == short.training.gates.optimiser.rate == 0.5
    share = plan.study.tuning.steps / run.training.steps
    assert short.training.optimiser.drops == tuple(round(drop * share) for drop in run.training.optimiser.drops)
    same = {"optimiser", "gates", "steps"}
    assert short.training.model_dump(exclude=same) == run.training.model_dump(exclude=same)
    assert (short.method, short.placement, short.data) == (run.method, run.placement, run.data)


def test_every_method_gets_the_same_number_of_trials_at_every_setting(plan):
    grids = [plan.job("tune", cell=cell).settings["tuning"] for cell in plan.cells]
    assert all(grid == grids[0] for grid in grids)


def test_a_cell_has_all_its_seeds(plan):
    tuned = [run for run in plan.runs.values() if run.tuned]
    assert sorted(run.name for group in plan.cells.values() for run in group) == sorted(run.name for run in tuned)
    for group in plan.cells.values():
        assert len({(run.method, str(run.varied)) for run in group}) == 1
        assert len({run.seed for run in group}) == len(group)
    assert max(map(len, plan.cells.values())) == 2, "seeds of two sweeps share one choice"


def test_the_given_rate_does_not_reach_a_tuned_training(plan):
    run = first(plan, "backprop")
    assert tuning.at_rate(run, 0.25).training.optimiser.rate == 0.25
    assert plan.job("train", block=plan.block(run.name)).settings["tuned"] is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": [0, 100]}, r"tuning\.seeds: \[0\] are reported by a sweep"),
        ({"rates": []}, r"tuning\.rates: expected at least one, each once; found \[\]"),
        ({"rates": [0.1, 0.1]}, r"tuning\.rates: expected at least one, each once"),
        ({"rates": [-0.1]}, r"tuning\.rates\.0: found -0\.1"),
        ({"chosen_by": "test_loss"}, r"tuning\.chosen_by: found \"test_loss\""),
    ],
)
def test_a_wrong_tuning_is_refused(smoke, change, message):
    smoke["tuning"] |= change
    with pytest.raises(ConfigError, match=message):
        parse_study(yaml.safe_dump(smoke), source="x.yaml")


def test_a_tuned_sweep_needs_a_tuning(smoke):
    del smoke["tuning"]
    with pytest.raises(ConfigError, match=r"sweeps\.tuned\.tuned: there is no `tuning`"):
        parse_study(yaml.safe_dump(smoke), source="x.yaml")


def test_trials_of_given_rates_are_refused(smoke):
    smoke["analyses"]["rates"]["sweep"] = ["tuned", "depth"]
    with pytest.raises(ConfigError, match=r"analyses\.rates\.sweep: .* expected tuned sweeps only"):
        parse_study(yaml.safe_dump(smoke), source="x.yaml")


def data(count=300, inputs=20, classes=10):
    rng = np.random.default_rng(0)

    def points(n):
        labels = rng.integers(classes, size=n)
        return splits.Points((rng.normal(size=(n, inputs)) + labels[:, None]).astype(np.float32), labels)

    return splits.Splits(points(count), points(100), points(50), classes)


def outcome(run, data):
    (found,) = tuning.outcomes([run], data)
    return found


def test_trials_see_no_test_point_and_are_the_same_every_time(plan):
    run = tuning.trial(first(plan, "one_sg"), plan.study.tuning, rate=0.01, seed=3)
    whole = data()
    assert len(tuning.without_test(whole).test.labels) == 0
    found = outcome(run, tuning.without_test(whole))
    assert found == outcome(run, tuning.without_test(whole))
    assert found == outcome(run, replace(whole, test=splits.Points(whole.test.inputs, whole.test.labels * 0)))
    assert 0 < found["validation_loss"] < 20
    other = splits.Points(whole.validation.inputs, (whole.validation.labels + 1) % 10)
    assert found != outcome(run, replace(whole, validation=other)), "the choice rests on the validation part"


def test_a_trial_that_diverges_says_so(plan):
    run = tuning.trial(first(plan, "one_sg"), plan.study.tuning, rate=1e30, seed=3)
    training = run.training
    wild = training.model_copy(
        update={
            "optimiser": training.optimiser.model_copy(update={"name": "sgd"}),
            "network": training.network.model_copy(update={"batch_norm": False}),
        }
    )
    found = outcome(run.model_copy(update={"training": wild}), data())
    assert found == {"validation_loss": None, "validation_accuracy": None}


def test_the_analysis_marks_the_rate_that_was_chosen(generator):
    found = trials((0.01, 5, 3.0), (0.1, 5, 1.0), (1.0, 5, None))
    for each in found:
        each["validation_accuracy"] = None if each["validation_loss"] is None else 0.5
    table = analysis.analyse({"r": pd.DataFrame(found)}, generator=generator)
    assert table.loc[table["chosen"], "rate"].tolist() == [tuning.choose(found, by="validation_loss")] == [0.1]
    assert not table["at_edge"].any()
    who = pd.DataFrame([{"run": "r", "method": "one_sg", "seed": 0, "hidden": 3, "varied": "network.hidden=3"}])
    assert analysis.metrics(who.merge(table)) == {"best_rate.one_sg.hidden3": [0.1], "at_edge.one_sg.hidden3": [0.0]}
    edge = analysis.analyse({"r": pd.DataFrame(found[:2])}, generator=generator)
    assert edge["at_edge"].all()


def test_random_labels_keep_the_inputs_and_nothing_of_the_classes():
    rng = np.random.default_rng(1)
    points = splits.Points(rng.normal(size=(5000, 2)).astype(np.float32), np.repeat(np.arange(10), 500))
    whole = splits.Dataset(points, points, 10)
    drawn = splits.random_labels(whole, seed=0)
    assert np.array_equal(drawn.train.inputs, points.inputs)
    assert np.mean(drawn.train.labels == points.labels) == pytest.approx(0.1, abs=0.02)
    assert np.bincount(drawn.train.labels).min() > 400
    assert np.array_equal(drawn.train.labels, splits.random_labels(whole, seed=0).train.labels)
    assert not np.array_equal(drawn.train.labels, drawn.test.labels)
    assert not np.array_equal(drawn.train.labels, splits.random_labels(whole, seed=1).train.labels)


def test_streams_of_trials_are_those_of_their_seed(plan):
    """A trial starts from the weights of its own seed, not from those of a reported run."""
    run = first(plan, "backprop")
    short = tuning.trial(run, plan.study.tuning, rate=0.01, seed=100)
    assert random_streams.seed("weights", short.seed) != random_streams.seed("weights", run.seed)
