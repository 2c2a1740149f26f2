"""The least losses of linear models, against closed forms and scikit-learn."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss

from pipeline.datasets import linearly_separable, noisy_linear, random_labels, xor
from pipeline.learning.losses import loss
from pipeline.theory import optima

OVERLAPPING = (noisy_linear, xor, random_labels)


def drawn(member, inputs, samples=300):
    points = member.draw(samples, inputs=inputs, generator=np.random.default_rng(3))
    return points.inputs.astype(np.float64), points.labels


@pytest.mark.parametrize("inputs", [2, 40])
@pytest.mark.parametrize("member", [linearly_separable, *OVERLAPPING])
def test_least_squares_is_scikit_learn_s(member, inputs):
    x, labels = drawn(member, inputs)
    targets = np.eye(2)[labels]
    p = LinearRegression().fit(x, targets).predict(x)
    found = optima.optimum("mse", x, labels)
    assert found == pytest.approx(np.square(p - targets).mean(), rel=1e-10)
    assert found == pytest.approx(loss("mse", torch.from_numpy(p), torch.from_numpy(targets)).item(), rel=1e-10)


@pytest.mark.parametrize("inputs", [2, 40])
@pytest.mark.parametrize("member", OVERLAPPING)
def test_the_least_log_loss_is_scikit_learn_s(member, inputs):
    x, labels = drawn(member, inputs)
    model = LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000).fit(x, labels)
    assert optima.optimum("cross_entropy", x, labels) == pytest.approx(
        log_loss(labels, model.predict_proba(x)), rel=1e-6
    )


def test_the_scores_are_worth_the_loss_that_is_said():
    x, labels = drawn(noisy_linear, 3)
    scores, value = optima.logistic_regression(x, labels)
    p = torch.from_numpy(np.column_stack([-scores / 2, scores / 2]))
    assert loss("cross_entropy", p, torch.from_numpy(np.eye(2)[labels])).item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("ones", "zeros"), [(3, 1), (7, 2)])
def test_without_inputs_that_tell_anything_the_bias_alone_decides(ones, zeros):
    x, labels = np.zeros((ones + zeros, 2)), np.array([1] * ones + [0] * zeros)
    share = ones / (ones + zeros)
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert optima.optimum("cross_entropy", x, labels) == pytest.approx(entropy, rel=1e-10)
    assert optima.optimum("mse", x, labels) == pytest.approx(share * (1 - share), rel=1e-10)


@pytest.mark.parametrize("inputs", [2, 40])
def test_where_a_plane_separates_the_solver_s_loss_falls_to_zero_and_so_the_infimum_is_zero(inputs):
    x, labels = drawn(linearly_separable, inputs)
    values = [optima.logistic_regression(x, labels, iterations=count)[1] for count in (1, 3, 10, 30, 100)]
    assert all(later < earlier for earlier, later in itertools.pairwise(values) if earlier > 1e-9)
    assert values[-1] < 1e-6 < values[0]
    assert optima.optimum("cross_entropy", x, labels) == 0.0


def test_one_point_on_the_wrong_side_and_the_infimum_is_no_longer_zero():
    x, labels = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    assert optima.optimum("cross_entropy", x, labels) == 0.0
    assert optima.optimum("cross_entropy", np.vstack([x, [[3.0]]]), np.append(labels, 0)) > 0.3
