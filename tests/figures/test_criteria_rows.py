"""Rows of criteria below a figure: the number with its interval and seeds, its bounds, and the ground of each side."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pipeline.figures.shared import criteria
from pipeline.figures.shared.criteria import Judged
from pipeline.figures.shared.style import panels

GAP = Judged("C1.a: gap. Claimed: above -0.01; n = 3.", [0.001, 0.002, 0.0], 0.001, 0.0002, 0.0018, least=-0.01)


def drawn(*judged):
    """A figure of one panel with rows, laid out; and the axes of its rows."""
    figure, axes = panels(1, 1, height=2.0)
    axes[0, 0].plot([0, 1], [0, 1])
    axes[0, 0].set_xlabel("step")
    criteria.add(figure, judged)
    figure.canvas.draw()
    return figure, figure.axes[1:]


def lines(axes, style):
    return [line for line in axes.get_lines() if line.get_linestyle() == style]


def test_a_row_has_seeds_mean_interval_and_bound():
    figure, (row,) = drawn(GAP)
    (bound,) = lines(row, "--")
    assert set(bound.get_xdata()) == {-0.01}
    dots = next(line for line in row.get_lines() if line.get_marker() == ".")
    assert dots.get_xdata().tolist() == [0.001, 0.002, 0.0]
    mean = next(line for line in row.get_lines() if line.get_marker() == "D")
    assert mean.get_xdata().tolist() == [0.001]
    assert [0.0002, 0.0018] in [list(line.get_xdata()) for line in row.get_lines()]
    assert GAP.words in " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


@pytest.mark.parametrize(
    ("bounds", "ground"),
    [({"least": -0.01}, (-0.01, math.inf)), ({"most": 0.5}, (-math.inf, 0.5)), ({"least": -1, "most": 1}, (-1, 1))],
)
def test_the_claimed_side_has_a_green_ground(bounds, ground):
    _, (row,) = drawn(Judged("words", [0.1, 0.2], 0.15, 0.1, 0.2, **bounds))
    (patch,) = row.patches
    assert patch.get_facecolor()[:3] == to_rgb(criteria.CLAIMED)
    left, right = row.get_xlim()
    at = patch.get_x(), patch.get_x() + patch.get_width()
    np.testing.assert_allclose(at, np.clip(ground, left, right))


def test_what_counts_as_equal_has_another_ground():
    _, (row,) = drawn(Judged("words", [0.1], 0.1, 0.0, 0.2, least=0.05, equal=(-0.05, 0.05)))
    assert [patch.get_facecolor()[:3] for patch in row.patches] == [to_rgb(criteria.CLAIMED), to_rgb(criteria.EQUAL)]


def test_rows_stand_below_the_panels_and_below_each_other():
    figure, rows = drawn(GAP, GAP)
    panel, first, second = (axes.get_tightbbox() for axes in (figure.axes[0], *rows))
    assert panel.y0 > first.y1
    assert first.y0 > second.y1 >= second.y0 >= 0
    words = [text.get_window_extent() for text in figure.texts]
    assert all(box.x1 <= rows[0].get_window_extent().x0 for box in words)


def test_long_words_end_before_the_axis_and_the_next_row():
    long = Judged(
        "lowest training accuracy of a probe, one SG minus backprop, " * 12, [1.0, 2.0], 1.5, 1.0, 2.0, least=0.0
    )
    figure, rows = drawn(long, GAP)
    first, second = (text.get_window_extent() for text in figure.texts)
    assert first.y0 > second.y1
    assert first.x1 <= rows[0].get_window_extent().x0


def test_a_seed_far_away_does_not_squeeze_the_interval():
    _, (row,) = drawn(Judged("words", [1.0, 1.1, 0.9, 1e6], 1.0, 0.9, 1.1, most=2.0))
    assert row.get_xlim()[1] < 10


def test_many_seeds_have_no_points_and_a_number_without_chance_no_interval():
    _, (row,) = drawn(Judged("words", list(range(21)), 10.0, math.nan, math.nan, least=0.0))
    assert {line.get_marker() for line in row.get_lines()} == {"D", "None"}


def test_nothing_to_judge_changes_nothing():
    figure, axes = panels(1, 1, height=2.0)
    before = figure.get_size_inches().tolist()
    criteria.add(figure, [Judged("words", [], math.nan, math.nan, math.nan, least=0.0)])
    assert figure.get_size_inches().tolist() == before
    assert figure.axes == [axes[0, 0]]
    plt.close(figure)
