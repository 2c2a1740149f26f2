"""The figures of the theory part: what they show is in the numbers that come with them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import counter_example, deep_linear_convergence, linear_convergence
from pipeline.figures import convergence, largest_rates, phase_portrait
from pipeline.figures.shared.style import Style

STYLE = Style({"backprop": "backprop", "one_sg": "one linear SG"})
SIZE = {
    "samples": 20,
    "outputs": 2,
    "rates": (0.1, 9.0),
    "sg_rates": (0.05, 1.0),
    "iterations": 60,
    "points": 6,
    "halvings": 2,
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def tables(seeds=2, **changes):
    options = {**SIZE, "seeds": seeds, **changes}
    return {
        "linear_convergence": linear_convergence.analyse(generator=np.random.default_rng(0), inputs=(2, 4), **options),
        "deep_linear_convergence": deep_linear_convergence.analyse(
            generator=np.random.default_rng(0), inputs=(4,), hidden=(2,), width=2, **options
        ),
    }


@pytest.fixture(scope="module")
def two_seeds():
    return tables()


def pick(table, **values):
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def test_the_gap_is_a_geometric_mean_over_seeds(two_seeds):
    _, shown = convergence.draw(two_seeds, style=STYLE, inputs=4, rate=0.1)
    at = {"condition": 100.0, "noise": 0.5, "rate": 0.1, "rule": "line_search", "iteration": 60}
    raw = pick(two_seeds["linear_convergence"], inputs=4, **at)["gap"]
    row = pick(shown, quantity="gap", **at)
    row = row[row["problem"].str.startswith("4 inputs")].iloc[0]
    assert row["mean"] == pytest.approx(np.exp(np.log(raw).mean()))
    assert row["low"] < row["mean"] < row["high"]
    assert (row["n"], row["lost"]) == (2, 0)
    assert row["mean"] ** 2 == pytest.approx(row["low"] * row["high"]), "the interval is symmetric in the logarithm"


def test_diverged_seeds_are_lost_and_counted(two_seeds):
    _, shown = convergence.draw(two_seeds, style=STYLE, rate=9.0)
    end = pick(shown, quantity="gap", iteration=60)
    assert set(end["rate"]) == {9.0}
    assert (end["n"] + end["lost"] == 2).all()
    assert (pick(end, rule="backprop")["lost"] == 2).all()
    assert pick(end, rule="backprop")["mean"].isna().all()


def made(gaps, iterations=(0, 1, 10, 100)):
    """A table with one rule and the given gaps of one seed."""
    return pd.DataFrame(
        {
            "rule": "backprop",
            "sg_rate": np.nan,
            "inputs": 2,
            "outputs": 1,
            "hidden": 0,
            "sg_after": 1,
            "condition": 1.0,
            "noise": 0.0,
            "rate": 0.1,
            "seed": 0,
            "iteration": iterations,
            "gap": gaps,
            "diverged": np.isnan(gaps),
        }
    )


@pytest.mark.parametrize(
    ("gaps", "time"),
    [
        ([1, 1e-2, 1e-5, 1e-6], 10),
        ([1, 1e-5, 1e-2, 1e-6], 100),
        ([1, 1e-5, 1e-6, np.nan], np.nan),
        ([1, 1e-5, 1e-6, 1e-3], np.nan),
        ([1, 0.5, 0.1, 0.1], np.nan),
    ],
)
def test_converged_means_there_to_stay(gaps, time):
    read = {"linear_convergence": made(gaps), "deep_linear_convergence": pd.DataFrame()}
    _, shown = convergence.draw(read, style=STYLE)
    row = pick(shown, quantity="iterations to converge").iloc[0]
    assert row["mean"] == pytest.approx(time, nan_ok=True)
    assert row["lost"] == np.isnan(time)


def test_every_rule_has_a_curve_and_a_label(two_seeds):
    figure, shown = convergence.draw(two_seeds, style=STYLE)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "backprop",
        "SG, line search",
        "SG, fixed rate 0.05",
        "SG, fixed rate 1",
        "no SG, layers below frozen",
    ]
    assert len(figure.axes) == 6
    assert set(shown["rule"]) == {"backprop", "line_search", "fixed", "frozen"}
    assert shown.loc[shown["rule"] != "fixed", "sg_rate"].isna().all()
    assert all(axes.get_xlabel() and axes.get_title() for axes in figure.axes)


def test_one_seed_has_no_band():
    figure, shown = convergence.draw(tables(seeds=1, noises=(0.5,)), style=STYLE)
    assert shown["low"].isna().all()
    assert len(figure.axes) == 6
    figure.canvas.draw()


def test_the_panels_have_the_easiest_and_the_hardest_data(two_seeds):
    figure, _ = convergence.draw(two_seeds, style=STYLE)
    ends = [axes.get_title().split("\n")[1] for axes in figure.axes]
    hard = "condition 100, noise 0.5"
    assert ends == ["condition 1, no noise", hard, hard] * 2
    with_two_sizes = {
        **two_seeds,
        "deep_linear_convergence": deep_linear_convergence.analyse(
            generator=np.random.default_rng(0), inputs=(3, 6), hidden=(2, 3), width=2, **{**SIZE, "seeds": 1}
        ),
    }
    _, shown = convergence.draw(with_two_sizes, style=STYLE, inputs=6, hidden=3)
    assert "3 hidden layers, SG after 2" in set(shown["problem"])


def test_the_largest_rates_shown_are_geometric_means_over_models_then_over_seeds():
    read = tables(conditions=(1.0, 9.0), rates=(0.5, 9.0), iterations=400, points=10, halvings=6)
    figure, shown = largest_rates.draw(read, style=STYLE)
    table = read["linear_convergence"]
    at = {"rule": "line_search", "condition": 9.0, "noise": 0.0}
    one = pick(table, iteration=0, rate=0.5, **at)
    assert len(one) == 4
    assert one["largest_rate"].nunique() > 1
    logs = np.log10(one.set_index(["seed", "inputs"])["largest_rate"])
    found = pick(shown, analysis="linear_convergence", quantity="largest rate", **at).iloc[0]
    assert found["mean"] == pytest.approx(10 ** logs.groupby("seed").mean().mean())
    assert found["lost"] == logs.isna().sum()
    steps = pick(table, **at)["bound_ratio"].dropna()
    share = pick(shown, analysis="linear_convergence", quantity="bound share", **at).iloc[0]
    seeds = pick(table, **at).dropna(subset="bound_ratio").groupby("seed")["bound_ratio"]
    assert share["mean"] == pytest.approx(seeds.apply(lambda ratios: (ratios < 1).mean()).mean())
    assert share["lost"] == len(pick(table, **at)) - len(steps)
    assert set(shown["rule"]) == {"backprop", "line_search", "fixed"}
    assert set(pick(shown, quantity="bound share")["rule"]) == {"line_search", "fixed"}
    assert all(axes.get_ylabel() and axes.get_title() for axes in figure.axes)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == [
        "SG, fixed rate 0.05",
        "SG, fixed rate 1",
        "SG, line search",
        "backprop",
        "limit of gradient descent",
    ]
    figure.canvas.draw()


@pytest.mark.parametrize("missing", [["linear_convergence"], ["deep_linear_convergence"], list(largest_rates.READS)])
def test_missing_tables_of_largest_rates(two_seeds, missing):
    read = {name: pd.DataFrame() if name in missing else table for name, table in two_seeds.items()}
    figure, shown = largest_rates.draw(read, style=STYLE)
    assert list(shown.columns) == largest_rates.COLUMNS
    assert shown.empty == (len(missing) == 2)
    figure.canvas.draw()


@pytest.mark.parametrize("missing", [[], ["linear_convergence"], ["deep_linear_convergence"], list(convergence.READS)])
def test_missing_tables(two_seeds, missing):
    read = {name: pd.DataFrame() if name in missing else table for name, table in two_seeds.items()}
    figure, shown = convergence.draw(read, style=STYLE)
    assert list(shown.columns) == convergence.COLUMNS
    assert shown.empty == (len(missing) == 2)
    figure.canvas.draw()


def test_the_portrait_says_where_trajectories_begin_and_end():
    table = counter_example.analyse(generator=np.random.default_rng(0), cells=20, starts=((1.3, 0.4), (0.5, -1.5)))
    figure, shown = phase_portrait.draw({"counter_example": table}, style=STYLE, arrows=5)
    sg, true = (shown[shown["rule"] == rule].sort_values("trajectory") for rule in ("sg", "true"))
    np.testing.assert_allclose(sg[["a_start", "b_start"]], [(1.3, 0.4), (0.5, -1.5)])
    np.testing.assert_allclose(sg[["a_end", "b_end"]], [(1.3, 0.4), (0.5, -0.5)], atol=0.02)
    np.testing.assert_allclose(true[["a_end", "b_end"]], 0, atol=0.02)
    assert (sg["loss_end"] > 0.5).all()
    np.testing.assert_allclose(sg["da_true_end"], 1.5)
    assert [axes.get_title() for axes in figure.axes] == ["true gradient", "SG that is one number"]


@pytest.mark.parametrize("cells", [2, 7, 30])
def test_the_arrows_point_down_the_gradient(cells):
    table = counter_example.analyse(generator=np.random.default_rng(0), cells=cells, steps=0)
    figure, shown = phase_portrait.draw({"counter_example": table}, style=STYLE)
    for axes, gradient in zip(figure.axes, (counter_example.true_gradient, counter_example.sg_gradient), strict=True):
        arrows = next(found for found in axes.collections if hasattr(found, "U"))
        wanted = -gradient(arrows.X, arrows.Y)
        drawn = np.stack([np.ma.filled(arrows.U, 0), np.ma.filled(arrows.V, 0)], axis=1)
        np.testing.assert_allclose(drawn * np.linalg.norm(wanted, axis=1)[:, None], wanted, atol=1e-12)
    figure.canvas.draw()
    assert len(shown) == 10


def test_an_empty_portrait():
    figure, shown = phase_portrait.draw({"counter_example": pd.DataFrame()}, style=STYLE)
    assert list(shown.columns) == phase_portrait.COLUMNS
    figure.canvas.draw()


def test_a_single_iteration():
    figure, shown = convergence.draw(tables(seeds=1, iterations=1, points=1), style=STYLE)
    assert set(shown["iteration"].dropna()) == {1}
    figure.canvas.draw()
