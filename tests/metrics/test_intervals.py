"""Means with intervals that stay in the possible range; medians of runs without an outcome; rank correlation."""

import numpy as np
import pytest
from scipy import stats

from pipeline.metrics import intervals
from pipeline.metrics.intervals import interval, locate, rank_correlation, rank_interval, sign_p_value
from pipeline.metrics.ranges import CHANGE, CORRELATION, POSITIVE, REAL, SHARE, Range, difference, name_of

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


def test_a_scale_carries_students_interval_over():
    """By hand: mean 0.5 and deviation 0.1 on Fisher's z with slope 1 / (1 - 0.25), and on the logarithm with slope 2."""
    half = T_975_2 * 0.1 / np.sqrt(3)
    found = interval([0.4, 0.5, 0.6], range=CORRELATION)
    z = np.arctanh(0.5)
    assert (found.low, found.high) == pytest.approx((np.tanh(z - half / 0.75), np.tanh(z + half / 0.75)))
    found = interval([0.4, 0.5, 0.6], range=POSITIVE)
    assert (found.low, found.high) == pytest.approx((0.5 * np.exp(-2 * half), 0.5 * np.exp(2 * half)))
    twice = interval([0.8, 1.0, 1.2], range=CHANGE)
    assert (twice.low, twice.high) == pytest.approx((2 * np.tanh(z - half / 0.75), 2 * np.tanh(z + half / 0.75)))


def test_wilsons_interval_of_counts_is_scipys():
    """With the normal quantile and independent items it is Wilson's own."""
    expected = stats.binomtest(9, 12).proportion_ci(method="wilson")
    assert intervals._wilson(0.75, 12.0, stats.norm.ppf(0.975)) == pytest.approx((expected.low, expected.high))


EXTREME = {
    "share": (SHARE, [0.97, 0.98, 0.2]),
    "share at an end": (SHARE, [1.0, 1.0, 1.0]),
    "shares of nothing": (SHARE, [0.0, 0.0]),
    "correlation": (CORRELATION, [1.0, 0.9, -0.3]),
    "difference of shares": (difference(SHARE, SHARE), [-0.9, 0.1, 0.2]),
    "difference of correlations": (difference(CORRELATION, CORRELATION), [1.9, -1.9, 0.5]),
    "positive": (POSITIVE, [1e-3, 2.0, 900.0]),
}


@pytest.mark.parametrize("case", EXTREME)
def test_no_interval_leaves_the_range_or_loses_the_mean(case):
    range, values = EXTREME[case]
    plain = interval(values)
    assert case.startswith("share") or not range.low <= plain.low < plain.high <= range.high, "the plain one leaves it"
    mean, low, high, _ = interval(values, range=range)
    assert range.low <= low <= mean <= high <= range.high
    assert low < high


def test_far_from_the_ends_every_scale_gives_students_interval():
    values = np.array([0.5, 0.5002, 0.4999, 0.5001])
    plain = interval(values)
    for range in (SHARE, CORRELATION, POSITIVE, CHANGE):
        found = interval(values, range=range)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=2e-7)


@pytest.mark.parametrize(
    ("range", "draw", "truth"),
    [
        (REAL, lambda rng, n: rng.normal(5, 2, n), 5),
        (SHARE, lambda rng, n: rng.binomial(1, 0.7, n).astype(float), 0.7),
        (SHARE, lambda rng, n: rng.beta(97, 3, n), 0.97),
        (CORRELATION, lambda rng, n: np.tanh(rng.normal(0.3, 0.3, n)), None),
        (POSITIVE, lambda rng, n: rng.lognormal(0, 0.3, n), np.exp(0.045)),
    ],
)
def test_intervals_hold_the_true_mean_as_often_as_they_say(range, draw, truth):
    rng = np.random.default_rng(0)
    truth = draw(rng, 10**6).mean() if truth is None else truth
    inside = [
        low <= truth <= high for _, low, high, _ in (interval(draw(rng, 12), range=range) for _ in np.arange(3000))
    ]
    assert 0.935 < np.mean(inside) < 0.985


def test_one_value_has_no_interval():
    for range in (REAL, SHARE):
        mean, low, high, n = interval([0.7], range=range)
        assert (mean, n) == (0.7, 1)
        assert np.isnan([low, high]).all()


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, np.nan]])
def test_no_value_has_no_mean(values):
    mean, low, high, n = interval(values)
    assert n == 0
    assert np.isnan([mean, low, high]).all()


def test_values_that_are_no_numbers_are_left_out_and_n_says_so():
    assert interval([1.0, np.nan, 2.0, np.inf, 3.0]) == interval([1.0, 2.0, 3.0])


def test_equal_values_have_no_interval_unless_their_resolution_is_known():
    """A rounded number has at least the deviation of its rounding, resolution / sqrt(12)."""
    found = interval([0.1, 0.1, 0.1])
    assert (found.mean, found.n) == (0.1, 3)  # the sum of three tenths over three is not a tenth
    assert np.isnan([found.low, found.high]).all()
    half = T_975_2 * 0.6 / np.sqrt(12) / np.sqrt(3)
    assert interval([2.0, 2.0, 2.0], resolution=0.6)[1:3] == pytest.approx((2 - half, 2 + half))
    wide = [0.0, 2.0, 4.0]
    assert interval(wide, resolution=0.6) == interval(wide), "the values' own spread is larger"


def test_equal_values_at_an_end_have_an_interval_with_a_resolution():
    low, high = interval([1.0] * 12, range=CORRELATION, resolution=0.1)[1:3]
    assert (low, high) == (pytest.approx(0.62, abs=0.01), 1.0)
    assert np.isnan(interval([1.0] * 12, range=CORRELATION)[1:3]).all()
    assert np.isnan(interval([0.0] * 12, range=POSITIVE)[1:3]).all()


def test_equal_shares_are_as_certain_as_their_number_allows():
    """All of 12: the lower bound is n / (n + t²), with t(0.975, 11) = 2.201."""
    assert interval([1.0] * 12, range=SHARE)[1:3] == pytest.approx((12 / (12 + 2.200985**2), 1.0))
    half_a_failure_more = 0.5 / 13
    expected = np.sqrt(half_a_failure_more * (1 - half_a_failure_more))
    assert locate([1.0] * 12, range=SHARE).spread == locate([0.0] * 12, range=SHARE).spread == pytest.approx(expected)
    finer = interval([1.0] * 12, range=SHARE, resolution=1 / 15)
    assert finer.low == pytest.approx(180 / (180 + 2.200985**2))


@pytest.mark.parametrize(("shares", "step"), [([1.0, 0.0], 1), ([0.75, 0.5], 1 / 4), ([0.9705, 0.97], 1 / 2000)])
def test_the_coarsest_step_of_shares_is_read_from_them(shares, step):
    assert intervals.coarsest(np.array(shares)) == pytest.approx(step)


def test_shares_of_no_common_step_are_continuous():
    assert intervals.coarsest(np.array([np.pi / 4])) is None


def test_seeds_that_differ_by_more_than_chance_count_as_fewer_items():
    alike, apart = [0.5, 0.48, 0.52, 0.5], [0.9, 0.1, 0.8, 0.2]
    assert locate(apart, range=SHARE).items < 8 < 1000 < locate(alike, range=SHARE).items
    assert locate([0.5, 0.5, 0.5, 0.5], range=SHARE).items == pytest.approx(8), "equal halves of two items each"


def test_values_out_of_range_are_refused_but_not_rounding():
    with pytest.raises(ValueError, match=r"found values from 0\.5 to 1\.2; expected them from 0 to 1"):
        interval([0.5, 1.2], range=SHARE)
    assert interval([1.0000001, 0.5], range=CORRELATION).mean == pytest.approx(0.75)


def test_a_range_with_one_end_elsewhere_is_refused():
    with pytest.raises(ValueError, match="found a range from 1 to inf"):
        interval([2.0, 3.0], range=Range(1.0, np.inf))


def test_the_p_value_is_that_of_the_t_test():
    values = [0.3, -1.2, 2.5, 0.9, 4.0]
    assert locate(values).p_value(0.4) == pytest.approx(stats.ttest_1samp(values, 0.4).pvalue)


@pytest.mark.parametrize("case", EXTREME)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_bound_of_the_interval_has_the_p_value_of_its_level(case, confidence):
    range, values = EXTREME[case]
    found = locate(values, range=range)
    for bound in found.interval(confidence):
        if range.low < bound < range.high:
            assert found.p_value(bound) == pytest.approx(1 - confidence, abs=1e-6)


def test_beyond_the_range_nothing_is_possible():
    found = locate([0.0, 0.0, 0.5], range=SHARE)
    assert (found.p_value(-0.1), found.p_value(1.0)) == (0.0, 0.0)
    assert np.isnan(locate([0.5], range=SHARE).p_value(0.1))


def test_a_higher_confidence_takes_a_wider_interval():
    found = interval([1.0, 2.0, 3.0], confidence=0.99)
    half = 9.924843200918294 / np.sqrt(3)  # quantile .995
    assert found == pytest.approx((2.0, 2 - half, 2 + half, 3))


def test_medians_have_order_statistics_as_bounds():
    """Of twelve values the third from both ends: P(Bin(12, 1/2) <= 2) = .0193."""
    values = [float(value) for value in range(11)] + [np.inf]
    assert rank_interval(values) == (5.5, 2.0, 9.0)
    assert rank_interval(values, resolution=1.0) == (5.5, 1.5, 9.5)
    assert rank_interval([-np.inf, 0.0, 1.0, 2.0, 3.0, 4.0]) == (1.5, -np.inf, 4.0)
    assert rank_interval([1.0, 2.0, 3.0, 4.0, np.inf]) == (3.0, -np.inf, np.inf), "five values can't give 95 %"


def test_equal_outcomes_are_certain_only_if_none_has_a_value():
    assert rank_interval([1.0] * 11 + [-np.inf]) == (1.0, -np.inf, np.inf)
    assert rank_interval([-np.inf] * 12) == (-np.inf, -np.inf, -np.inf)


def test_the_sign_test_leaves_out_values_at_the_bound():
    assert sign_p_value([1.0, 2.0, 3.0, -np.inf, 0.0], 0.0) == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert sign_p_value([0.0, 0.0], 0.0) == 1.0


def test_a_number_has_the_range_of_the_longest_beginning_of_its_name():
    declared = {"r2": "share", "r2_trend": "correlation"}
    assert [name_of(name, declared) for name in ("r2_late.mse", "r2_trend.mse", "log10_gap")] == [
        "share", "correlation", "real",
    ]  # fmt: skip


def test_rank_correlation_sees_order_only():
    x = np.arange(1.0, 8.0)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)


def test_rank_correlation_agrees_with_scipy_where_there_are_ties():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, size=40).astype(float), rng.integers(0, 5, size=40).astype(float)
    assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


def test_rank_correlation_leaves_out_pairs_that_are_no_numbers():
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, np.nan, 4.0, 3.0])
    assert rank_correlation(x, y) == pytest.approx(0.5)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0], [2.0]), ([1.0, 2.0], [3.0, 3.0]), ([1.0, 2.0], [np.nan, 1.0])])
def test_rank_correlation_of_what_never_changes_is_undefined(x, y):
    assert np.isnan(rank_correlation(np.array(x), np.array(y)))


def test_ranges_of_numbers_that_begin_with_a_measures_name_are_declared_by_their_ends():
    declared = {"*_rank": "positive", "*_order": "correlation"}
    names = ("cca_held_out_rank.one_sg.hidden3", "cca_progress_order.one_sg", "cca_gap.one_sg.last_rank", "rank.one_sg")
    assert [name_of(name, declared) for name in names] == ["positive", "correlation", "real", "real"]
