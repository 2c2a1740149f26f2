"""Criteria, which are written before the run, and the verdict that follows from a measured number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.metrics import intervals
from pipeline.metrics.intervals import Interval

REPLICATED, PARTLY, NOT_REPLICATED, NOT_TESTED = "replicated", "partly", "not replicated", "not tested here"
VERDICTS = (REPLICATED, PARTLY, NOT_REPLICATED, NOT_TESTED)
ERROR = 1 - intervals.CONFIDENCE  # chance that one interval misses; Bonferroni's correction divides it among all


@dataclass(frozen=True)
class Criterion:
    """A number's mean and the whole of both its intervals must lie `above` or `below` a bound."""

    side: Literal["above", "below"]
    bound: float
    exact: bool = False  # the number has no randomness: its one value decides

    def bounds(self) -> str:
        """Side and bound in words."""
        return f"{self.side} {self.bound:g}"

    def words(self) -> str:
        """The criterion in words."""
        return self.bounds() + ("" if self.exact else " with both 95 % intervals")

    def beyond(self, value: float) -> bool:
        """Whether a value lies on the claimed side."""
        return value > self.bound if self.side == "above" else value < self.bound


@dataclass(frozen=True)
class Found:
    """A measured number over seeds.

    Attributes:
        values: one per seed; differences if two numbers are compared. Seeds without a value are left out.
        student: mean, t interval and n.
        bootstrap: the bounds of the bootstrap interval, NaN if n < 2.
    """

    values: Float[ndarray, " n"]
    student: Interval
    bootstrap: tuple[float, float]


def measured(values: Sequence[float | None], minus: Sequence[float | None] | None = None) -> Found:
    """A number over seeds, or the difference of two numbers seed by seed; None, NaN and infinity are left out.

    Raises:
        ValueError: if the two numbers don't have the same number of seeds.
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

    Replicated: both intervals lie on the claimed side as a whole. Partly: the mean does, but an interval reaches across
    the bound (the direction was seen, but isn't certain). Not replicated: the mean lies on the other side. A random
    number without an interval decides nothing.

    Both intervals are needed because each has a weakness: with three to five seeds the bootstrap never leaves the range
    of the values and is too narrow, while Student's t assumes normal values, which skewed ones are not.
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
    """Whether a number that is replicated at 95 % still is with a t interval corrected for the number of criteria.

    Bonferroni's correction keeps the chance that any interval misses its mean below 5 %. The bootstrap interval is not
    widened: at such levels it would only return the extremes of the few values. None if the number isn't replicated or
    has no randomness.

    Args:
        criterion: the criterion of the number.
        found: the measured number.
        comparisons: the number of criteria on random numbers in the ledger.
    """
    if criterion.exact or judge(criterion, found) != REPLICATED:
        return None
    wide = intervals.interval(found.values, confidence=1 - ERROR / comparisons)
    return criterion.beyond(wide.low) and criterion.beyond(wide.high)


def overall(verdicts: Sequence[str]) -> str:
    """The verdict on a claim of several parts: replicated only if every part was tested and is replicated."""
    tested = {verdict for verdict in verdicts if verdict != NOT_TESTED}
    if not tested:
        return NOT_TESTED
    if len(tested) > 1:
        return PARTLY
    only = tested.pop()
    return PARTLY if only == REPLICATED and NOT_TESTED in verdicts else only
