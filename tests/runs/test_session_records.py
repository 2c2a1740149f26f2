"""What a training session records of its updates: their operations, and how closely the gates track."""

import numpy as np
import pytest
import torch
import yaml
from sessions import CLASSES, INPUTS, clouds, stopped

from pipeline.learning.error_bound import batch_loss
from pipeline.runs.session import Session
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan

BATCH, STEPS, EVERY = 20, 25, 10
TRACKING = ["tracking_error", "tracking_jacobian", "tracking_gradient", "tracking_parameter_error", "tracking_cosine"]


@pytest.fixture(scope="module")
def data():
    return clouds(240, 60, 60)


@pytest.fixture
def session(root, data):
    """Makes a short session."""

    def make(method="every_sg", *, log_tracking=True, log_early=None, **changes):
        content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
        content["analyses"] = content["figures"] = {}
        content["sweeps"] = {"s": {"methods": [method], "seeds": [0], "set": {}, "vary": {"network.hidden": [2]}}}
        content["methods"] = {method: content["methods"][method]}
        content["methods"][method] |= {"sweeps": ["s"], "set": {k.replace("__", "."): v for k, v in changes.items()}}
        content["training"]["optimiser"]["drops"] = content["training"]["gates"]["optimiser"]["drops"] = []
        content["training"] |= {"steps": STEPS, "batch": BATCH, "log_every": EVERY}
        content["training"] |= {"log_points": 50, "log_tracking": log_tracking, "log_early": log_early}
        run = Plan(parse_study(yaml.safe_dump(content), source="x"), "small").runs[f"s-{method}-hidden2-s0"]
        return Session([run], data, torch.device("cpu"), lambda name, rows: None)

    return make


def finished(one):
    one.train(lambda: None)
    return one.records[0].history()


def test_tracking_is_recorded_at_every_logged_step_but_the_last_by_gate(session):
    table = finished(session())
    for name in TRACKING:
        rows = table[table["quantity"] == name]
        assert rows[["step", "layer"]].to_numpy().tolist() == [[s, layer] for s in (0, 10, 20) for layer in (1, 2)]
        assert np.isfinite(rows["value"]).all()
    falls = table[table["quantity"] == "tracking_falls"]
    assert falls[["step", "layer"]].to_numpy().tolist() == [[0, 0], [10, 0], [20, 0]]


def test_at_the_zero_start_the_error_is_the_gradient(session):
    rows = finished(session()).query("step == 0").set_index(["quantity", "layer"])["value"]
    assert rows["tracking_parameter_error", 1] == rows["tracking_gradient", 1] > 0
    assert rows["tracking_cosine", 2] == 0


def same_models(one, other):
    a, b = (each.records[0].models for each in (one, other))
    return a.keys() == b.keys() and all(np.array_equal(array, b[name]) for name, array in a.items())


@pytest.mark.parametrize("changes", [{}, {"gates__update": "sequential"}, {"gates__target": "true"}])
def test_tracking_and_counting_change_no_bit(session, changes):
    a, b = session(**changes), session(log_tracking=False, **changes)
    with_tracking, without = finished(a), finished(b)
    kept = ~with_tracking["quantity"].str.startswith("tracking_")
    assert with_tracking[kept].reset_index(drop=True).equals(without)
    assert same_models(a, b)
    c = session(log_tracking=False, **changes)
    c._count_first = c.stack.update
    assert finished(c).equals(without[without["quantity"] != "update_flops"].reset_index(drop=True))
    assert same_models(b, c)


@pytest.mark.parametrize(("rate", "falls"), [(1e-3, 1.0), (1e3, 0.0)])
def test_falls_says_whether_the_next_update_lowers_its_own_batchs_loss(session, rate, falls):
    one = session("backprop", optimiser__name="sgd", optimiser__rate=rate, optimiser__drops=[])
    x, y = (part[one.batches.chosen(0)[0]] for part in (one.x, one.y))
    network = one.trainers[0].network
    before = batch_loss(network, x, y, "cross_entropy")
    (value,) = one._update(x[None], y[None])
    after = batch_loss(network, x, y, "cross_entropy")
    assert value.item() == pytest.approx(before)
    assert (after < before) == falls
    assert (0, 0, "tracking_falls", falls) in one.records[0].rows


def test_what_is_said_of_an_update_is_no_end_state(session):
    one = session()
    finished(one)
    final = one.records[0].final()
    assert "tracking_falls" not in final
    assert final["update_flops"] > 0


EARLY = {"every": 3, "until": 16}


@pytest.mark.parametrize("changes", [{}, {"gates__update": "sequential"}, {"gates__target": "true"}])
def test_early_records_are_of_the_training_points_alone_and_change_no_bit(session, changes):
    a, b = session(log_early=EARLY, **changes), session(**changes)
    with_early, without = finished(a), finished(b)
    early = with_early["step"].isin([3, 6, 9, 12, 15])
    assert with_early[~early].reset_index(drop=True).equals(without)
    assert same_models(a, b)
    assert set(with_early[early]["quantity"]) == {"samples", "train_loss", "train_accuracy"}
    assert early.sum() == 5 * 3


def test_a_step_that_is_recorded_anyway_is_recorded_once_and_in_full(session):
    table = finished(session(log_early={"every": 5, "until": STEPS}))
    steps = table.loc[table["quantity"] == "train_loss", "step"].tolist()
    assert steps == [0, 5, 10, 15, 16, 20, 25], "16 has a checkpoint"
    assert {0, 10, 16, 20, 25} == set(table.loc[table["quantity"] == "validation_loss", "step"])


def test_an_early_record_is_the_loss_that_a_full_one_at_that_step_would_have(session):
    early, full = session(log_early={"every": 3, "until": 3}), session(log_every=3)
    rows = [finished(each).query("step == 3 and quantity == 'train_loss'")["value"].item() for each in (early, full)]
    assert rows[0] == rows[1]


def test_a_run_that_diverges_between_two_full_records_ends_at_an_early_one(session):
    one = session("backprop", log_early={"every": 3, "until": 9}, optimiser__name="sgd", optimiser__rate=1e30)
    table = finished(one)
    assert one.records[0].status == "diverged"
    assert one.records[0].step < 9
    assert table["step"].max() < 9


@pytest.mark.parametrize("early", [None, EARLY])
@pytest.mark.parametrize("stop", [1, 10, 13, 20])
def test_a_resumed_run_has_the_same_records_once(session, stop, early):
    whole, first, second = (session(log_early=early) for _ in range(3))
    whole = finished(whole)
    second.restore(stopped(first, stop))
    assert second.stack.step == stop
    second.train(lambda: None)
    assert second.records[0].history().equals(whole)


def test_the_operations_are_those_of_one_update(session):
    table = finished(session("backprop", log_tracking=False))
    rows = table[table["quantity"] == "update_flops"]
    assert rows[["step", "layer"]].to_numpy().tolist() == [[0, 0]]
    width = 16
    products = [2 * BATCH * a * b for a, b in ((INPUTS, width), (width, width), (width, CLASSES))]
    assert rows["value"].item() == 3 * sum(products) - products[0], "the inputs have no gradient"
