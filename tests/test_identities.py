"""The statements of algebra hold to rounding, and their measurements notice when they don't."""

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.analyses import _identities, identities
from pipeline.estimators import feedback_alignment, linear_sg


@pytest.fixture(scope="module")
def table():
    return identities.analyse(generator=np.random.default_rng(1), nets=2, steps=50)


def of(table, statement):
    return table[table["statement"] == statement]["value"]


def test_zero_loss_stays_put_and_the_start_does_not(table):
    assert (of(table, "zero_loss_left") < 1e-12).all()
    assert (of(table, "zero_loss_moved") < 1e-6).all()
    assert (of(table, "start_moved") > 1e-3).all()


def test_what_is_exact_is_exact_to_rounding(table):
    assert (of(table, "exact_sg_error") < 1e-14).all()
    assert (of(table, "fixed_gate_error") < 1e-14).all()


def test_an_estimator_that_does_not_start_at_zero_moves_a_solution(monkeypatch):
    def biased(units, classes, *, above, generator):
        module = linear_sg.LinearSG(units, classes)
        torch.nn.init.constant_(module.c, 0.1)
        return module

    monkeypatch.setattr(linear_sg, "build", biased)
    _, moved, _ = _identities.zero_loss(3, 12, 24, 3, 60, 50)
    assert moved > 1e-3


def test_a_fixed_estimator_with_a_wrong_factor_is_noticed(monkeypatch):
    monkeypatch.setattr(feedback_alignment.FeedbackAlignment, "forward", lambda self, above: 2 * (above @ self.R))
    assert _identities.fixed_gates(3, 12, 24, ["feedback_alignment"]) > 0.1


def test_metrics_are_logarithms_per_net(table):
    found = identities.metrics(table)
    assert found["log10_exact_sg_error"] == pytest.approx(np.log10(of(table, "exact_sg_error")).tolist())
    zero = pd.DataFrame({"statement": ["x"], "net": [0], "value": [0.0]})
    assert identities.metrics(zero) == {"log10_x": [-300.0]}
