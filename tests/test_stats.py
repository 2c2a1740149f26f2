"""Mean, interval and n; rank correlation."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.stats import interval, rank_correlation

T_975_2 = 4.302652729696142  # quantile .975 of Student's t with two degrees of freedom, from tables


def test_the_interval_of_three_values_is_students():
    found = interval([1.0, 2.0, 3.0])
    half = T_975_2 / np.sqrt(3)  # their deviation is 1
    assert found == pytest.approx((2.0, 2 - half, 2 + half, 3))


def test_the_interval_moves_and_scales_with_the_values():
    values = np.array([0.3, -1.2, 2.5, 0.9])
    base, moved = interval(values), interval(10 - 3 * values)
    assert moved.mean == pytest.approx(10 - 3 * base.mean)
    assert moved.low == pytest.approx(10 - 3 * base.high)
    assert moved.high == pytest.approx(10 - 3 * base.low)


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = [low <= 5 <= high for _, low, high, _ in (interval(rng.normal(5, 2, size=3)) for _ in range(4000))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


def test_one_value_has_no_interval():
    mean, low, high, n = interval([7.0])
    assert (mean, n) == (7.0, 1)
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, np.nan]])
def test_no_value_has_no_mean(values):
    mean, low, high, n = interval(values)
    assert n == 0
    assert np.isnan([mean, low, high]).all()


def test_values_that_are_no_numbers_are_left_out_and_n_says_so():
    assert interval([1.0, np.nan, 2.0, np.inf, 3.0]) == interval([1.0, 2.0, 3.0])


def test_equal_values_have_an_interval_of_no_length():
    assert interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5, 3)


def test_rank_correlation_sees_order_only():
    x = np.arange(1.0, 8.0)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)


def test_rank_correlation_agrees_with_scipy_where_there_are_ties():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, size=40).astype(float), rng.integers(0, 5, size=40).astype(float)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_rank_correlation_leaves_out_pairs_that_are_no_numbers():
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, np.nan, 4.0, 3.0])
    assert rank_correlation(x, y) == pytest.approx(0.5)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0], [2.0]), ([1.0, 2.0], [3.0, 3.0]), ([1.0, 2.0], [np.nan, 1.0])])
def test_rank_correlation_of_what_never_changes_is_undefined(x, y):
    assert np.isnan(rank_correlation(np.array(x), np.array(y)))
