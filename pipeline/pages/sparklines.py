"""Learning curves as small drawings: numbers in, coordinates out. The loss is drawn on a logarithmic axis."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.metrics import formatting

WIDTH, HEIGHT = 190, 96  # of the part inside the axes, in pixels
MOST_POINTS = 60  # a small drawing shows no more

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Curve:
    """A run's loss by step, whose it is, and whether the run diverged where it ends."""

    method: str
    points: Points
    diverged: bool = False


@dataclass(frozen=True)
class Line:
    """A curve's points as SVG has them, its last loss, and where it broke off, if it did."""

    method: str
    points: str
    end: str
    broke_off: tuple[float, float] | None


@dataclass(frozen=True)
class Panel:
    """Curves in one pair of axes; `low` and `high` are the ends of the vertical one, `steps` that of the other."""

    lines: list[Line]
    low: str
    high: str
    steps: int
    words: str


def panel(curves: Sequence[Curve], labels: Mapping[str, str], width: int = WIDTH, height: int = HEIGHT) -> Panel | None:
    """Curves drawn together; None if none has a point that a logarithmic axis can show.

    Args:
        curves: one a run.
        labels: methods' labels by name, for those who can't see the drawing.
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
    """At most so many points, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(last * index / (MOST_POINTS - 1))] for index in range(MOST_POINTS)]


def _words(curves: Sequence[Curve], labels: Mapping[str, str], steps: int) -> str:
    """What the drawing shows: each method's losses at its runs' ends."""
    ends: dict[str, list[float]] = {}
    for curve in curves:
        ends.setdefault(curve.method, []).append(curve.points[-1][1])
    said = [f"{labels.get(method, method)} {_range(values)}" for method, values in ends.items()]
    return f"Training loss over {steps} steps, at the end: {'; '.join(said)}"


def _range(values: Sequence[float]) -> str:
    low, high = formatting.number(min(values)), formatting.number(max(values))
    return low if low == high else f"{low} to {high}"
