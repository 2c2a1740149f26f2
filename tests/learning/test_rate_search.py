"""Successive halving: the same number of updates for everyone, a grid that widens within bounds, the best rates found."""

import itertools
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.learning import rate_search
from pipeline.learning.rate_search import Rates, Rung, Widening, grid, ranked, rungs, search

RATES, FACTORS, STEP = (0.001, 0.003, 0.01, 0.03), (0.333, 1.0, 3.0), 3.0
PLAN = rungs(len(RATES) * len(FACTORS), steps=90, count=3, factor=3)
WIDE = Widening(STEP, most=2)
HOW = {"database": None, "deadline": None, "derandomize": True, "max_examples": 200}


def first(*, separate, rates=RATES, factors=FACTORS):
    return grid(rates, factors, separate=separate, spacing=STEP)


def far(rates, rate, factor=None):
    """How far rates are from others, in steps of the grid."""
    parts = [math.log(rates.rate / rate)] + ([math.log(rates.factor / factor)] if factor else [])
    return math.hypot(*parts) / math.log(STEP)


def planted(rate, factor=None, *, noise=0.0):
    """Losses with their lowest value at given rates; in short trials the best rate is higher by `noise` steps."""

    def losses(wanted, steps):
        shift = STEP ** (noise * (1 - steps / PLAN[-1].steps))
        return [[far(each, rate * shift, factor) ** 2 + seed for seed in (0, 1, 2)] for each in wanted]

    return losses


# --- rungs


@settings(**HOW)
@given(st.integers(1, 200), st.integers(1, 6), st.integers(2, 5), st.data())
def test_each_rung_has_a_part_of_the_tries_and_longer_trials(tries, count, factor, data):
    steps = data.draw(st.integers(factor ** (count - 1), 10**6))
    found = rungs(tries, steps=steps, count=count, factor=factor)
    assert len(found) == count
    assert found[0].tries == tries
    assert found[-1].steps == steps
    for number, (one, other) in enumerate(itertools.pairwise(found), start=1):
        assert min(3, tries) <= other.tries <= one.tries
        assert other.tries == max(min(3, tries), -(-tries // factor**number))
        assert 1 <= one.steps < other.steps
        assert abs(one.steps - other.steps / factor) <= 1
    first_or_last = max(tries / factor ** (count - 1), 3) * steps  # updates, but for rounding
    assert all(rung.tries * rung.steps <= 2 * first_or_last + rung.steps for rung in found)


def test_rungs_of_the_example_in_the_documents():
    assert rungs(15, steps=189, count=3, factor=3) == [Rung(15, 21), Rung(5, 63), Rung(3, 189)]
    assert rungs(1, steps=10, count=2, factor=2) == [Rung(1, 5), Rung(1, 10)]


# --- the grid


@settings(**HOW)
@given(st.integers(1, 6), st.integers(1, 5))
def test_every_method_tries_as_much(rates, factors):
    among = [0.001 * STEP**number for number in range(rates)], [STEP**number for number in range(factors)]
    one, other = (grid(*among, separate=separate, spacing=STEP) for separate in (True, False))
    assert len(one) == len(other) == len(set(one)) == len(set(other)) == rates * factors


def test_modules_with_a_rate_of_their_own_try_every_pair():
    found = first(separate=True)
    assert {(each.rate, each.factor) for each in found} == set(itertools.product(RATES, FACTORS))
    assert Rates(0.01, 3.0).gate_rate == 0.03
    assert Rates(0.01, 0.333).gate_rate == 0.00333


def test_others_try_rates_that_are_closer_together():
    found = first(separate=False)
    assert set(RATES) <= {each.rate for each in found}
    assert {each.factor for each in found} == {1.0}
    assert all(each.gate_rate == each.rate for each in found)
    spaced = grid([0.1, 0.3, 0.9], FACTORS, separate=False, spacing=STEP)
    for a, b in itertools.pairwise(each.rate for each in spaced):
        assert b / a == pytest.approx(STEP ** (1 / 3), rel=0.01)


def test_with_one_factor_the_rates_are_those_that_were_given():
    assert first(separate=False, factors=[1.0]) == [Rates(rate) for rate in RATES]
    assert first(separate=False, factors=[2.0]) == [Rates(rate) for rate in RATES]
    assert first(separate=True, factors=[2.0]) == [Rates(rate, 2.0) for rate in RATES]
    assert first(separate=False, rates=[0.0123456], factors=[1.0]) == [Rates(0.0123456)]


# --- the order


def test_the_lowest_mean_comes_first_and_of_equal_ones_the_smallest():
    a, b, c, d = (Rates(rate) for rate in (0.1, 0.01, 0.001, 1.0))
    assert ranked({a: [1.0, 3.0], b: [1.9, 1.9], c: [0.1, 9.0], d: [2.0, 2.0]}) == [b, a, d, c]
    assert ranked({Rates(0.1, 3.0): [1.0], Rates(0.1, 1.0): [1.0]})[0] == Rates(0.1, 1.0)


def test_divergence_comes_last_and_the_more_of_it_the_later():
    never, once, twice, always = (Rates(rate) for rate in (4.0, 3.0, 2.0, 1.0))
    losses = {always: [None] * 3, twice: [None, 0.1, None], once: [0.2, None, 0.2], never: [5.0] * 3}
    assert ranked(losses) == [never, once, twice, always]


# --- the search


@settings(**HOW)
@given(st.booleans(), st.integers(0, 4), st.integers(1, 5), st.integers(1, 4), st.integers(2, 3), st.randoms())
def test_whatever_the_losses_the_updates_are_those_of_the_plan(separate, most, factors, count, by, random):
    begin = first(separate=separate, factors=[STEP**number for number in range(factors)])
    plan = rungs(len(begin), steps=by**4, count=count, factor=by)
    made = []

    def losses(wanted, steps):
        assert len(set(wanted)) == len(wanted)
        made.append((len(wanted), steps))
        return [[random.choice([None, 0.0, 1.0, 2.0])] for _ in wanted]

    found = search(begin, plan, losses, widening=Widening(STEP, most))
    assert made == [(rung.tries, rung.steps) for rung in plan]
    assert [len(part) for part in found.tried] == [rung.tries for rung in plan]
    assert found.best in found.tried[-1]
    everything = {each for part in found.tried for each in part}
    for name in ("rate", "factor"):
        start, there = ([getattr(each, name) for each in part] for part in (begin, everything))
        slack = 1.02 if most else 1  # computed rates have three digits
        assert max(there) <= max(start) * STEP**most * slack
        assert min(there) >= min(start) / STEP**most / slack


@pytest.mark.parametrize(("rate", "factor"), list(itertools.product(RATES, FACTORS)))
def test_a_planted_pair_of_rates_is_found(rate, factor):
    found = search(first(separate=True), PLAN, planted(rate, factor), widening=WIDE)
    assert found.best == Rates(rate, factor)


@settings(**HOW)
@given(st.floats(0, 1))
def test_a_planted_rate_is_found_as_closely_as_it_was_tried(at):
    rate = RATES[0] * (RATES[-1] / RATES[0]) ** at
    found = search(first(separate=False), PLAN, planted(rate), widening=WIDE)
    nearest = min((each for part in found.tried for each in part), key=lambda each: far(each, rate))
    assert far(found.best, rate) == pytest.approx(far(nearest, rate))
    assert far(found.best, rate) < 0.25


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize(("planted_at", "beyond"), [(0.3, (0.0894, 0.3)), (0.0001, (0.000333, 0.00011))])
def test_the_grid_widens_at_either_edge(separate, planted_at, beyond):
    found = search(first(separate=separate), PLAN, planted(planted_at, 1.0), widening=WIDE)
    edge = max if planted_at > RATES[-1] else min
    reached = [edge(each.rate for each in part) for part in found.tried]
    assert edge(reached[1], reached[0]) == reached[1] != reached[0], "one step beyond in the second rung"
    assert edge(reached[2], reached[1]) == reached[2] != reached[1], "and one more in the third"
    for a, b in itertools.pairwise(reached):
        assert max(a / b, b / a) == pytest.approx(STEP, rel=0.01)
    assert found.best.rate == reached[2]
    assert found.at_edge, "it has been widened as far as the rungs allow, and says so"


def test_the_factor_widens_too_unless_it_is_given():
    far_out = planted(0.01, 27.0)
    found = search(first(separate=True), PLAN, far_out, widening=WIDE)
    assert found.best == Rates(0.01, 27.0)
    given_one = search(
        first(separate=True, factors=[3.0]), rungs(4, steps=90, count=3, factor=3), far_out, widening=WIDE
    )
    assert given_one.best == Rates(0.01, 3.0)
    assert not given_one.at_edge


@pytest.mark.parametrize("most", [0, 1, 2])
def test_widening_is_bounded_and_the_edge_is_told(most):
    plan = rungs(4, steps=5**4, count=5, factor=5)
    found = search(first(separate=False, factors=[1.0]), plan, planted(100.0), widening=Widening(STEP, most))
    assert found.best.rate == pytest.approx(0.03 * STEP**most, rel=0.01)
    assert found.at_edge


def test_the_edge_is_not_told_of_a_choice_between_others():
    assert not search(first(separate=False), PLAN, planted(0.01), widening=WIDE).at_edge
    wide = search(
        first(separate=False, factors=[1.0]), rungs(4, steps=90, count=3, factor=2), planted(0.09), widening=WIDE
    )
    assert (wide.best, wide.at_edge) == (Rates(0.09), False), "one step beyond the best was tried"


def test_what_lies_beyond_takes_the_place_of_the_worst_that_would_have_gone_on():
    begin = first(separate=False, factors=[1.0])
    found = search(begin, rungs(4, steps=90, count=2, factor=2), planted(0.3), widening=WIDE)
    assert found.tried == [begin, [Rates(0.03), Rates(0.01), Rates(0.09)]]


def test_the_best_always_go_on():
    """Here they lie on three edges, and the next rung has two places."""
    begin = grid([0.03], [1.0, 3.0], separate=True, spacing=STEP)
    found = search(begin, rungs(2, steps=9, count=2, factor=3), planted(0.03, 3.0), widening=WIDE)
    assert found.tried[1] == [Rates(0.03, 3.0), Rates(0.01, 3.0)]
    assert found.best == Rates(0.03, 3.0)


def test_at_the_edge_of_a_rung_the_neighbour_of_an_earlier_one_is_tried_again():
    """The best rate falls from rung to rung, and those below it did not go on."""
    best = {10: 0.0144, 30: 0.00693, 90: 0.00433}

    def losses(wanted, steps):
        return [[far(each, best[steps])] for each in wanted]

    found = search(first(separate=False), PLAN, losses, widening=WIDE)
    assert min(found.tried[1]) == Rates(0.00693)
    assert found.best == Rates(0.00433)
    assert not found.at_edge
    assert not found.bracketed, "a lower rate was not tried for as long"


def test_a_choice_between_a_lower_and_a_higher_rate_is_bracketed():
    found = search(first(separate=False), PLAN, planted(0.01), widening=WIDE)
    assert found.bracketed
    assert min(found.tried[-1]) < found.best < max(found.tried[-1])
    assert not search(first(separate=False), PLAN, planted(100.0), widening=WIDE).bracketed


def test_a_rate_that_is_best_only_in_short_trials_is_not_chosen():
    losses = planted(0.003, noise=0.3)
    begin = first(separate=False)
    assert ranked(dict(zip(begin, losses(begin, PLAN[0].steps), strict=True)))[0] == Rates(0.00433)
    assert search(begin, PLAN, losses, widening=WIDE).best == Rates(0.003)


def test_no_rate_beyond_single_precision_is_tried():
    begin = [Rates(1e38), Rates(3e38)]
    found = search(begin, rungs(2, steps=4, count=3, factor=2), planted(1e40), widening=WIDE)
    assert found.best == Rates(3e38)


def test_searching_imports_no_torch():
    code = "import sys; import pipeline.learning.rate_search; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert rate_search.__doc__
