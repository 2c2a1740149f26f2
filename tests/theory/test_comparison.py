"""The comparison of rules on linear models: its table and its headline numbers."""

import numpy as np
import pandas as pd
import pytest

from pipeline.theory.comparison import PROBLEM, compare, headline, looks, rules
from pipeline.theory.problems import Model
from pipeline.theory.training import TrainingRule


def small(seeds=2, compared=None, **changes):
    options = {
        "samples": 20,
        "conditions": (1.0, 9.0),
        "noises": (0.0, 0.5),
        "rates": (0.1, 0.3),
        "iterations": 20,
        "points": 5,
        "halvings": 2,
        **changes,
    }
    compared = compared or rules((0.1,), frozen=True)
    return compare(np.random.default_rng(5), Model(3, 2), compared, seeds=seeds, **options)


def test_a_comparison_has_every_combination_and_the_same_start_for_all():
    table = small()
    assert len(table) == 4 * 2 * 2 * 2 * 2 * table["iteration"].nunique()
    assert set(table["rule"]) == {"backprop", "line_search", "fixed", "frozen"}
    assert (table.loc[table["iteration"] == 0, "gap"] == 1).all()
    assert table["iteration"].max() == 20
    pd.testing.assert_frame_equal(table, small())


def test_one_seed_more_moves_no_other():
    columns = ["rule", "seed", "condition", "noise", "rate", "iteration"]
    two, three = (small(seeds=seeds).set_index(columns)["gap"] for seeds in (2, 3))
    pd.testing.assert_series_equal(three[three.index.get_level_values("seed") < 2], two)
    firsts, seconds = (two.xs(seed, level="seed").xs(20, level="iteration") for seed in (0, 1))
    assert (firsts != seconds)[lambda gaps: gaps.index.get_level_values("rule") != "frozen"].all()


def test_the_main_rate_is_in_units_of_the_curvature():
    table = small(rates=(1.9, 2.2), iterations=300, compared=[TrainingRule("backprop")])
    last = table[table["iteration"] == 300]
    assert (last.loc[last["rate"] == 1.9, "gap"] < 1e-6).all()
    assert last.loc[last["rate"] == 2.2, "diverged"].all()


NAMES = [
    "rule",
    "sg_rate",
    "inputs",
    "hidden",
    "condition",
    "noise",
    "rate",
    "seed",
    "iteration",
    "gap",
    "descent_share",
    "diverged",
    "largest_rate",
    "bound_ratio",
    "falls",
    "sharp_ratio",
]


def row(
    rule,
    seed,
    gap,
    *,
    sg_rate=np.nan,
    rate=0.1,
    iteration=9,
    largest=0.2,
    ratio=np.nan,
    falls=1.0,
    noise=0.0,
    sharp=None,
):
    diverged = bool(np.isnan(gap))
    return (
        rule,
        sg_rate,
        2,
        0,
        1.0,
        noise,
        rate,
        seed,
        iteration,
        gap,
        0.5,
        diverged,
        largest,
        ratio,
        falls,
        ratio / 2 if sharp is None else sharp,
    )


def test_headline_numbers():
    rows = [
        row(rule, seed, gap if iteration else 1.0, sg_rate=sg_rate, rate=rate, iteration=iteration)
        for rule, sg_rate, rate, seed, gap in [
            ("line_search", np.nan, 0.1, 0, 1e-3),
            ("line_search", np.nan, 1.0, 0, 1e-5),
            ("line_search", np.nan, 0.1, 1, 1e-7),
            ("line_search", np.nan, 1.0, 1, np.nan),
            ("fixed", 0.01, 0.1, 0, np.nan),
            ("fixed", 0.01, 0.1, 1, 0.0),
        ]
        for iteration in (0, 9)
    ]
    table = pd.DataFrame(rows, columns=NAMES)
    found = headline(table)
    assert found["log10_gap.by_line_search"] == pytest.approx([-5, -7])
    assert found["converged_share.by_line_search"] == [0.5, 0.5]
    assert found["log10_gap.by_fixed_sg.rate0.01"] == pytest.approx([6, -20])
    assert found["descent_share.by_fixed_sg.rate0.01"] == [0.5, 0.5]
    for column, other in (("noise", 0.5), ("condition", 100.0), ("inputs", 50)):
        harder = table[table["rule"] == "line_search"].assign(**{column: other}, gap=lambda t: 100 * t["gap"])
        assert headline(pd.concat([table, harder], ignore_index=True))["log10_gap.by_line_search"] == pytest.approx(
            [-3, -5]
        )
    assert headline(pd.DataFrame()) == {}


def test_largest_rates_are_averaged_over_problems_and_where_there_is_none_the_least_counts():
    rows = [row("backprop", 0, 1e-9, rate=rate, largest=2.0) for rate in (0.1, 1.0)]
    rows += [row("backprop", 0, 1e-9, rate=rate, largest=np.nan, noise=0.5) for rate in (0.1, 1.0)]
    rows += [row("backprop", 1, 1e-9, rate=0.1, largest=0.5), row("frozen", 0, 0.5, largest=np.nan)]
    found = headline(pd.DataFrame(rows, columns=NAMES))
    assert found["log10_largest_rate.by_backprop"] == pytest.approx([(np.log10(2) - 1) / 2, np.log10(0.5)])
    assert found["rate_found_share.by_backprop"] == [0.5, 1.0]
    assert "log10_largest_rate.by_frozen" not in found
    assert "bound_share.by_backprop" not in found


def test_shares_of_error_tracking():
    """Backprop diverges at a rate of 3: steps there count, but not among the mild ones."""
    rows = [row("backprop", seed, gap, rate=rate) for seed in (0, 1) for rate, gap in ((0.1, 1e-9), (3.0, np.nan))]
    steps = [(0.1, 0.5, 1), (0.1, 0.9, 1), (0.1, 2.0, 0), (0.1, np.nan, 1), (3.0, 0.5, 0), (3.0, 1.0, 1)]
    rows += [
        row("line_search", 0, 0.1, rate=rate, ratio=ratio, falls=falls, iteration=number)
        for number, (rate, ratio, falls) in enumerate(steps)
    ]
    rows.append(row("line_search", 1, 0.1, ratio=1.5))
    found = headline(pd.DataFrame(rows, columns=NAMES))
    assert found["bound_share.by_line_search"] == pytest.approx([3 / 5, 0])
    assert found["falls_where_bound.by_line_search"] == pytest.approx([2 / 3, np.nan], nan_ok=True)
    assert found["falls_where_bound_mild.by_line_search"] == pytest.approx([1, np.nan], nan_ok=True)


def test_problems_are_solved_clipped_or_lost_at_their_best_rate():
    rows = [
        row(rule="line_search", seed=seed, gap=gap, rate=rate, noise=noise)
        for seed, noise, rate, gap in [
            (0, 0.0, 0.1, 1e-3),
            (0, 0.0, 1.0, 1e-5),  # solved at one of its rates
            (0, 0.5, 0.1, 1e-4),
            (0, 0.5, 1.0, np.nan),  # as large as the bound is too large
            (1, 0.0, 0.1, 1e-25),
            (1, 0.0, 1.0, 0.5),
            (1, 0.5, 0.1, np.nan),
            (1, 0.5, 1.0, np.nan),
        ]
    ]
    found = headline(pd.DataFrame(rows, columns=NAMES))
    assert found["solved_share.by_line_search"] == [0.5, 0.5]
    assert found["clipped_share.by_line_search"] == [0.0, 0.5]
    assert found["diverged_share.by_line_search"] == [0.0, 0.5]


def test_the_sharp_form_counts_after_the_start_where_backprop_converges():
    """Backprop converges at a rate of .1 alone: at 1 it is too slow, at 3 it diverges."""
    ends = ((0.1, 1e-9), (1.0, 1e-3), (3.0, np.nan))
    rows = [row("backprop", seed, gap, rate=rate) for seed in (0, 1) for rate, gap in ends]
    steps = [(0.1, 0.5, 0), (0.1, 0.9, 1), (0.1, 0.8, 0), (0.1, 1.0, 0), (0.1, np.nan, 1), (1.0, 0.5, 0), (3.0, 0.5, 0)]
    rows += [
        row("line_search", 0, 0.1, rate=rate, ratio=2.0, sharp=sharp, falls=falls, iteration=number)
        for number, (rate, sharp, falls) in enumerate(steps)
    ]
    rows.append(row("line_search", 1, 0.1, ratio=3.0))
    found = headline(pd.DataFrame(rows, columns=NAMES))
    assert found["sharp_share_converging.by_line_search"] == pytest.approx([2 / 3, 0])
    assert found["falls_where_sharp_converging.by_line_search"] == pytest.approx([1 / 2, np.nan], nan_ok=True)
    assert found["converged_share.by_backprop"] == pytest.approx([1 / 3] * 2)


def test_iterations_are_looked_at_in_both_spacings():
    found = looks(1000, 4)
    assert found == [0, 1, 10, 100, 250, 500, 750, 1000]
    assert looks(1, 1) == [0, 1]


def test_the_largest_rate_is_one_number_for_a_rule_and_a_problem():
    table = small(rates=(0.5, 3.0), iterations=200, halvings=6)
    one = table.groupby(["rule", "sg_rate", "seed", *PROBLEM], dropna=False)["largest_rate"]
    assert (one.nunique() <= 1).all()
    found = one.first()
    np.testing.assert_allclose(found.xs("backprop", level="rule"), 2, rtol=0.1)
    assert found.xs("frozen", level="rule").isna().all()


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 0},
        {"samples": -1},
        {"rates": (0.1, 0.0)},
        {"rates": ()},
        {"noises": (-0.5,)},
        {"noises": ()},
        {"halvings": -1},
    ],
)
def test_settings_out_of_range_are_named(changes):
    with pytest.raises(ValueError, match=f"{next(iter(changes))}: found .*expected"):
        small(**changes)
    with pytest.raises(ValueError, match="sg_rates: found"):
        rules((-0.1,), frozen=False)
