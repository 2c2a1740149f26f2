"""Comparisons seed by seed: differences, ratios, and runs without a value as outcomes."""

import math

import numpy as np
import pytest

from pipeline.metrics.outcomes import measure
from pipeline.metrics.ranges import CORRELATION, SHARE

TWELVE = [0.9 + i / 1000 for i in range(12)]
LOWER = [0.8] * 12


def test_differences_are_paired_by_seed():
    """Seeds that differ widely, but by nearly the same amount in both methods: pairing shows it."""
    found = measure([1.0, 5.0, 9.0], [0.5, 4.5, 8.4])
    assert found.values == pytest.approx([0.5, 0.5, 0.6])
    assert (found.n, found.missing) == (3, 0)
    assert 0.3 < found.low < found.mean < found.high < 0.7


def test_ratios_are_paired_and_have_a_geometric_mean():
    found = measure([1.0, 4.0], [2.0, 4.0], how="over")
    assert found.mean == pytest.approx(math.sqrt(0.5))
    assert found.low * found.high == pytest.approx(0.5)
    assert found.p_value(math.sqrt(0.5)) == pytest.approx(1)
    turned = measure([2.0, 4.0], [1.0, 4.0], how="over")
    assert (1 / turned.high, 1 / turned.low) == pytest.approx((found.low, found.high))


def test_a_ratio_needs_numbers_above_zero():
    with pytest.raises(ValueError, match="found 0 in a ratio; expected numbers above 0"):
        measure([1.0, 0.0], [1.0, 1.0], how="over")


def test_a_difference_stays_in_the_range_of_differences():
    found = measure([0.99, 0.2, 0.98], [0.1, 0.9, 0.0], ranges=(SHARE, SHARE))
    assert -1 < found.low < found.mean < found.high < 1
    assert found.location.range == CORRELATION  # from -1 to 1


def test_numbers_of_other_seeds_cant_be_paired():
    with pytest.raises(ValueError, match="3 and 1 values can't be paired"):
        measure([1.0, 2.0, 3.0], [1.0])


def test_a_run_that_diverged_ranks_worst():
    """One of twelve runs of the method has no value: the median and its bounds rank it below all others."""
    found = measure([None, *TWELVE[1:]], LOWER, ranges=(SHARE, SHARE), better="higher")
    assert (found.n, found.missing) == (12, 1)
    assert found.lowest[0] == -math.inf
    assert (found.low, found.high) == pytest.approx((0.102, 0.109))
    lost_by_the_other = measure(TWELVE, [None, *LOWER[1:]], ranges=(SHARE, SHARE), better="higher")
    assert lost_by_the_other.lowest[0] == math.inf
    assert lost_by_the_other.low > found.low


def test_of_losses_the_worst_is_the_highest():
    found = measure([None, 1.0], [1.0, None], better="lower")
    assert found.lowest.tolist() == found.highest.tolist() == [math.inf, -math.inf]
    assert measure([None], better="lower").lowest[0] == math.inf


def test_two_runs_that_diverged_are_equal():
    assert measure([None, 1.0], [None, 2.0], better="higher").lowest.tolist() == [0.0, -1.0]
    assert measure([None, 1.0], [None, 2.0], how="over", better="lower").lowest[0] == 0.0  # the logarithm of 1


def test_a_method_whose_runs_all_diverged_is_certainly_worse():
    found = measure([None] * 12, LOWER, ranges=(SHARE, SHARE), better="higher")
    assert (found.low, found.high) == (-1.0, -1.0)
    assert found.p_value(0.0) == pytest.approx(2 * 0.5**12)


def test_many_runs_that_diverged_make_both_bounds_infinite_or_the_ends_of_the_range():
    half = [None, 1.0] * 6
    found = measure(half, [0.0] * 12, better="higher")
    assert (found.low, found.high) == (-math.inf, 1.0)
    found = measure(half, [0.0] * 12, ranges=(SHARE, SHARE), better="higher")
    assert (found.low, found.high) == (-1.0, 1.0)


def test_where_nothing_is_better_a_missing_value_may_lie_anywhere():
    found = measure([None, None, None, *TWELVE[3:]], LOWER)
    assert found.lowest[0] == -math.inf
    assert found.highest[0] == math.inf
    assert (found.low, found.high) == (-math.inf, math.inf)
    one = measure([None, *TWELVE[1:]], LOWER)
    assert math.isnan(one.mean), "the median hangs on what the missing value would be"
    assert (one.low, one.high) == pytest.approx((0.102, 0.110))


def test_no_seed_has_no_interval():
    found = measure([])
    assert found.n == 0
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert not found.has_interval


@pytest.mark.parametrize("bound", [0.1, 0.105, 0.11])
def test_p_value_and_interval_agree(bound):
    found = measure(TWELVE, LOWER, ranges=(SHARE, SHARE))
    assert (found.p_value(bound) < 0.05) == (not found.low <= bound <= found.high)
