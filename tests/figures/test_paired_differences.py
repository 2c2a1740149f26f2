"""Differences to the first method: a dot for each seed that has both, and the interval of their mean."""

import numpy as np
import pandas as pd
from made_up_learning import rows
from matplotlib.colors import to_hex

from pipeline.figures import paired_differences
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE_CHANGE

STYLE = Style({"bp": "backprop", "sg": "one SG", "all": "SGs everywhere"})


def drawn(*more):
    table = pd.DataFrame([row for each in more for row in each])
    return paired_differences.draw({"learning": table}, style=STYLE)


def test_seeds_are_paired_and_one_without_a_partner_is_left_out():
    bp, sg = {0: 0.9, 1: 0.8, 2: 0.85}, {1: 0.82, 2: 0.84, 3: 0.1}
    figure, shown = drawn(rows("bp", 20, bp), rows("sg", 20, sg), rows("all", 5, {0: 0.5}))
    assert shown[["hidden", "method"]].to_numpy().tolist() == [[20, "sg"]]
    expected = interval(np.array([0.82 - 0.8, 0.84 - 0.85]), range=SHARE_CHANGE)
    np.testing.assert_allclose(shown.loc[0, ["mean", "low", "high", "n"]].astype("float64"), expected)
    (dots,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "."]
    assert sorted(np.round(dots.get_xdata(), 9)) == [-1.0, 2.0]
    assert to_hex(dots.get_color()).upper() == STYLE.colour("sg")


def test_bound_and_zero_are_drawn():
    figure, _ = drawn(rows("bp", 3, {0: 0.9, 1: 0.9}), rows("sg", 3, {0: 0.91, 1: 0.92}))
    upright = {line.get_xdata()[0] for line in figure.axes[0].get_lines() if len(set(line.get_xdata())) == 1}
    assert {0, -1.0} <= upright


def test_other_settings_quantities_and_steps_are_left_out():
    _, shown = drawn(
        rows("bp", 3, {0: 0.9}),
        rows("sg", 3, {0: 0.5}, varied="network.hidden=3; optimiser.rate=0.1"),
        rows("sg", 3, {0: 0.5}, quantity="test_loss"),
        rows("sg", 3, {0: 0.5}, final=False),
    )
    assert shown.empty


def test_without_runs_it_says_so():
    empty = pd.DataFrame(columns=["run", "method", "seed", "hidden", "varied", "step", "quantity", "value", "final"])
    figure, shown = paired_differences.draw({"learning": empty}, style=STYLE)
    assert figure.axes[0].texts[0].get_text() == "no seed has both methods"
    assert list(shown.columns) == ["hidden", "method", "mean", "low", "high", "n"]
