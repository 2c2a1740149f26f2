"""Claim C3 as executable statements: an SG that is too poor adds critical points."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from pipeline.analyses import counter_example
from pipeline.learning.gate import Gate


class OneNumber(nn.Module):
    """The SG of the counter-example."""

    def __init__(self):
        super().__init__()
        self.c = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, h, y):
        return self.c.expand_as(h)


def through_the_gate(a, b, c=None):
    """The gradients in `(a, b)`, by autograd through the real gate, and the SG's best value; None: no gate."""
    a, b = (torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (a, b))
    x = torch.tensor(counter_example.INPUTS)[:, None]
    h = a * x + b
    gate = Gate(OneNumber())
    if c is not None:
        with torch.no_grad():
            gate.estimator.c.fill_(c)
        h = gate(h, torch.zeros_like(x))
    h.abs().mean().backward()
    best = float(gate.signals["arrived"].mean()) if c is not None else None
    return [a.grad.item(), b.grad.item()], best


def test_the_sg_stands_still_where_the_loss_does_not():
    """At a = 1.3, b = 0.4: the loss's slope in a is 6 / 4 (6 if the loss were a sum), the best constant is 0."""
    true, _ = through_the_gate(1.3, 0.4)
    assert true == pytest.approx([6 / 4, 0])
    estimate, best = through_the_gate(1.3, 0.4, c=0.0)
    assert best == 0
    assert estimate == [0, 0]


@pytest.mark.parametrize("sign_a", [-1, 1])
@pytest.mark.parametrize("sign_b", [-1, 1])
@pytest.mark.parametrize(
    ("a", "b", "true", "sg"),
    [
        (1.3, 0.4, (1.5, 0.0), (0.0, 0.0)),
        (1.0, 0.999, (1.5, 0.0), (0.0, 0.0)),
        (1.0, 1.001, (1.0, 0.5), (0.0, 0.5)),
        (1.0, 1.999, (1.0, 0.5), (0.0, 0.5)),
        (1.0, 2.001, (0.0, 1.0), (0.0, 1.0)),
        (0.0, 1.0, (0.0, 1.0), (0.0, 1.0)),
    ],
)
def test_gradients_by_region(a, b, true, sg, sign_a, sign_b):
    a, b = a * sign_a, b * sign_b
    signs = np.array([sign_a, sign_b])
    found = counter_example.true_gradient(np.array([a]), np.array([b]))[0]
    np.testing.assert_allclose(found, signs * true, atol=1e-15)
    np.testing.assert_allclose(found, through_the_gate(a, b)[0], atol=1e-15)
    found = counter_example.sg_gradient(np.array([a]), np.array([b]))[0]
    np.testing.assert_allclose(found, signs * sg, atol=1e-15)
    _, best = through_the_gate(a, b, c=0.0)
    np.testing.assert_allclose(found, through_the_gate(a, b, c=best)[0], atol=1e-15)


@pytest.fixture(scope="module")
def portrait():
    return counter_example.analyse(generator=np.random.default_rng(0))


def test_the_critical_points_of_sg_training_are_a_cone_and_of_the_loss_the_origin(portrait):
    field = portrait[portrait["quantity"] == "field"]
    assert (field["critical_sg"] == (field["b"].abs() < field["a"].abs())).all()
    assert not field["critical_true"].any()
    origin = portrait[portrait["quantity"] == "origin"].iloc[0]
    assert origin["critical_true"]
    assert origin["critical_sg"]
    assert origin["loss"] == 0
    a = np.array([1.0, -1.0, 1.0, -1.0, 0.5])
    borders = counter_example.sg_gradient(a, np.array([1.0, 1.0, -1.0, -1.0, -1.0]))
    np.testing.assert_allclose(borders[:, 1], [0.25, 0.25, -0.25, -0.25, -0.75])


def test_the_loss_and_its_gradient_belong_together(portrait):
    field = portrait[portrait["quantity"] == "field"]
    a, b, step = field["a"].to_numpy(), field["b"].to_numpy(), 1e-7
    smooth = np.abs(a[:, None] * counter_example.INPUTS + b[:, None]).min(axis=1) > 1e-5
    for number, name in enumerate(("da_true", "db_true")):
        move = [step, 0.0] if number == 0 else [0.0, step]
        up, down = (counter_example.loss(a + s * move[0], b + s * move[1]) for s in (1, -1))
        np.testing.assert_allclose(((up - down) / (2 * step))[smooth], field[name][smooth], atol=1e-6)


def test_trajectories_end_where_theory_says(portrait):
    """SG training moves b alone, until it meets the cone; the true gradient leads to the origin."""
    paths = portrait[portrait["quantity"] == "trajectory"].sort_values("step")
    ends = paths.groupby(["rule", "trajectory"]).agg(["first", "last"])
    for (rule, _), end in ends[["a", "b"]].iterrows():
        a, b = end["a"]["first"], end["b"]["first"]
        inside = abs(b) < abs(a)
        limit = {"true": (0, 0), "sg": (a, b if inside else np.sign(b) * abs(a))}[rule]
        assert np.hypot(end["a"]["last"] - limit[0], end["b"]["last"] - limit[1]) < 0.02
    assert ends.loc["sg"]["loss"]["last"].min() > 0.5
    assert ends.loc["true"]["loss"]["last"].max() < 0.02


def test_headline_numbers(portrait):
    found = counter_example.metrics(portrait)
    assert found["added_critical_share"] == pytest.approx([0.5], abs=0.01)
    assert found["removed_critical_share"] == [0.0]
    assert found["largest_gradient"] == [1.5]


def test_nothing_to_show_and_settings_out_of_range():
    assert counter_example.metrics(pd.DataFrame()) == {}
    for wrong in ({"cells": 0}, {"window": -1.0}, {"rate": 0.0}):
        with pytest.raises(ValueError, match="cells, window and rate: found"):
            counter_example.analyse(generator=np.random.default_rng(0), **wrong)
