"""Accuracy against depth: a marker a method and depth, dots for seeds, and nothing of other settings."""

import numpy as np
import pandas as pd
from made_up_learning import rows

from pipeline.figures import accuracy_by_depth
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE

STYLE = Style({"bp": "backprop", "sg": "one SG"})


def table(*more):
    return pd.DataFrame(
        [
            *rows("bp", 3, [0.97, 0.98, 0.975]),
            *rows("bp", 20, [0.96, 0.95, 0.955]),
            *rows("sg", 20, [0.97]),
            *rows("sg", 20, [0.1], quantity="test_loss"),
            *rows("sg", 20, [0.2], final=False),
            *[row for each in more for row in each],
        ]
    )


def test_a_depth_and_method_have_the_interval_of_their_seeds():
    _, shown = accuracy_by_depth.draw({"learning": table()}, style=STYLE)
    assert list(zip(shown["hidden"], shown["method"], shown["n"], strict=True)) == [
        (3, "bp", 3),
        (20, "bp", 3),
        (20, "sg", 1),
    ]
    expected = interval(np.array([0.96, 0.95, 0.955]), range=SHARE)
    np.testing.assert_allclose(shown.loc[1, ["mean", "low", "high"]].astype("float64"), expected[:3])


def test_other_settings_are_left_out():
    other = rows("sg", 3, [0.5], varied="network.hidden=3, optimiser.rate=0.1")
    _, shown = accuracy_by_depth.draw({"learning": table(other)}, style=STYLE)
    assert not ((shown["method"] == "sg") & (shown["hidden"] == 3)).any()


def test_seeds_are_dots_and_no_axis_leaves_the_range():
    figure, _ = accuracy_by_depth.draw({"learning": table(rows("sg", 3, [1.0, 0.0]))}, style=STYLE)
    (axes,) = figure.axes
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == ".")
    assert dots == 9
    low, high = axes.get_ylim()
    assert 0 <= low < high <= 1
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "20"]


def test_many_seeds_are_not_drawn_one_by_one():
    figure, _ = accuracy_by_depth.draw(
        {"learning": pd.DataFrame(rows("bp", 3, np.linspace(0.9, 0.95, 13)))}, style=STYLE
    )
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() == ".") == 0


def test_without_a_finished_run_it_says_so():
    figure, shown = accuracy_by_depth.draw({"learning": table().query("final == False")}, style=STYLE)
    assert "no run has finished" in figure.axes[0].texts[0].get_text()
    assert shown.empty
