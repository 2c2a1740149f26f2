"""Closed forms of linear models, against finite differences and known solutions."""

import numpy as np
import pytest
import torch

from pipeline.learning.losses import loss
from pipeline.theory import models as linear

RUNS, N, INPUTS, K, WIDTH = 2, 30, 5, 3, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def data(rng):
    x = np.concatenate([rng.normal(size=(RUNS, N, INPUTS - 1)), np.ones((RUNS, N, 1))], axis=2)
    return linear.regression(x, x @ rng.normal(size=(RUNS, INPUTS, K)) + 0.5 * rng.normal(size=(RUNS, N, K)))


@pytest.fixture
def deep(rng):
    return [rng.normal(size=(RUNS, a, b)) / np.sqrt(a) for a, b in ((INPUTS, WIDTH), (WIDTH, WIDTH), (WIDTH, K))]


def mean_loss(p, y):
    """Of each run, by the study's own loss."""
    return np.array([loss("mse", torch.tensor(a), torch.tensor(b)).item() for a, b in zip(p, y, strict=True)])


def slope(function, at, along, step=1e-6):
    """The derivative of `function` (an entry per run) at `at` in the direction `along`."""
    return (function(at + step * along) - function(at - step * along)) / (2 * step)


def test_the_error_is_the_gradient_of_each_samples_loss(data, rng):
    p, along = rng.normal(size=data.y.shape), rng.normal(size=data.y.shape)
    expected = (linear.error(p, data.y) * along).sum(axis=(1, 2)) / N
    np.testing.assert_allclose(slope(lambda q: mean_loss(q, data.y), p, along), expected, rtol=1e-7)


def test_the_excess_is_the_loss_above_that_of_least_squares(data, rng):
    p = data.x @ rng.normal(size=(RUNS, INPUTS, K))
    expected = mean_loss(p, data.y) - mean_loss(data.best, data.y)
    np.testing.assert_allclose(linear.excess(p, data.best), expected, rtol=1e-12)
    for run in range(RUNS):
        solution = np.linalg.lstsq(data.x[run], data.y[run], rcond=None)[0]
        np.testing.assert_allclose(data.best[run], data.x[run] @ solution, atol=1e-12)


def test_gradients_of_every_weight(data, deep, rng):
    signals = linear.forward(data.x, deep)
    _, found = linear.backward(signals, deep, linear.error(signals[-1], data.y))
    for number, weight in enumerate(deep):
        along = rng.normal(size=weight.shape)

        def moved(other, number=number):
            return mean_loss(linear.forward(data.x, [*deep[:number], other, *deep[number + 1 :]])[-1], data.y)

        expected = (found[number] * along).sum(axis=(1, 2))
        np.testing.assert_allclose(slope(moved, weight, along), expected, rtol=1e-7)


def test_the_gradient_that_arrives_at_a_layer(data, deep, rng):
    signals = linear.forward(data.x, deep)
    arrived, _ = linear.backward(signals[1:], deep[1:], linear.error(signals[-1], data.y))
    along = rng.normal(size=arrived.shape)
    expected = (arrived * along).sum(axis=(1, 2)) / N
    found = slope(lambda h: mean_loss(linear.forward(h, deep[1:])[-1], data.y), signals[1], along)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_the_curvature_is_the_steepest_second_derivative(data, rng):
    """Along W's first output, the Hessian is 2/k times the second moments; of orthogonal columns it is known."""
    orthogonal = np.linalg.qr(rng.normal(size=(1, N, 2))).Q * np.sqrt(N) * np.array([3.0, 1.0])
    assert linear.curvature(orthogonal, 4)[0] == pytest.approx(2 / 4 * 9)
    assert linear.curvature(orthogonal[:, :, 1:], 4)[0] == pytest.approx(2 / 4)


def test_line_search_finds_the_minimum_along_the_line(rng):
    residual, change = rng.normal(size=(2, RUNS, N, K))
    best = linear.line_search(residual, change)
    remaining = residual - best * change
    np.testing.assert_allclose((remaining * change).sum(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(linear.line_search(3 * change, change), 3)
    assert (linear.line_search(residual, 0 * change) == 0).all()


def test_a_fixed_step_follows_the_gradient_of_the_sg_loss(data, deep, rng):
    h = linear.forward(data.x, deep)[1]
    z = linear.features(h, data.y, data.x[:, :, -1:])
    assert z.shape == (RUNS, N, WIDTH + K + 1)
    theta, along = rng.normal(size=(2, RUNS, WIDTH + K + 1, WIDTH))
    target = rng.normal(size=h.shape)
    step = linear.sg_step(theta, z, target, rate=0.1) - theta
    found = slope(lambda t: np.square(z @ t - target).sum(axis=2).mean(axis=1), theta, along)
    np.testing.assert_allclose(found, -(step * along).sum(axis=(1, 2)) / 0.1, rtol=1e-7)


def test_a_line_search_step_is_the_best_of_all_fixed_ones(data, deep, rng):
    z = linear.features(linear.forward(data.x, deep)[1], data.y, data.x[:, :, -1:])
    theta, target = rng.normal(size=(RUNS, z.shape[2], WIDTH)), rng.normal(size=(RUNS, N, WIDTH))

    def left(rate):
        return np.square(z @ linear.sg_step(theta, z, target, rate=rate) - target).sum(axis=(1, 2))

    fixed = np.array([left(rate) for rate in np.geomspace(1e-3, 1, 400)])
    assert (left(None) <= fixed.min(axis=0)).all()
    np.testing.assert_allclose(left(None), fixed.min(axis=0), rtol=1e-3)


@pytest.mark.parametrize(("share", "learns"), [(0.95, True), (1.05, False)])
def test_a_fixed_sg_rate_has_a_limit(data, share, learns):
    """Where the main model stands still, a step multiplies the SG's error by `1 - 2 rate * (second moments of z)`."""
    z = linear.features(data.best, data.y, data.x[:, :, -1:])
    limits = 1 / np.linalg.eigvalsh(np.swapaxes(z, 1, 2) @ z / N)[:, -1]
    target, theta = linear.error(data.best, data.y), np.full((RUNS, 2 * K + 1, K), 0.1)
    before = np.square(z @ theta - target).sum(axis=(1, 2))
    for _ in range(200):
        theta = np.stack(
            [linear.sg_step(theta[[r]], z[[r]], target[[r]], rate=share * limits[r])[0] for r in range(RUNS)]
        )
    after = np.square(z @ theta - target).sum(axis=(1, 2))
    assert ((after < 0.1 * before) if learns else (after > 10 * before)).all()


def test_condensed_data_have_the_same_moments(data):
    x, y = linear.condense(data.x, data.y)
    assert x.shape == (RUNS, INPUTS + K, INPUTS)
    whole, few = np.concatenate([data.x, data.y], axis=2), np.concatenate([x, y], axis=2)
    np.testing.assert_allclose(
        np.swapaxes(few, 1, 2) @ few / few.shape[1], np.swapaxes(whole, 1, 2) @ whole / N, atol=1e-12
    )


def test_condensing_fewer_samples_than_columns(rng):
    x, y = rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 3, 2))
    few, targets = linear.condense(x, y)
    assert few.shape == (1, 3, 4)
    np.testing.assert_allclose(np.swapaxes(few, 1, 2) @ targets, np.swapaxes(x, 1, 2) @ y, atol=1e-12)
