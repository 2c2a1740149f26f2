"""The outcomes of runs, compared seed by seed: a run without a value is an outcome too, never a missing row.

A run that diverged has no loss, accuracy or time. Where it is known which values are better, it ranks below every run
that has one: below all accuracies, above all losses. In a comparison that makes the difference infinite, against the
method whose run diverged; if both runs of a seed diverged, they are equal. Where better and worse mean nothing (norms,
similarities), a run without a value may lie anywhere, and both ends are looked at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.metrics import intervals
from pipeline.metrics.intervals import Location
from pipeline.metrics.ranges import REAL, Range, difference

Better = Literal["higher", "lower"]
How = Literal["minus", "over"]
Given = Sequence[float | None]


@dataclass(frozen=True)
class Measured:
    """A number over seeds, with its interval.

    Attributes:
        mean: of the values; the median if some runs have no value; the geometric mean of ratios.
        low: lower bound of its 95 % interval, NaN if there is none.
        high: upper bound.
        n: number of seeds.
        missing: of these, how many have a run without a value.
        values: one per seed; logarithms of ratios. NaN where a run has no value.
        lowest: the same, with the lowest that a run without a value may stand for.
        highest: the same, with the highest.
        location: what is known of the mean of the values that are there, of the logarithm if `is_ratio`.
        resolution: the step in which the values are known, None if they are continuous.
        is_ratio: whether two numbers are divided.
    """

    mean: float
    low: float
    high: float
    n: int
    missing: int
    values: Float[ndarray, " n"]
    lowest: Float[ndarray, " n"]
    highest: Float[ndarray, " n"]
    location: Location
    resolution: float | None = None
    is_ratio: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are there."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def p_value(self, bound: float) -> float:
        """Two-sided p-value of the number being `bound`, by the rule of its interval; NaN without an interval."""
        at = _log(bound) if self.is_ratio else bound
        if not self.missing:
            return self.location.p_value(at)
        return max(intervals.sign_p_value(self.lowest, at), intervals.sign_p_value(self.highest, at))


def measure(
    values: Given,
    others: Given | None = None,
    *,
    how: How = "minus",
    ranges: tuple[Range, Range] = (REAL, REAL),
    better: Better | None = None,
    resolution: float | None = None,
) -> Measured:
    """A number over seeds, or two numbers compared seed by seed, with its interval.

    The interval is that of `intervals.locate`; if a run has no value, that of the median by `intervals.rank_interval`.

    Args:
        values: one per seed; None, NaN or infinity for a run without a value.
        others: of the number that is subtracted, or divided by, for the same seeds in the same order.
        how: `minus` for differences, `over` for ratios, whose geometric mean is taken.
        ranges: of both numbers; the second doesn't count without `others`.
        better: which values are better, if any are.
        resolution: the step in which the values or differences are known; of a ratio, that of its logarithm.

    Raises:
        ValueError: if the two numbers don't have the same number of seeds, a ratio has a number that isn't above 0, or
            a value lies outside its range.
    """
    first = _numbers(values)
    is_ratio = others is not None and how == "over"
    range = ranges[0]
    if others is None:
        lost = np.isnan(first)
        compared, lowest, highest = first, *_fill(first, lost, np.zeros_like(lost), better)
    else:
        second = _numbers(others)
        if len(first) != len(second):
            raise ValueError(f"{len(first)} and {len(second)} values can't be paired by seed: use the same seeds")
        if is_ratio:
            first, second, range = _logarithms(first), _logarithms(second), REAL
        else:
            range = difference(*ranges)
        compared = first - second
        lowest, highest = _fill(compared, np.isnan(first), np.isnan(second), better)
    location = intervals.locate(compared, range=range, resolution=resolution)
    missing = int(np.isnan(compared).sum())
    if missing:
        mean, low, high = (float(np.clip(each, *range)) for each in _by_rank(lowest, highest, resolution))
    else:
        mean, (low, high) = location.mean, location.interval()
    if is_ratio:
        mean, low, high = _exp(mean), _exp(low), _exp(high)
    return Measured(
        mean, low, high, len(compared), missing, compared, lowest, highest, location, resolution, is_ratio
    )  # fmt: skip


def _by_rank(
    lowest: Float[ndarray, " n"], highest: Float[ndarray, " n"], resolution: float | None
) -> tuple[float, float, float]:
    """The median, NaN if it hangs on what runs without a value stand for, and bounds that hold whatever that is."""
    median, low, _ = intervals.rank_interval(lowest, resolution=resolution)
    other, _, high = intervals.rank_interval(highest, resolution=resolution)
    return (median if median == other else math.nan), low, high


def _fill(
    compared: Float[ndarray, " n"], first: ndarray, second: ndarray, better: Better | None
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """The lowest and the highest that each value may stand for, where the first or second number has no value."""
    if better is None:
        return np.where(first | second, -np.inf, compared), np.where(first | second, np.inf, compared)
    worst = -np.inf if better == "higher" else np.inf
    filled = np.where(first & second, 0.0, np.where(first, worst, np.where(second, -worst, compared)))
    return filled, filled


def _numbers(values: Given) -> Float[ndarray, " n"]:
    found = np.array(values, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _logarithms(values: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    if (values <= 0).any():
        raise ValueError(f"found {np.nanmin(values):g} in a ratio; expected numbers above 0")
    return np.log(values)


def _log(bound: float) -> float:
    return math.log(bound) if bound > 0 else -math.inf


def _exp(value: float) -> float:
    return float(np.exp(np.clip(value, -700.0, 700.0))) if np.isfinite(value) else {-np.inf: 0.0}.get(value, value)
