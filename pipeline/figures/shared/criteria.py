"""The criteria that a figure's numbers are judged by, drawn below its panels: each number beside its bounds."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

SMALL = 7  # points
HEIGHT = 0.62  # inches of a row
FOOT = 0.16  # inches below the rows, for the line that says what is shown
LEFT, RIGHT = 0.58, 0.98  # of the figure's width: the place of the axis; the words stand to its left
LETTERS = 76  # of a line of words
LINES = 4  # of words
CLAIMED, EQUAL = "#009E73", "#56B4E9"  # the ground of the claimed side, and of what counts as equal
MARGIN = 0.08  # of the axis, at both ends
MOST_SEEDS = 20  # up to which each has a point
FURTHEST = 3.0  # widths of the interval and the bounds: a seed beyond doesn't widen the axis


@dataclass(frozen=True)
class Judged:
    """A number with its criterion.

    Attributes:
        words: what it is, and on which side of its bound it is claimed to lie.
        values: one per seed; of a ratio, the ratios. Without those of runs that have no value.
        mean: of the values.
        low: lower bound of its interval; NaN without one, or for a number without chance.
        high: upper bound.
        least: the bound that the claim puts it above, minus infinity without one.
        most: the bound that the claim puts it below, infinity without one.
        equal: between which it counts as equal.
    """

    words: str
    values: Sequence[float]
    mean: float
    low: float
    high: float
    least: float = -math.inf
    most: float = math.inf
    equal: tuple[float, float] | None = None


def add(figure: Figure, judged: Sequence[Judged]) -> None:
    """Add a row below a figure's panels for each number: seeds as points, mean, interval, bounds as dashed lines.

    The claimed side has a green ground, what counts as equal a blue one.
    """
    drawn = [each for each in judged if np.isfinite(each.mean)]
    if not drawn:
        return
    width, height = figure.get_size_inches()
    added = HEIGHT * len(drawn) + FOOT
    figure.set_size_inches(width, height + added)
    whole = height + added
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, added / whole, 1, 1 - added / whole))
    for place, each in enumerate(drawn):
        top = added - HEIGHT * place
        figure.text(0.005, (top - 0.04) / whole, _wrapped(each.words), fontsize=SMALL, va="top", ha="left")
        axes = figure.add_axes((LEFT, (top - 0.36) / whole, RIGHT - LEFT, 0.3 / whole))
        axes.set_in_layout(False)
        _row(axes, each)


def _wrapped(words: str) -> str:
    return "\n".join(textwrap.wrap(words, LETTERS, max_lines=LINES, placeholder=" …"))


def _row(axes: Axes, judged: Judged) -> None:
    """Draw one number on its axis."""
    values = np.asarray(judged.values, dtype=np.float64)
    low, high = _limits(judged, values)
    axes.set(xlim=(low, high), ylim=(0, 1))
    axes.axvspan(max(judged.least, low), min(judged.most, high), color=CLAIMED, alpha=0.12, linewidth=0)
    if judged.equal:
        axes.axvspan(max(judged.equal[0], low), min(judged.equal[1], high), color=EQUAL, alpha=0.18, linewidth=0)
    for bound in (judged.least, judged.most):
        if math.isfinite(bound):
            axes.axvline(bound, color="black", linestyle="--", linewidth=1)
    if len(values) <= MOST_SEEDS:
        axes.plot(values, np.full(len(values), 0.25), ".", color="0.45", markersize=3.5, alpha=0.8)
    if math.isfinite(judged.low) and math.isfinite(judged.high):
        axes.plot([judged.low, judged.high], [0.65, 0.65], color="black", linewidth=1.6)
    axes.plot([judged.mean], [0.65], "D", color="black", markersize=4)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(axis="x", labelsize=SMALL, pad=1.5, length=2)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def _limits(judged: Judged, values: np.ndarray) -> tuple[float, float]:
    """The ends of the axis: interval, bounds, and the seeds that aren't far from them."""
    bounds = [judged.least, judged.most, *(judged.equal or ())]
    there = [each for each in (judged.mean, judged.low, judged.high, *bounds) if math.isfinite(each)]
    low, high = min(there), max(there)
    reach = FURTHEST * max(high - low, 1e-12)
    near = values[(values > low - reach) & (values < high + reach)]
    low, high = min([low, *near]), max([high, *near])
    room = MARGIN * ((high - low) or abs(high) or 1.0)
    return low - room, high + room
