"""Mean, intervals and n; rank correlation."""

import numpy as np
import pytest
import scipy.stats
from scipy.stats import spearmanr

from pipeline import random_streams
from pipeline.metrics import intervals
from pipeline.metrics.intervals import bootstrap, bootstraps, interval, rank_correlation

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
    # The sum of three tenths over three is not a tenth: a bound at the value itself would be passed by rounding.
    assert interval([0.1, 0.1, 0.1]) == (0.1, 0.1, 0.1, 3)
    assert bootstrap([0.1, 0.1, 0.1]) == (0.1, 0.1)


def test_a_higher_confidence_takes_a_wider_interval():
    found = interval([1.0, 2.0, 3.0], confidence=0.99)
    half = 9.924843200918294 / np.sqrt(3)  # quantile .995
    assert found == pytest.approx((2.0, 2 - half, 2 + half, 3))


VALUES = [0.3, -1.2, 2.5, 0.9, 4.0]


def test_the_bootstrap_interval_is_scipys():
    expected = scipy.stats.bootstrap(
        (VALUES,),
        np.mean,
        n_resamples=2000,
        method="BCa",
        confidence_level=0.95,
        rng=random_streams.numpy_stream("bootstrap"),
    ).confidence_interval
    assert bootstrap(VALUES) == pytest.approx(tuple(expected), rel=1e-12)
    assert bootstrap(VALUES) == bootstrap(VALUES)


def test_the_bootstrap_interval_turns_over_with_the_values():
    low, high = bootstrap(VALUES)
    turned = bootstrap([10 - 3 * value for value in VALUES])
    assert turned == pytest.approx((10 - 3 * high, 10 - 3 * low), rel=1e-6)


def test_the_bootstrap_interval_stays_among_few_values_and_is_the_narrower():
    rng = np.random.default_rng(2)
    for values in rng.normal(size=(50, 3)):
        low, high = bootstrap(values)
        assert values.min() <= low < high <= values.max()
        assert high - low < interval(values).high - interval(values).low


def test_the_bootstrap_interval_of_many_values_holds_the_true_mean_as_often_as_it_says():
    samples = np.random.default_rng(3).exponential(2.0, size=(400, 40))
    inside = [low <= 2 <= high for low, high in bootstraps(list(samples))]
    assert 0.90 < np.mean(inside) < 0.97  # 95 %, less what its authors grant for skewed values


def test_samples_together_have_the_intervals_that_each_has_alone():
    rng = np.random.default_rng(4)
    samples = [rng.normal(size=n).tolist() for n in (3, 5, 3, 0, 1, 5, 2)] + [[7.0, 7.0, 7.0], [1.0, np.nan, 2.0]]
    alone = [bootstrap(sample) for sample in samples]
    assert str(bootstraps(samples)) == str(alone)  # NaN is not equal to itself
    assert bootstraps(samples)[-1] == bootstrap([1.0, 2.0])
    assert [place for place, (low, _) in enumerate(alone) if np.isnan(low)] == [3, 4]


def test_where_bca_has_no_value_the_percentiles_stand_in():
    """The third moment of so small values is zero in floating point, and the acceleration 0/0."""
    values = np.array([[1e-120, 2e-120, 4e-120]])
    assert np.isnan(intervals._resampled(values, "BCa")).all()
    assert bootstrap(values[0]) == tuple(intervals._resampled(values, "percentile")[0])
    assert bootstraps([values[0], [1.0, 2.0, 4.0]])[1] == bootstrap([1.0, 2.0, 4.0])


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
