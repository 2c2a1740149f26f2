"""Power, the smallest effect that a number of seeds shows, and the number that would decide."""

import math

import numpy as np
import pytest

from pipeline.metrics import power
from pipeline.metrics.intervals import interval


@pytest.mark.parametrize(("n", "expected"), [(3, 0.17), (5, 0.40), (10, 0.80)])
def test_the_power_of_few_seeds_is_that_of_the_audit(n, expected):
    """Chances of seeing an effect of one standard deviation by the t interval, as an audit of version 3 simulated them."""
    assert power.power(1.0, n) == pytest.approx(expected, abs=0.015)


def test_power_is_the_share_of_intervals_on_the_right_side():
    samples = np.random.default_rng(0).normal(1.0, 1.0, size=(4000, 8))
    found = np.mean([interval(values).low > 0 for values in samples])
    assert power.power(1.0, 8) == pytest.approx(found, abs=0.03)


def test_no_effect_is_shown_in_a_fortieth_of_cases():
    assert power.power(0.0, 12) == pytest.approx(0.025)


@pytest.mark.parametrize(("n", "effect"), [(5, 1.682), (12, 0.889), (20, 0.660)])
def test_the_smallest_effect(n, effect):
    assert power.smallest_effect(n) == pytest.approx(effect, abs=1e-3)
    assert power.power(power.smallest_effect(n), n) == pytest.approx(power.POWER)
    assert power.deciding_n(power.smallest_effect(n)) == n


def test_one_seed_shows_nothing():
    assert power.smallest_effect(1) == math.inf


@pytest.mark.parametrize(("effect", "n"), [(1.0, 10), (0.5, 34), (100.0, 2)])
def test_the_number_of_seeds_that_would_decide(effect, n):
    assert power.deciding_n(effect) == n
    assert power.power(effect, n) >= power.POWER


@pytest.mark.parametrize("effect", [0.0, -1.0, math.nan, 0.01])
def test_no_number_decides_an_effect_of_nothing_or_next_to_nothing(effect):
    assert power.deciding_n(effect) is None


def test_two_margins_take_more_seeds_than_one():
    assert power.deciding_n_within(1.0, 1.0) == 13
    assert power.deciding_n_within(1.0, 100.0) == power.deciding_n(1.0) == 10
    assert power.deciding_n_within(0.5, 2.0) == power.deciding_n(0.5)
    assert power.deciding_n_within(-1.0, 1.0) is None


def test_the_chance_of_lying_between_two_margins_is_at_least_what_is_said():
    n = power.deciding_n_within(1.0, 1.0)
    samples = np.random.default_rng(1).normal(0.0, 1.0, size=(4000, n))
    found = [interval(values) for values in samples]
    assert np.mean([each.low > -1 and each.high < 1 for each in found]) > power.POWER - 0.02
