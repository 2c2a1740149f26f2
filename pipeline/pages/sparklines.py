"""Coordinates of small drawings of learning curves; the loss has a logarithmic axis."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.metrics import formatting

WIDTH, HEIGHT = 190, 96  # of the part inside the axes, in pixels
SPARK = (72, 18)  # width and height of a curve without axes, in pixels
MOST_POINTS = 60  # in one curve

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Curve:
    """A run's loss by step, the run's method, and whether it diverged at the last step."""

    method: str
    points: Points
    diverged: bool = False


@dataclass(frozen=True)
class Line:
    """A curve's points in SVG's notation, its last loss, and the point at which it diverged, if it did."""

    method: str
    points: str
    end: str
    broke_off: tuple[float, float] | None


@dataclass(frozen=True)
class Panel:
    """Curves in one pair of axes, which end at `low` and `high` (loss) and at `steps`; `words` describes them."""

    lines: list[Line]
    low: str
    high: str
    steps: int
    words: str


def panel(curves: Sequence[Curve], labels: Mapping[str, str], width: int = WIDTH, height: int = HEIGHT) -> Panel | None:
    """Draw curves together; None if no curve has a point that a logarithmic axis can show.

    Args:
        curves: one per run.
        labels: methods' labels by name, for the description in words.
        width: in pixels.
        height: in pixels.
    """
    kept = [Curve(curve.method, _thinned(_shown(curve.points)), curve.diverged) for curve in curves]
    kept = [curve for curve in kept if curve.points]
    if not kept:
        return None
    values = [value for curve in kept for _, value in curve.points]
    low, high, steps = min(values), max(values), max(step for curve in kept for step, _ in curve.points)
    span = math.log(high / low) or 1.0

    def at(step: int, value: float) -> tuple[float, float]:
        return width * step / max(steps, 1), height * (1 - math.log(value / low) / span)

    lines = [
        Line(
            curve.method,
            " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in curve.points),
            formatting.number(curve.points[-1][1]),
            at(*curve.points[-1]) if curve.diverged else None,
        )
        for curve in kept
    ]
    return Panel(lines, f"{low:.2g}", f"{high:.2g}", steps, _words(kept, labels, steps))


def _shown(points: Points) -> Points:
    return [(step, value) for step, value in points if math.isfinite(value) and value > 0]


def _thinned(points: Points) -> Points:
    """At most `MOST_POINTS` points, evenly spread; the first and the last are kept."""
    if len(points) <= MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(last * index / (MOST_POINTS - 1))] for index in range(MOST_POINTS)]


def _words(curves: Sequence[Curve], labels: Mapping[str, str], steps: int) -> str:
    """A description of the drawing: the range of the last losses of each method's runs."""
    ends: dict[str, list[float]] = {}
    for curve in curves:
        ends.setdefault(curve.method, []).append(curve.points[-1][1])
    said = [f"{labels.get(method, method)} {_range(values)}" for method, values in ends.items()]
    return f"Training loss over {steps} steps, at the end: {'; '.join(said)}"


def _range(values: Sequence[float]) -> str:
    low, high = formatting.number(min(values)), formatting.number(max(values))
    return low if low == high else f"{low} to {high}"
