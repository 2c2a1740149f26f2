"""The style sheet: how means and intervals are gathered and drawn, the same in all figures."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from pipeline.figures.shared import style
from pipeline.figures.shared.style import Style, band, blank, layer_axis, layer_ticks, legend, panels, points
from pipeline.figures.shared.tables import by_setting, summarise
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import CORRELATION, POSITIVE

STYLE = Style({"bp": "backprop", "sg": "one SG"})
CURVE = pd.DataFrame({"x": [1, 2, 4], "mean": [3.0, 5.0, 4.0], "low": [1.5, 4.5, np.nan], "high": [4.0, 5.5, np.nan]})


@pytest.fixture
def axes():
    figure, grid = panels(1, 1, height=2)
    yield grid[0, 0]
    plt.close(figure)


def test_a_summary_is_mean_interval_and_n_of_each_group():
    table = pd.DataFrame({"layer": [1, 1, 1, 2], "method": ["sg"] * 4, "value": [1.0, 2.0, 6.0, 5.0]})
    found = summarise(table, ["method", "layer"], "value")
    assert list(found.columns) == ["method", "layer", "mean", "low", "high", "n"]
    assert tuple(found.loc[found["layer"] == 1].iloc[0, 2:]) == pytest.approx(interval([1.0, 2.0, 6.0]))
    assert found.loc[found["layer"] == 2, ["mean", "n"]].iloc[0].tolist() == [5, 1]
    assert found.loc[found["layer"] == 2, ["low", "high"]].isna().all(axis=None)


def test_an_interval_stays_within_the_range_that_is_declared():
    table = pd.DataFrame({"quantity": ["cosine"] * 3 + ["loss"] * 3, "value": [0.999, 0.9, 0.6, 0.1, 0.2, 9.0]})
    plain = summarise(table, ["quantity"], "value").set_index("quantity")
    assert plain.loc["cosine", "high"] > 1
    assert plain.loc["loss", "low"] < 0
    found = summarise(table, ["quantity"], "value", ranges={"cos": "correlation", "": "positive"}).set_index("quantity")
    assert tuple(found.loc["cosine"]) == pytest.approx(interval([0.999, 0.9, 0.6], range=CORRELATION))
    assert tuple(found.loc["loss"]) == pytest.approx(interval([0.1, 0.2, 9.0], range=POSITIVE))
    assert found["high"].between(found["mean"], [1, np.inf]).all()
    assert found.loc["loss", "low"] > 0


def test_equal_shares_of_unknown_size_have_no_interval():
    found = summarise(
        pd.DataFrame({"layer": [1, 1, 1], "value": [1.0, 1.0, 1.0]}), ["layer"], "value", ranges={"": "share"}
    )
    assert found["mean"].tolist() == [1]
    assert found[["low", "high"]].isna().all(axis=None)


def test_a_summary_by_one_column_or_of_nothing_has_its_columns():
    table = pd.DataFrame({"layer": [1, 2], "value": [1.0, 2.0]})
    assert summarise(table, ["layer"], "value")["mean"].tolist() == [1, 2]
    assert list(summarise(table[:0], ["layer"], "value").columns) == ["layer", "mean", "low", "high", "n"]


def test_a_method_looks_the_same_whichever_others_are_there():
    one, other = STYLE, Style({"bp": "backprop", "sg": "one SG", "fa": "feedback alignment"})
    assert (one.colour("sg"), one.dash("sg"), one.marker("sg")) == (
        other.colour("sg"),
        other.dash("sg"),
        other.marker("sg"),
    )
    assert other.present(pd.Series(["fa", "unknown", "bp", "fa"])) == ["bp", "fa"]


def test_many_methods_never_look_alike():
    style = Style({f"m{i}": f"method {i}" for i in range(20)})
    looks = [(style.colour(m), style.dash(m)) for m in style.methods]
    assert len(set(looks)) == len(looks)


def test_colours_are_told_apart_in_grey_and_with_a_missing_cone():
    """No two of the first six fall together for protanopes and deuteranopes (Viénot et al. 1999, reds and greens mixed)."""
    mixed = {
        "protan": [[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]],
        "deutan": [[0.293, 0.707, 0.0], [0.293, 0.707, 0.0], [-0.022, 0.022, 1.0]],
    }
    colours = np.array([plt.matplotlib.colors.to_rgb(c) for c in style.COLOURS[:6]]) ** 2.2
    for matrix in mixed.values():
        seen = np.clip(colours @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.1


def test_a_band_carries_the_numbers(axes):
    band(axes, CURVE, "x", style=STYLE, method="sg", markers=True)
    (line,) = axes.get_lines()
    assert line.get_xydata().tolist() == [[1, 3], [2, 5], [4, 4]]
    assert (line.get_label(), to_hex(line.get_color()).upper()) == ("one SG", STYLE.colour("sg"))
    corners = {tuple(corner) for corner in axes.collections[0].get_paths()[0].vertices}
    assert {(1, 1.5), (1, 4), (2, 4.5), (2, 5.5)} <= corners
    assert not [corner for corner in corners if corner[0] == 4], "no interval, no band"


def test_points_carry_the_numbers(axes):
    points(axes, CURVE, "x", style=STYLE, method="bp")
    container = axes.containers[0]
    assert container[0].get_xydata().tolist() == [[1, 3], [2, 5], [4, 4]]
    assert container[0].get_linestyle() == "None"
    bars = [segment.tolist() for segment in container[2][0].get_segments()]
    assert bars[:2] == [[[1, 1.5], [1, 4]], [[2, 4.5], [2, 5.5]]]


def test_every_setting_of_a_sweep_has_a_panel():
    table = pd.DataFrame(
        {
            "hidden": [20, 3, 3, 20],
            "value": [1.0, 2.0, 3.0, 4.0],
            "varied": [
                "network.hidden=20; optimiser.rate=0.1",
                "network.hidden=3",
                "network.hidden=3",
                "network.hidden=20; optimiser.rate=0.2",
            ],
        }
    )
    found = by_setting(table)
    assert list(found) == ["3 hidden layers", "20 hidden layers, rate=0.1", "20 hidden layers, rate=0.2"]
    assert [part["value"].tolist() for part in found.values()] == [[2, 3], [1], [4]]


def test_a_legend_has_every_label_once_in_the_order_of_the_config():
    figure, grid = panels(1, 2, height=2)
    for axes, order in zip(grid[0], (["sg", "bp"], ["bp", "sg"]), strict=True):
        axes.plot([0], [0], label="at the start")
        for method in order:
            band(axes, CURVE, "x", style=STYLE, method=method)
    legend(figure, STYLE)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["backprop", "one SG", "at the start"]
    plt.close(figure)


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 10, 20, 50])
def test_the_first_and_the_last_layer_are_named_and_the_numbers_dont_touch(layers):
    ticks = layer_ticks(layers)
    assert (ticks[0], ticks[-1]) == (1, layers)
    assert all(isinstance(tick, int) for tick in ticks)
    assert len(ticks) <= 8
    assert np.diff(ticks).min(initial=layers) >= layers / 8


@pytest.mark.parametrize("layers", [1, 2, 20])
def test_the_output_layer_stands_beyond_the_hidden_ones(axes, layers):
    layer_axis(axes, layers, output=True)
    assert axes.get_xticks()[-1] == layers + 1
    assert axes.get_xticklabels()[-1].get_text() == "out"
    low, high = axes.get_xlim()
    assert low < 1 < layers + 1 < high


def test_nothing_to_draw_is_said_in_words():
    figure = blank("no run was logged")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no run was logged"]
    plt.close(figure)
