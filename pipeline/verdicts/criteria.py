"""Criteria, which are written before the run, and the verdict that follows from a measured number.

One interval decides. Up to version 3 a bootstrap interval had to agree. With few seeds it never leaves the range of the
values and is too narrow, so it added no safety; asking for both only lowered the power.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.metrics import intervals, power
from pipeline.metrics.intervals import Location
from pipeline.metrics.outcomes import Measured

VERSION = 5  # of the rule and of the criteria that are judged by it
SUPPORTED, CONTRADICTED, EQUIVALENT = "supported", "contradicted", "equivalent"
UNDECIDED, NOT_TESTABLE = "undecided", "not testable"
VERDICTS = (SUPPORTED, EQUIVALENT, CONTRADICTED, UNDECIDED, NOT_TESTABLE)
ERROR = 1 - intervals.CONFIDENCE
PERCENT = f"{100 * intervals.CONFIDENCE:g} %"


@dataclass(frozen=True)
class Criterion:
    """The interval must lie `above` or `below` a bound, or `within` two.

    Attributes:
        side: on which the claim puts the number; `within` for claims of sameness.
        low: the bound of `above`, the lower one of `within`.
        high: the bound of `below`, the upper one of `within`.
        equal: of `above` and `below`: bounds between which an effect counts as none; they end before the claimed side.
        exact: the number involves no chance, so its values decide without an interval: all must be on the claimed side.
    """

    side: Literal["above", "below", "within"]
    low: float = -math.inf
    high: float = math.inf
    equal: tuple[float, float] | None = None
    exact: bool = False

    @property
    def positive(self) -> str:
        """The verdict that bears the claim out."""
        return EQUIVALENT if self.side == "within" else SUPPORTED

    def bounds(self) -> str:
        """Side and bounds in words."""
        if self.side == "within":
            return f"between {self.low:g} and {self.high:g}"
        return f"{self.side} {self.low if self.side == 'above' else self.high:g}"

    def words(self) -> str:
        """The criterion in words."""
        if self.exact:
            return f"{self.bounds()}, every value"
        same = f"; between {self.equal[0]:g} and {self.equal[1]:g} counts as equal" if self.equal else ""
        return f"{self.bounds()} with the whole {PERCENT} interval{same}"

    def holds(self, value: float) -> bool:
        """Whether a value lies on the claimed side of the bound, or between the bounds."""
        return (value > self.low or math.isinf(self.low)) and (value < self.high or math.isinf(self.high))


def judge(criterion: Criterion, found: Measured, *, testable: bool = True) -> str:
    """The verdict on one measured number.

    Supported: the whole interval lies on the claimed side of the bound. Contradicted: it lies beyond the bound as a
    whole. Equivalent: it lies within margins that were stated before. Undecided: else. Not testable: a control fails,
    or there is no value. A value on a bound isn't beyond it.

    Args:
        criterion: what is claimed of the number.
        found: the number.
        testable: whether the part's controls hold.
    """
    if not testable or found.n == 0 or (found.missing == found.n and math.isnan(found.mean)):
        return NOT_TESTABLE
    if criterion.exact:
        return criterion.positive if all(map(criterion.holds, found.values)) else CONTRADICTED
    if not found.has_interval:
        return UNDECIDED
    if criterion.holds(found.low) and criterion.holds(found.high):
        return criterion.positive
    if criterion.equal and criterion.equal[0] < found.low and found.high < criterion.equal[1]:
        return EQUIVALENT
    return CONTRADICTED if found.high < criterion.low or found.low > criterion.high else UNDECIDED


def worst(criterion: Criterion, found: Measured) -> float:
    """The value that is furthest from the claimed side; NaN if a run has no value, or there is none."""
    if criterion.side == "above":
        return float(found.values.min(initial=math.inf)) if found.n else math.nan
    if criterion.side == "below":
        return float(found.values.max(initial=-math.inf)) if found.n else math.nan
    middle = (criterion.low + criterion.high) / 2
    return float(found.values[np.abs(found.values - middle).argmax()]) if found.n else math.nan


def p_value(criterion: Criterion, found: Measured) -> float:
    """The two-sided p-value of the number being at the bound: below 0.05 exactly where the part is decided.

    Of a claim of sameness it is twice the larger of the two one-sided values.
    """
    if criterion.exact or found.n == 0:
        return math.nan
    bounds = [bound for bound in (criterion.low, criterion.high) if math.isfinite(bound)]
    return max(found.p_value(bound) for bound in bounds)


def smallest_effect(found: Measured) -> float:
    """How far beyond a bound the true number must lie for this n to show it with a chance of 80 %, at the spread seen.

    Of a ratio it is a factor. NaN without a spread; infinite if it would be wider than the number's range.
    """
    spread, range = found.location.spread, found.location.range
    effect = power.smallest_effect(found.n) * spread if spread > 0 else math.nan
    if effect > range.high - range.low:
        return math.inf
    return math.exp(min(effect, 700.0)) if found.is_ratio else effect


def deciding_n(criterion: Criterion, found: Measured) -> int | None:
    """The number of seeds that would decide with a chance of 80 %, if the number is where it was seen.

    The chance is that of Student's t on the values as they are. Where the interval is taken on another scale, as near
    the end of a range, it can be wider than that: so it also has to decide if the same is seen.

    None if more than `power.MOST` would be needed, or the number was seen on the bound, or has no spread, or if runs
    have no value, because then it isn't the number of seeds alone that leaves it open.
    """
    location = found.location
    if not location.spread > 0 or found.missing:
        return None
    low, high = (_scaled(bound, found) for bound in (criterion.low, criterion.high))
    if criterion.side == "within" and low < location.mean < high:
        needed = power.deciding_n_within(
            (location.mean - low) / location.spread, (high - location.mean) / location.spread
        )
    else:
        bounds = [bound for bound in (low, high) if math.isfinite(bound)]
        needed = power.deciding_n(min(abs(location.mean - bound) for bound in bounds) / location.spread)
    if needed is None:
        return None
    return next((n for n in range(needed, power.MOST + 1) if _decides(location, n, (low, high))), None)


def _decides(location: Location, n: int, bounds: tuple[float, float]) -> bool:
    """Whether the interval of a mean seen with `n` values would contain none of the bounds."""
    low, high = location._replace(n=n, items=location.items * n / location.n).interval()
    return not any(low <= bound <= high for bound in bounds)


def _scaled(bound: float, found: Measured) -> float:
    """A bound on the scale of the values: a logarithm for ratios."""
    if not found.is_ratio or not math.isfinite(bound):
        return bound
    return math.log(bound)


ROBUST, PARTLY_ROBUST, FRAGILE = "robust", "not shown throughout", "depends on it"
UNEXAMINED, UNDEFINED = "not examined", "no verdict to compare with"


def robustness(primary: str, others: Sequence[str]) -> str:
    """How a verdict stands under other settings, from the verdicts on the secondaries that were named for it.

    *Robust*: all of them have the primary's verdict. *Depends on it*: at least one has the opposite one; that of
    supported or equivalent is contradicted, and the other way round. *Not shown throughout*: else. Where no testable
    secondary was named it is *not examined*, and where the primary itself isn't decided there is *no verdict to compare
    with*.
    """
    tested = [verdict for verdict in others if verdict != NOT_TESTABLE]
    if not tested:
        return UNEXAMINED
    if primary in (UNDECIDED, NOT_TESTABLE):
        return UNDEFINED
    positive = (SUPPORTED, EQUIVALENT)
    opposite = positive if primary == CONTRADICTED else (CONTRADICTED,)
    if any(verdict in opposite for verdict in tested):
        return FRAGILE
    return ROBUST if len(tested) == len(others) and all(verdict == primary for verdict in others) else PARTLY_ROBUST
