"""The statements of algebra hold to rounding, and their measurements notice when they don't."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import members
from pipeline.analyses import identities
from pipeline.analyses.shared import identities_training
from pipeline.estimators import feedback_alignment, linear_sg

DEEP = {"hidden": 3, "activation": "relu", "batch_norm": False}


@pytest.fixture(scope="module")
def table():
    return identities.analyse(generator=np.random.default_rng(1), nets=1, hidden=(1, 2), steps=50)


def of(table, statement):
    return table[table["statement"] == statement]["value"]


def test_every_architecture_and_every_learned_estimator_is_there(table):
    moved = table[table["statement"] == "start_moved"]
    learned = {"linear_sg", "sigmoid_sg", "mlp_sg"}
    assert set(moved["estimator"]) == learned
    shapes = moved.groupby(["hidden", "activation", "batch_norm"]).size()
    assert len(shapes) == 2 * 2 * 2
    assert (shapes == len(learned)).all()
    assert moved["net"].nunique() == len(shapes)


def test_zero_loss_stays_put_and_the_start_does_not(table):
    left = table[table["statement"] == "zero_loss_left"].set_index("net")["value"]
    moved = table[table["statement"] == "zero_loss_moved"]
    assert set(moved["net"]) == set(left.index[left < identities.ZERO_LOSS])
    relu = table["activation"] == "relu"
    assert (of(table[relu], "zero_loss_left") < identities.ZERO_LOSS).all()
    assert (moved["value"] < 1e-6).all()
    assert (of(table, "start_moved") > 1e-3).all()


def test_what_is_exact_is_exact_to_rounding(table):
    assert (of(table, "exact_sg_error") < 1e-14).all()
    assert (of(table, "fixed_gate_error") < 1e-14).all()


def test_critical_points_with_errors_are_kept(table):
    found = of(table, "critical_residual")
    assert len(found) == (of(table, "critical_gradient") < identities.CRITICAL).sum()
    assert len(found) >= 3
    assert (found < 1e-5).all()


def moved(solution, estimator, steps):
    (found,) = identities_training.moved([(solution.end, solution)], estimator, steps)
    return found


def test_an_estimator_that_does_not_start_at_zero_moves_a_solution(monkeypatch):
    def biased(units, classes, *, above, generator):
        module = linear_sg.LinearSG(units, classes)
        torch.nn.init.constant_(module.c, 0.1)
        return module

    solution = identities_training.zero_loss(3, 12, 24, 300, **DEEP)
    assert solution.left < identities.ZERO_LOSS
    assert moved(solution, "linear_sg", 50) < 1e-6
    monkeypatch.setattr(linear_sg, "build", biased)
    assert moved(solution, "linear_sg", 50) > 1e-3


def test_measuring_a_solution_leaves_it_as_it_was():
    solution = identities_training.zero_loss(3, 12, 24, 20, **DEEP)
    before = copy.deepcopy(solution.end.state_dict())
    found = [moved(solution, "mlp_sg", 5) for _ in range(2)]
    assert found[0] == found[1] > 0
    assert all(torch.equal(value, before[name]) for name, value in solution.end.state_dict().items())


def test_side_by_side_each_network_moves_as_it_does_alone():
    solutions = [identities_training.zero_loss(seed, 12, 24, 20, **DEEP) for seed in (3, 4)]
    starts = [(net, solution) for solution in solutions for net in (solution.start, solution.end)]
    together = identities_training.moved(starts, "linear_sg", 20)
    alone = [identities_training.moved([one], "linear_sg", 20)[0] for one in starts]
    assert together == alone
    assert len(set(together)) == 4


def wrong(name, factor, net):
    module = identities_training.closed_form(net)
    with torch.no_grad():
        getattr(module, name).mul_(factor)
    return module


@pytest.fixture(scope="module")
def critical():
    """A critical point of a deep linear net on more samples than it can fit."""
    net, x, generator = identities_training._setting(4, 40, 4, hidden=2, activation="linear")
    y = torch.randn(40, identities_training.CLASSES, generator=generator, dtype=torch.float64)
    start = copy.deepcopy(net)
    assert identities_training._fit(net, x, y, 500) > 0.1
    return net, start, x, y


def test_all_three_residuals_are_zero_at_a_critical_point_and_nowhere_else(critical):
    net, start, x, y = critical
    assert max(identities_training.residuals(net, start, x, y, identities_training.closed_form(net))) < 1e-6
    elsewhere = identities_training.residuals(start, start, x, y, identities_training.closed_form(start))
    assert elsewhere[:2] == pytest.approx((1, 1))
    assert elsewhere[2] < 1e-14, "an exact SG has nothing to learn anywhere"
    zeros = identities_training.residuals(net, start, x, y, linear_sg.LinearSG(4, identities_training.CLASSES).double())
    assert zeros[0] == 0
    assert zeros[2] == pytest.approx(1)


@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("name", ["A", "B", "c"])
def test_a_wrong_sg_leaves_residuals(critical, name, factor):
    net, start, x, y = critical
    below, _, own = identities_training.residuals(net, start, x, y, wrong(name, factor, net))
    assert below > 1e-4
    assert own > 1e-3


def test_a_fixed_estimator_with_a_wrong_factor_is_noticed(monkeypatch):
    assert identities_training.fixed_gates(3, 12, 24, ["feedback_alignment"], "sigmoid") < 1e-14
    monkeypatch.setattr(feedback_alignment.FeedbackAlignment, "forward", lambda self, above: 2 * (above @ self.R))
    assert identities_training.fixed_gates(3, 12, 24, ["feedback_alignment"], "sigmoid") > 0.1


def test_the_estimators_are_told_apart_by_whether_they_learn():
    names = members.settings("analyses", "identities")["estimators"].default
    assert identities_training.by_kind(names) == (
        ["linear_sg", "sigmoid_sg", "mlp_sg"],
        ["feedback_alignment", "direct_feedback_alignment", "kickback"],
    )


def test_metrics_are_logarithms_per_net(table):
    found = identities.metrics(table)
    assert found["log10_exact_sg_error"] == pytest.approx(np.log10(of(table, "exact_sg_error")).tolist())
    zero = pd.DataFrame({"statement": ["x"], "net": [0], "value": [0.0]})
    assert identities.metrics(zero) == {"log10_x": [-300.0]}
    still = zero.assign(statement="zero_loss_moved")
    assert identities.metrics(still) == {"log10_zero_loss_moved": pytest.approx([-17.0])}


def test_of_several_estimators_the_worst_counts_and_the_weakest_as_a_control():
    rows = [("zero_loss_moved", 1e-8), ("zero_loss_moved", 1e-9), ("start_moved", 1e-1), ("start_moved", 1e-2)]
    made = pd.DataFrame([(statement, 0, value) for statement, value in rows], columns=["statement", "net", "value"])
    found = identities.metrics(made)
    assert found == {"log10_start_moved": pytest.approx([-2]), "log10_zero_loss_moved": pytest.approx([-8])}
    lefts = pd.DataFrame({"statement": "zero_loss_left", "net": [0, 1, 2, 3], "value": [1e-20, 1e-3, 1e-17, 0.0]})
    assert identities.metrics(lefts)["zero_loss_share"] == [0.75]
