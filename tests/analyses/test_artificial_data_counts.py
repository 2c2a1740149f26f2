"""What is counted of trainings on artificial data, and the picture of it, on tables with known gaps."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import artificial_data
from pipeline.figures import artificial_data as figure
from pipeline.figures.shared.style import Style
from pipeline.theory.optima import CONVERGED

STYLE = Style({})
METHODS = list(figure.METHODS)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def pick(table, **values):
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def made(gaps):
    """A table in which each method has the given gap, by (method, hidden, loss, dataset, seed); else backprop's, 0.

    Losses run from 3 at the start to 1 at the optimum.
    """
    rows = []
    for hidden, loss, dataset, seed in itertools.product(
        (0, 10), ("mse", "cross_entropy"), ("linearly_separable", "xor"), (0, 1)
    ):
        for method in METHODS if hidden else METHODS[:3]:
            gap = gaps.get((method, hidden, loss, dataset, seed), 0.0)
            rows.append((dataset, 2, hidden, loss, method, seed, 1 + 2 * gap, 1.0, 3.0))
    return artificial_data.judged(pd.DataFrame(rows, columns=artificial_data.COLUMNS))


def test_the_gap_is_relative_and_converged_below_a_hundredth():
    cell = ("one_linear_sg", 0, "mse", "xor")
    found = made({(*cell, 0): 0.5, (*cell, 1): np.nan})
    row, lost = (pick(found, method=cell[0], hidden=0, loss="mse", dataset="xor", seed=seed).iloc[0] for seed in (0, 1))
    assert row["gap"] == pytest.approx(0.5)
    assert (row["converged"], row["diverged"], lost["converged"], lost["diverged"]) == (False, False, False, True)
    assert np.isnan(lost["gap"])
    edge = made({(*cell, 0): 0.0099, (*cell, 1): 0.0101})
    assert pick(edge, method=cell[0], hidden=0, loss="mse", dataset="xor")["converged"].tolist() == [True, False]
    assert CONVERGED == 0.01


def test_ratios_to_backprop_are_means_of_logarithms_over_all_data_sets():
    """Backprop's gap is 1e-6 everywhere; logistic regression's is 1e-3 on one data set of two, the deep model's 1e-5."""
    gaps = {("backprop", hidden, loss, data, 0): 1e-6 for hidden in (0, 10) for loss in ("mse", "cross_entropy")
            for data in ("linearly_separable", "xor")}  # fmt: skip
    gaps |= {("one_linear_sg", *cell[1:]): gap for cell, gap in gaps.items()}
    gaps["one_linear_sg", 0, "cross_entropy", "linearly_separable", 0] = 1e-3
    gaps["one_linear_sg", 10, "mse", "xor", 0] = 1e-5
    found = artificial_data.metrics(made(gaps))
    assert found["log10_gap_ratio.one_linear_sg.linear.cross_entropy"][0] == pytest.approx(1.5, abs=1e-3)
    assert found["log10_gap_ratio.one_linear_sg.exception"][0] == pytest.approx(3, abs=1e-3)
    assert found["log10_gap_ratio.one_linear_sg.deep.mse"][0] == pytest.approx(0.5, abs=1e-3)
    assert found["log10_gap_ratio.one_linear_sg.linear.mse"][0] == pytest.approx(0, abs=1e-3)
    assert found["log10_gap_ratio_apart.one_linear_sg"][0] == pytest.approx(1, abs=2e-3)
    assert found["log10_gap_ratio.one_linear_sg.linear.mse"][1] == 0, "gaps of zero count as the least, for both"


def test_a_training_that_diverged_has_the_largest_ratio():
    found = artificial_data.metrics(made({("one_linear_sg", 0, "mse", "xor", 1): np.nan}))
    assert found["log10_gap_ratio.one_linear_sg.linear.mse"][1] == pytest.approx((6 + 12) / 2)


def test_an_infinite_loss_is_a_divergence_and_no_gap():
    found = made({("backprop", 0, "mse", "xor", 0): np.inf})
    assert found["diverged"].sum() == 1
    assert found["gap"].isna().sum() == 1


def test_the_exception_is_logistic_regression_on_separable_data_alone():
    table = made({})
    exception = table[table["exception"]]
    assert len(exception) == 3 * 2
    assert set(exception["dataset"]) == {"linearly_separable"}
    assert set(exception["loss"]) == {"cross_entropy"}
    assert set(exception["hidden"]) == {0}


def test_shares_leave_the_exception_out_and_have_one_value_per_seed():
    found = artificial_data.metrics(
        made(
            {
                ("one_linear_sg", 0, "cross_entropy", "linearly_separable", 0): 0.5,
                ("one_linear_sg", 0, "mse", "xor", 1): 0.5,
                ("one_linear_sg", 10, "cross_entropy", "xor", 1): np.nan,
            }
        )
    )
    assert found["converged_share.one_linear_sg.exception"] == [0, 1]
    assert found["converged_share.one_linear_sg.regular"] == pytest.approx([1, 5 / 7])
    assert found["converged_share.one_linear_sg.linear.mse"] == [1, 0.5]
    assert found["converged_share.one_linear_sg.linear.cross_entropy"] == [1, 1]
    assert found["converged_share.one_linear_sg.deep.mse"] == [1, 1]
    assert found["converged_share.one_linear_sg.deep.cross_entropy"] == [1, 0.5]
    assert found["converged_share.one_sigmoid_sg.regular"] == [1, 1]


def test_a_cell_in_which_backprop_does_not_converge_says_nothing_of_the_others():
    lost = {("backprop", 0, "mse", dataset, 0): 0.5 for dataset in ("linearly_separable", "xor")}
    lost |= {("one_linear_sg", 0, "mse", "xor", 0): 0.5, ("one_linear_sg", 10, "mse", "xor", 0): 0.5}
    found = artificial_data.metrics(made(lost))
    assert found["backprop_converged_share"] == [6 / 8, 1]
    assert found["converged_share.one_linear_sg.regular"] == pytest.approx([4 / 5, 1])
    assert found["converged_share.one_linear_sg.linear.mse"] == pytest.approx([np.nan, 1], nan_ok=True)


def test_the_exception_s_gap_is_a_mean_of_logarithms_between_bounds():
    cell = ("linearly_separable", 2, 0, "cross_entropy")
    gaps = {"backprop": (1e-4, 0.0), "one_linear_sg": (1e-2, np.nan), "one_sigmoid_sg": (1e9, -1e-20)}
    wider = {"backprop": (1e-2, 0.0), "one_linear_sg": (1e-4, 1.0), "one_sigmoid_sg": (1.0, 1e-3)}
    rows = [
        (cell[0], inputs, *cell[2:], method, seed, 1 + 2 * gap, 1.0, 3.0)
        for inputs, values in ((2, gaps), (100, wider))
        for method, pair in values.items()
        for seed, gap in enumerate(pair)
    ]
    found = artificial_data.metrics(artificial_data.judged(pd.DataFrame(rows, columns=artificial_data.COLUMNS)))
    assert found["log10_gap.backprop.exception"] == pytest.approx([-3, -12])
    assert found["log10_gap.one_linear_sg.exception"] == pytest.approx([-3, 3])
    assert found["log10_gap.one_sigmoid_sg.exception"] == pytest.approx([3, -7.5])
    assert "converged_share.one_linear_sg.regular" not in found, "no such cell, no such number"


def with_losses(values, **during):
    """A table of losses: `values` at the end by (method, hidden, loss, dataset, seed), else 1; all begin at 3."""
    rows = made({})
    keys = list(rows[["method", "hidden", "loss", "dataset", "seed"]].itertuples(index=False, name=None))
    rows["final"] = [values.get(key, 1.0) for key in keys]
    for column, of in during.items():
        rows[column] = [of.get(key, 1.0) for key in keys]
    return rows


SG = "one_linear_sg"


def test_the_ratio_of_losses_is_to_backprop_in_the_same_cell_and_seed():
    cell = (0, "cross_entropy", "xor")
    found = artificial_data.metrics(
        with_losses(
            {(SG, *cell, 0): 5e-5, ("backprop", *cell, 0): 5e-8, (SG, *cell, 1): 0.1, ("backprop", *cell, 1): 10.0}
        )
    )
    name = f"log10_loss_ratio.{SG}.xor.inputs2.hidden0.cross_entropy.share1"
    assert found[name] == pytest.approx([3, -2])
    assert found[name].seeds == [0, 1]
    assert found[f"log10_loss_ratio.{SG}.xor.inputs2.hidden10.cross_entropy.share1"] == [0, 0]
    assert not any("ratio.backprop" in other for other in found)


def test_logistic_regression_stands_against_all_other_models_and_losses_on_all_data():
    losses = {(SG, 0, "cross_entropy", "linearly_separable", 0): 1e4, (SG, 0, "mse", "xor", 0): 1e3}
    found = artificial_data.metrics(with_losses(losses))
    assert found[f"log10_loss_ratio.{SG}.logistic.share1"] == pytest.approx([4 / 2, 0])
    assert found[f"log10_loss_ratio.{SG}.others.share1"] == pytest.approx([3 / 6, 0])
    assert found[f"log10_loss_ratio_apart.{SG}.share1"] == pytest.approx([1.5, 0])
    assert found["log10_loss_ratio.every_linear_sg.others.share1"] == [0, 0]
    assert not any("apart.every" in name for name in found), "a linear model has one place for an SG"


def test_ratios_are_there_at_each_share_of_the_updates():
    key = (SG, 0, "mse", "xor", 1)
    found = artificial_data.metrics(with_losses({key: 1.0}, **{"loss_at_0.1": {key: 100.0}}))
    name = f"log10_loss_ratio.{SG}.xor.inputs2.hidden0.mse"
    assert (found[f"{name}.share0.1"], found[f"{name}.share1"]) == ([0, 2], [0, 0])


def test_a_ratio_is_finite_and_says_what_diverged():
    cell = (0, "mse", "xor")
    losses = {(SG, *cell, 0): np.nan, (SG, *cell, 1): 0.0, ("backprop", *cell, 1): 1e-30}
    found = artificial_data.metrics(with_losses(losses))[f"log10_loss_ratio.{SG}.xor.inputs2.hidden0.mse.share1"]
    assert found == pytest.approx([np.log10(3e6), 0])
    assert found.outcomes == ["diverged", "measured"]
    lost = artificial_data.metrics(with_losses({("backprop", *cell, 0): np.inf}))
    found = lost[f"log10_loss_ratio.{SG}.xor.inputs2.hidden0.mse.share1"]
    np.testing.assert_equal(list(found), [np.nan, 0])
    assert found.outcomes == ["undefined", "measured"]
    assert lost[f"log10_loss_ratio.{SG}.others.share1"].outcomes == ["undefined", "measured"]


# --- the picture


def test_the_picture_shows_mean_logarithms_and_counts():
    cell = ("one_linear_sg", 10, "mse", "xor")
    drawn, shown = figure.draw({"artificial_data": made({(*cell, 0): 1e-1, (*cell, 1): 1e-3})}, style=STYLE)
    row = pick(shown, method=cell[0], hidden=10, loss="mse", dataset="xor").iloc[0]
    assert row["mean"] == pytest.approx(-2)
    assert (row["n"], row["seeds"], row["converged"], row["diverged"]) == (2, 2, 1, 0)
    assert row["low"] < -3 < -1 < row["high"]
    assert len(shown) == 2 * 2 * (3 + 5)
    assert list(shown.columns) == figure.COLUMNS
    drawn.canvas.draw()


def fields(panel, marker):
    return {(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in panel.lines if line.get_marker() == marker}


def test_marks_and_colours_stand_in_the_fields_that_they_are_of():
    lost = {("one_sigmoid_sg", 0, "mse", "xor", seed): np.nan for seed in (0, 1)}
    worse = {("backprop", 0, "mse", "xor", 1): 1.1, ("one_linear_sg", 0, "mse", "xor", 1): 0.9}
    once = {("every_linear_sg", 10, "cross_entropy", "linearly_separable", 1): np.nan}
    drawn, _ = figure.draw({"artificial_data": made(lost | worse | once)}, style=STYLE)
    titles = ["linear\nMSE", "linear\nlog loss", "deep linear, 10 layers\nMSE", "deep linear, 10 layers\nlog loss"]
    panels = drawn.axes[:4]
    assert [panel.get_title() for panel in panels] == titles
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["separable, 2-d", "xor, 2-d"]
    assert [label.get_text() for label in panels[2].get_xticklabels()] == list(figure.METHODS.values())
    assert fields(panels[0], "X") == {(2, 1), (0, 1)}
    assert fields(panels[0], "o") == {(0, 0), (1, 0), (2, 0)}
    assert fields(panels[3], "X") == {(3, 0)}
    assert (3, 0) not in fields(panels[3], "o")
    values = panels[0].images[0].get_array()
    assert bool(np.ma.getmaskarray(values)[1, 2])
    assert not np.ma.getmaskarray(values)[0].any()
    assert [len(panel.patches) for panel in panels] == [0, 3, 0, 0], "only the exception has a frame"
    assert {patch.get_xy() for patch in panels[1].patches} == {(-0.5, -0.5), (0.5, -0.5), (1.5, -0.5)}
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert sorted(labels) == ["a seed ended above its start", "all seeds converged", "the paper's exception"]
    norm = panels[0].images[0].norm
    assert norm(np.log10(CONVERGED)) == pytest.approx(0.5), "white is where a gap begins to count as closed"
    assert norm(-3.0) < 0.5 < norm(0.0)
    drawn.canvas.draw()
