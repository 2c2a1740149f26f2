"""Verdicts follow from a criterion and an interval alone."""

import math

import numpy as np
import pytest

from pipeline.metrics import power
from pipeline.metrics.intervals import Location
from pipeline.metrics.outcomes import Measured, measure
from pipeline.metrics.ranges import REAL, SHARE
from pipeline.verdicts import criteria
from pipeline.verdicts.criteria import (
    CONTRADICTED,
    EQUIVALENT,
    FRAGILE,
    NOT_TESTABLE,
    PARTLY_ROBUST,
    ROBUST,
    SUPPORTED,
    UNDECIDED,
    UNDEFINED,
    UNEXAMINED,
    Criterion,
    robustness,
)

NAN = math.nan
ABOVE, BELOW, WITHIN = Criterion("above", low=1.0), Criterion("below", high=1.0), Criterion("within", -1.0, 1.0)
EQUAL = Criterion("above", low=1.0, equal=(-1.0, 1.0))


def found(low, high, n=12, mean=None, values=None):
    """A measured number with this interval, which need not fit its values."""
    values = np.full(n, (low + high) / 2) if values is None else np.array(values)
    mean = (low + high) / 2 if mean is None else mean
    return Measured(mean, low, high, n, 0, values, values, values, Location(mean, 1.0, n, REAL))


def test_what_is_undecided_would_take_more_seeds_than_there_are():
    """Of a share near its end, the interval is wider than the spread of the values tells."""
    perfect, bound = measure([1.0] * 12, ranges=(SHARE, SHARE)), Criterion("above", low=0.8)
    assert criteria.judge(bound, perfect) == criteria.UNDECIDED
    needed = criteria.deciding_n(bound, perfect)
    assert needed == 18
    for n in (needed - 1, needed):
        decided = criteria.judge(bound, measure([1.0] * n, ranges=(SHARE, SHARE)))
        assert (decided == criteria.SUPPORTED) == (n == needed)


def test_runs_without_a_value_are_not_mended_by_more_seeds():
    assert criteria.deciding_n(Criterion("below", high=0.0), measure([-0.1, -0.2, None])) is None


@pytest.mark.parametrize(
    ("criterion", "low", "high", "expected"),
    [
        (ABOVE, 1.5, 2.5, SUPPORTED),
        (ABOVE, 0.5, 2.5, UNDECIDED),
        (ABOVE, -2.0, 0.9, CONTRADICTED),
        (BELOW, -2.0, 0.9, SUPPORTED),
        (BELOW, -2.0, 1.9, UNDECIDED),
        (BELOW, 1.5, 2.5, CONTRADICTED),
        (WITHIN, -0.9, 0.9, EQUIVALENT),
        (WITHIN, -0.9, 1.1, UNDECIDED),
        (WITHIN, -1.1, 0.9, UNDECIDED),
        (WITHIN, -3.0, 3.0, UNDECIDED),
        (WITHIN, 1.1, 1.2, CONTRADICTED),
        (WITHIN, -1.2, -1.1, CONTRADICTED),
        # A bound itself isn't beyond it, on either side.
        (ABOVE, 1.0, 2.0, UNDECIDED),
        (ABOVE, 0.0, 1.0, UNDECIDED),
        (WITHIN, -1.0, 0.5, UNDECIDED),
        # Where margins are stated, an effect between them is none, rather than contradicted.
        (EQUAL, -0.5, 0.5, EQUIVALENT),
        (EQUAL, -1.5, 0.5, CONTRADICTED),
        (EQUAL, 1.1, 1.2, SUPPORTED),
        (EQUAL, 0.5, 1.5, UNDECIDED),
        (EQUAL, -3.0, -2.0, CONTRADICTED),
        (ABOVE, NAN, NAN, UNDECIDED),
        (ABOVE, -math.inf, math.inf, UNDECIDED),
        (ABOVE, 1.5, math.inf, SUPPORTED),
    ],
)
def test_the_whole_interval_decides(criterion, low, high, expected):
    assert criteria.judge(criterion, found(low, high)) == expected


def test_nothing_is_testable_without_its_controls_or_without_a_value():
    assert criteria.judge(ABOVE, found(1.5, 2.5), testable=False) == NOT_TESTABLE
    assert criteria.judge(ABOVE, measure([])) == NOT_TESTABLE
    assert criteria.judge(ABOVE, measure([None, None])) == NOT_TESTABLE


def test_a_method_that_always_diverges_is_contradicted_and_no_missing_row():
    lost = measure([None] * 12, [0.9] * 12, ranges=(SHARE, SHARE), better="higher")
    assert criteria.judge(Criterion("above", low=-0.01), lost) == CONTRADICTED


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.0], SUPPORTED), ([2.0, 1.5], SUPPORTED), ([2.0, 1.0], CONTRADICTED), ([2.0, NAN], CONTRADICTED)],
)
def test_without_chance_every_value_decides(values, expected):
    exact = Criterion("above", low=1.0, exact=True)
    assert criteria.judge(exact, found(-9.0, 9.0, len(values), values=values)) == expected


def test_criteria_have_words():
    assert BELOW.words() == "below 1 with the whole 95 % interval"
    assert WITHIN.words() == "between -1 and 1 with the whole 95 % interval"
    assert EQUAL.words().endswith("; between -1 and 1 counts as equal")
    assert Criterion("above", low=2.0, exact=True).words() == "above 2, every value"


@pytest.mark.parametrize("shift", [-2.0, -0.3, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("criterion", [ABOVE, BELOW])
def test_p_values_are_below_a_twentieth_exactly_where_a_part_is_decided(criterion, shift):
    number = measure((np.linspace(-1, 1, 12) + 1.0 + shift).tolist())
    decided = criteria.judge(criterion, number) in (SUPPORTED, CONTRADICTED)
    assert (criteria.p_value(criterion, number) < 0.05) == decided


@pytest.mark.parametrize(("width", "expected"), [(1.0, EQUIVALENT), (3.0, UNDECIDED)])
def test_sameness_has_the_larger_of_two_one_sided_p_values(width, expected):
    number = measure((0.2 + np.linspace(-width, width, 12)).tolist())
    assert criteria.judge(WITHIN, number) == expected
    assert criteria.p_value(WITHIN, number) == pytest.approx(number.p_value(1.0)), "the nearer margin"
    assert (criteria.p_value(WITHIN, number) < 0.05) == (expected == EQUIVALENT)


def test_numbers_without_chance_or_values_have_no_p_value():
    assert math.isnan(criteria.p_value(Criterion("above", low=0.0, exact=True), measure([1.0, 2.0])))
    assert math.isnan(criteria.p_value(ABOVE, measure([])))


def test_the_smallest_effect_is_in_the_units_of_the_number():
    values = [0.0, 2.0, 4.0, 6.0, 8.0]
    expected = power.smallest_effect(5) * np.std(values, ddof=1)
    assert criteria.smallest_effect(measure(values)) == pytest.approx(expected)
    factor = criteria.smallest_effect(measure(np.exp(values).tolist(), [1.0] * 5, how="over"))
    assert factor == pytest.approx(math.exp(expected))
    assert math.isnan(criteria.smallest_effect(measure([1.0, 1.0])))


def test_the_deciding_number_is_for_the_nearest_bound_at_the_spread_seen():
    number = measure([1.0, 2.0, 3.0])  # mean 2, deviation 1
    assert criteria.deciding_n(Criterion("above", low=1.0), number) == power.deciding_n(1.0)
    assert criteria.deciding_n(Criterion("below", high=3.5), number) == power.deciding_n(1.5)
    assert criteria.deciding_n(Criterion("within", 1.0, 4.0), number) == power.deciding_n_within(1.0, 2.0)
    assert criteria.deciding_n(Criterion("above", low=2.0), number) is None
    ratio = measure(np.exp([1.0, 2.0, 3.0]).tolist(), [1.0] * 3, how="over")
    assert criteria.deciding_n(Criterion("above", low=math.e), ratio) == power.deciding_n(1.0)


@pytest.mark.parametrize(
    ("primary", "others", "expected"),
    [
        (SUPPORTED, [SUPPORTED, SUPPORTED], ROBUST),
        (SUPPORTED, [SUPPORTED, UNDECIDED], PARTLY_ROBUST),
        (SUPPORTED, [SUPPORTED, NOT_TESTABLE], PARTLY_ROBUST),
        (SUPPORTED, [SUPPORTED, EQUIVALENT], PARTLY_ROBUST),
        (SUPPORTED, [SUPPORTED, CONTRADICTED], FRAGILE),
        (EQUIVALENT, [CONTRADICTED], FRAGILE),
        (CONTRADICTED, [CONTRADICTED], ROBUST),
        (CONTRADICTED, [SUPPORTED, CONTRADICTED], FRAGILE),
        (CONTRADICTED, [EQUIVALENT], FRAGILE),
        (UNDECIDED, [SUPPORTED], UNDEFINED),
        (NOT_TESTABLE, [SUPPORTED], UNDEFINED),
        (SUPPORTED, [], UNEXAMINED),
        (SUPPORTED, [NOT_TESTABLE], UNEXAMINED),
    ],
)
def test_the_word_on_robustness_follows_from_the_secondaries(primary, others, expected):
    assert robustness(primary, others) == expected
