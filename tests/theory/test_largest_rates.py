"""The largest main rate that converges, against what is known of gradient descent."""

import numpy as np
import pytest

from pipeline.theory.largest_rates import largest_rates
from pipeline.theory.problems import Model, problems
from pipeline.theory.training import TrainingRule, converges

RATES, ITERATIONS = (0.2, 1.0, 3.0), 500


@pytest.fixture(scope="module")
def given():
    return problems(
        np.random.default_rng(2), Model(4, 2), seeds=2, samples=40, conditions=(1.0, 4.0), noises=(0.0, 0.5)
    )


def converging(given, rule, rate, iterations=ITERATIONS):
    steps = (rate * given.unit)[:, None, None]
    return converges(given.data, given.start, rule, after=1, steps=steps, iterations=iterations)


def search(given, rule, *, rates=RATES, halvings=8, iterations=ITERATIONS):
    converged = np.stack([converging(given, rule, rate, iterations) for rate in rates], axis=1)
    return largest_rates(given, rule, converged, after=1, rates=rates, iterations=iterations, halvings=halvings)


def test_gradient_descent_converges_below_two_over_the_curvature(given):
    found = search(given, TrainingRule("backprop"))
    assert (found < 2).all()
    np.testing.assert_allclose(found, 2, rtol=0.03)


@pytest.mark.parametrize("rule", [TrainingRule("backprop"), TrainingRule("line_search"), TrainingRule("fixed", 0.05)])
def test_it_converges_there_and_no_further_than_the_tolerance(given, rule):
    found = search(given, rule)
    assert len(set(found)) > 1 or rule.name == "backprop"
    there = found < RATES[-1]  # neither none (NaN) nor the last of those tried
    assert there.sum() >= 4
    assert converging(given, rule, found)[there].all()
    assert not converging(given, rule, found * 3 ** (1 / 2**8))[there].any()


def test_each_halving_halves_what_is_not_known(given):
    exact = search(given, TrainingRule("backprop"), halvings=12)
    for halvings in (0, 1, 2, 4):
        found = search(given, TrainingRule("backprop"), halvings=halvings)
        assert (found <= exact).all()
        assert (exact < found * 3 ** (1 / 2**halvings) * 1.001).all()
    assert search(given, TrainingRule("backprop"), halvings=0).tolist() == [1.0] * len(given.unit)


def test_where_none_converges_there_is_none_and_where_all_do_it_is_the_last(given):
    assert np.isnan(search(given, TrainingRule("frozen"))).all()
    assert search(given, TrainingRule("backprop"), rates=(0.5, 1.5)).tolist() == [1.5] * len(given.unit)


def test_problems_are_searched_by_themselves(given):
    """What one finds doesn't depend on the others."""
    few = given.rows(np.array([2]))
    assert search(few, TrainingRule("line_search"))[0] == search(given, TrainingRule("line_search"))[2]
