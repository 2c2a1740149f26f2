"""From a criterion, written before the run, and a measured number with its intervals to a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.metrics import intervals
from pipeline.metrics.intervals import Interval

REPLICATED, PARTLY, NOT_REPLICATED, NOT_TESTED = "replicated", "partly", "not replicated", "not tested here"
ERROR = 1 - intervals.CONFIDENCE  # of one interval; shared among all criteria by Bonferroni's correction


@dataclass(frozen=True)
class Criterion:
    """A number's mean, with the whole of both its intervals, is to lie `above` or `below` a bound."""

    side: Literal["above", "below"]
    bound: float
    exact: bool = False  # no randomness in it: the one value decides

    def bounds(self) -> str:
        """Side and bound for readers."""
        return f"{self.side} {self.bound:g}"

    def words(self) -> str:
        """The criterion for readers."""
        return self.bounds() + ("" if self.exact else " with both 95 % intervals")

    def beyond(self, value: float) -> bool:
        """Does a value lie on the claimed side?"""
        return value > self.bound if self.side == "above" else value < self.bound


@dataclass(frozen=True)
class Found:
    """A measured number over seeds.

    Attributes:
        values: one a seed; differences, if two numbers are compared. Seeds without a value are left out.
        student: mean, t interval and n.
        bootstrap: the bounds of the bootstrap interval, NaN if n < 2.
    """

    values: Float[ndarray, " n"]
    student: Interval
    bootstrap: tuple[float, float]


def measured(values: Sequence[float | None], minus: Sequence[float | None] | None = None) -> Found:
    """A number over seeds, or the difference of two, seed by seed; None and what isn't finite is no value.

    Raises:
        ValueError: if the two don't have the same number of seeds.
    """
    numbers = np.array(values, dtype=np.float64)
    if minus is not None:
        others = np.array(minus, dtype=np.float64)
        if len(numbers) != len(others):
            raise ValueError(f"{len(numbers)} and {len(others)} values can't be paired by seed: use the same seeds")
        numbers = numbers - others
    kept = intervals.finite(numbers)
    return Found(kept, intervals.interval(kept), intervals.bootstrap(kept))


def judge(criterion: Criterion, found: Found) -> str:
    """The verdict on one measured number.

    Replicated if both intervals lie on the claimed side as a whole; partly if the mean does but an interval reaches
    across (the direction was seen, and isn't certain); not replicated if the mean lies on the other side. A random
    number without an interval decides nothing.

    Both, because each has what the other lacks: with three to five seeds the bootstrap never leaves the range of the
    values and is too narrow, while Student's t takes the values to be normal, which skewed ones are not.
    """
    if found.student.n == 0:
        return NOT_TESTED
    if criterion.exact:
        return REPLICATED if criterion.beyond(found.student.mean) else NOT_REPLICATED
    bounds = [found.student.low, found.student.high, *found.bootstrap]
    if not np.isfinite(bounds).all():
        return NOT_TESTED
    if not criterion.beyond(found.student.mean):
        return NOT_REPLICATED
    return REPLICATED if all(map(criterion.beyond, bounds)) else PARTLY


def holds_corrected(criterion: Criterion, found: Found, comparisons: int) -> bool | None:
    """Is a number that is replicated at 95 % still so with its t interval at the level of all criteria together?

    Bonferroni's: the chance that any of the intervals misses its mean is to stay below 5 %. The bootstrap interval is
    not widened: so far out it has nothing but the few values' own extremes to tell. None if the number isn't
    replicated, or has no randomness in it.

    Args:
        criterion: as it was judged.
        found: what was measured.
        comparisons: how many criteria on random numbers the ledger has.
    """
    if criterion.exact or judge(criterion, found) != REPLICATED:
        return None
    wide = intervals.interval(found.values, confidence=1 - ERROR / comparisons)
    return criterion.beyond(wide.low) and criterion.beyond(wide.high)


def overall(verdicts: Sequence[str]) -> str:
    """The verdict on a claim of several parts: replicated only if every part was tested and is."""
    tested = {verdict for verdict in verdicts if verdict != NOT_TESTED}
    if not tested:
        return NOT_TESTED
    if len(tested) > 1:
        return PARTLY
    only = tested.pop()
    return PARTLY if only == REPLICATED and NOT_TESTED in verdicts else only
