"""Trials of a run: the same for every method, on seeds and points that nothing else is judged by."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.rate_search import Rates
from pipeline.runs import tuning
from pipeline.study import resources
from pipeline.study.plan import Plan
from pipeline.study.schema import Method


@pytest.fixture
def plan(root):
    return Plan.load("smoke", root)


@pytest.fixture
def wanted(plan):
    return plan.study.tuning


def first(plan, method):
    return next(run for run in plan.runs.values() if run.tuned and run.method == method)


def as_method(run, method: Method):
    """The run with another estimator and placement."""
    return run.model_copy(
        update={
            "estimator": method.estimator,
            "estimator_settings": method.settings,
            "placement": method.placement,
            "method": method.label,
        }
    )


def data(count=200, classes=10, inputs=784):
    rng = np.random.default_rng(0)

    def points(n):
        labels = np.arange(n) % classes
        return splits.Points((rng.normal(size=(n, inputs)) + labels[:, None]).astype(np.float32), labels)

    return splits.Splits(points(count), points(100), points(50), classes)


def outcome(run, where):
    (found,) = tuning.outcomes([run], where)
    return found


def test_a_trial_is_the_run_in_short(plan):
    run = first(plan, "one_sg")
    short = tuning.trial(run, Rates(0.5, 2.0), steps=30, seed=7)
    assert (short.seed, short.training.steps) == (7, 30)
    assert (short.training.optimiser.rate, short.training.gates.optimiser.rate) == (0.5, 1.0)
    for one, other in (
        (short.training.optimiser, run.training.optimiser),
        (short.training.gates.optimiser, run.training.gates.optimiser),
    ):
        assert one.drops == tuple(round(drop * 30 / run.training.steps) for drop in other.drops)
    same = {"optimiser", "gates", "steps"}
    assert short.training.model_dump(exclude=same) == run.training.model_dump(exclude=same)
    assert (short.method, short.placement, short.data) == (run.method, run.placement, run.data)


@pytest.mark.parametrize(
    ("method", "gates", "free"),
    [
        ("backprop", {}, False),
        ("one_sg", {}, True),
        ("one_sg", {"apply": False}, False),
        ("one_sg_and_prop", {}, True),
        ("one_noprop", {}, False),
        ("feedback_alignment", {}, False),
        ("every_deep_sg", {}, True),
    ],
)
def test_modules_have_a_rate_of_their_own_if_it_can_change_the_network(plan, method, gates, free):
    run = as_method(first(plan, "backprop"), plan.study.methods[method])
    training = run.training.model_copy(update={"gates": run.training.gates.model_copy(update=gates)})
    assert tuning.has_gate_rate(run.model_copy(update={"training": training})) is free
    assert not tuning.has_gate_rate(run.model_copy(update={"placement": "none"}))


@pytest.mark.parametrize("method", ["backprop", "one_sg", "kickback", "one_noprop", "one_sg_and_prop"])
def test_every_method_makes_the_same_number_of_updates(plan, wanted, method, monkeypatch):
    run, made = as_method(first(plan, "backprop"), plan.study.methods[method]), []

    def counting(stack, batch, looks):
        for look, losses in real(stack, batch, looks):
            made.append(losses.numel())
            yield look, losses

    real = tuning.descend
    monkeypatch.setattr(tuning, "descend", counting)
    found = tuning.search(run, wanted, tuning.without_test(data()))
    assert sum(made) == resources.tuning_updates(wanted) == 300
    assert sum(each["steps"] for each in found["trials"]) == 300
    assert [rung["tries"] for rung in found["rungs"]] == [4, 3]
    for number, rung in enumerate(found["rungs"], start=1):
        rows = [each for each in found["trials"] if each["rung"] == number]
        assert len(rows) == rung["tries"] * len(wanted.seeds)
        assert {each["steps"] for each in rows} == {rung["steps"]}
        assert {each["seed"] for each in rows} == set(wanted.seeds)
    if tuning.has_gate_rate(run):
        assert {each["gate_factor"] for each in found["trials"] if each["rung"] == 1} == {0.333, 1.0}
    else:
        assert {each["gate_factor"] for each in found["trials"]} == {1.0}
        assert len({each["rate"] for each in found["trials"] if each["rung"] == 1}) == 4


def test_the_best_rates_are_those_with_the_lowest_mean_loss_in_the_last_rung(plan, wanted):
    found = tuning.search(first(plan, "one_sg"), wanted, tuning.without_test(data()))
    means = {}
    for each in found["trials"]:
        if each["rung"] == len(found["rungs"]):
            means.setdefault((each["rate"], each["gate_rate"]), []).append(each["validation_loss"])
    assert (found["rate"], found["gate_rate"]) == min(means, key=lambda rates: np.mean(means[rates]))
    assert found["gate_rate"] in {each["gate_rate"] for each in found["trials"]}


def test_a_search_is_the_same_to_the_bit_every_time_and_however_many_trials_share_a_stack(plan, wanted, monkeypatch):
    run, where = first(plan, "one_sg"), tuning.without_test(data())
    found = tuning.search(run, wanted, where)
    assert tuning.search(run, wanted, where) == found
    monkeypatch.setattr(tuning, "TRIALS_AT_ONCE", 2)
    assert tuning.search(run, wanted, where) == found


def test_trials_see_no_test_point(plan):
    run, whole = tuning.trial(first(plan, "one_sg"), Rates(0.01), steps=20, seed=3), data()
    assert len(tuning.without_test(whole).test.labels) == 0
    found = outcome(run, tuning.without_test(whole))
    assert found == outcome(run, replace(whole, test=splits.Points(whole.test.inputs, whole.test.labels * 0)))
    assert 0 < found["validation_loss"] < 20
    other = splits.Points(whole.validation.inputs, (whole.validation.labels + 1) % 10)
    assert found != outcome(run, replace(whole, validation=other)), "the choice rests on the validation part"


def test_the_modules_rate_reaches_the_modules(plan):
    run, where = first(plan, "one_sg"), data()
    one, other = (outcome(tuning.trial(run, Rates(0.01, by), steps=20, seed=3), where) for by in (1.0, 0.1))
    assert one != other


def wild(run):
    """The run with settings under which a high rate diverges."""
    training = run.training.model_copy(
        update={
            "optimiser": run.training.optimiser.model_copy(update={"name": "sgd"}),
            "network": run.training.network.model_copy(update={"batch_norm": False}),
        }
    )
    return run.model_copy(update={"training": training})


def test_a_trial_that_diverges_says_so(plan):
    for steps in (1, 20):  # also if no batch has seen it, since the last update was the one that diverged
        run = tuning.trial(wild(first(plan, "one_sg")), Rates(1e30), steps=steps, seed=3)
        assert outcome(run, data()) == {"validation_loss": None, "validation_accuracy": None}


def test_rates_that_diverge_stay_in_the_record_and_are_not_chosen(plan, wanted):
    rates = wanted.model_copy(update={"rates": (0.001, 1e30)})
    found = tuning.search(wild(first(plan, "backprop")), rates, tuning.without_test(data()))
    begun = [each for each in found["trials"] if each["rung"] == 1]
    assert len(begun) == 4 * len(wanted.seeds)
    lost = {each["rate"] for each in begun if each["validation_loss"] is None}
    assert {each["rate"] for each in begun if each["rate"] > 1} == lost
    assert found["rate"] < 1


def test_streams_of_trials_are_those_of_their_seed(plan):
    """A trial starts from the weights of its own seed, not from those of a reported run."""
    run = first(plan, "backprop")
    short = tuning.trial(run, Rates(0.01), steps=20, seed=100)
    assert random_streams.seed("weights", short.seed) != random_streams.seed("weights", run.seed)


def test_the_given_rate_does_not_reach_a_tuned_training(plan):
    run = first(plan, "one_sg")
    training = tuning.at_rates(run, 0.25, 0.5).training
    assert (training.optimiser.rate, training.gates.optimiser.rate) == (0.25, 0.5)
    assert plan.job("train", block=plan.block(run.name)).settings["tuned"] is True
