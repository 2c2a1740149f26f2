"""From a criterion, written before the run, and a measured number with its interval to a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.stats import Interval, interval

REPLICATED, PARTLY, NOT_REPLICATED, NOT_TESTED = "replicated", "partly", "not replicated", "not tested here"


@dataclass(frozen=True)
class Criterion:
    """A number's mean, with its whole interval, is to lie `above` or `below` a bound."""

    side: Literal["above", "below"]
    bound: float
    exact: bool = False  # no randomness in it: the one value decides

    def words(self) -> str:
        """The criterion for readers."""
        return f"{self.side} {self.bound:g}" + ("" if self.exact else ", with the whole 95 % interval")

    def beyond(self, value: float) -> bool:
        """Does a value lie on the claimed side?"""
        return value > self.bound if self.side == "above" else value < self.bound


def judge(criterion: Criterion, found: Interval) -> str:
    """The verdict on one measured number.

    Replicated if the whole interval lies on the claimed side; partly if the mean does but the interval reaches across
    (the direction was seen, and isn't certain); not replicated if the mean lies on the other side. A random number
    without an interval decides nothing.
    """
    if not np.isfinite(found.mean):
        return NOT_TESTED
    if criterion.exact:
        return REPLICATED if criterion.beyond(found.mean) else NOT_REPLICATED
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return NOT_TESTED
    if not criterion.beyond(found.mean):
        return NOT_REPLICATED
    return REPLICATED if criterion.beyond(found.low) and criterion.beyond(found.high) else PARTLY


def overall(verdicts: Sequence[str]) -> str:
    """The verdict on a claim of several parts: replicated only if every part was tested and is."""
    tested = {verdict for verdict in verdicts if verdict != NOT_TESTED}
    if not tested:
        return NOT_TESTED
    if len(tested) > 1:
        return PARTLY
    only = tested.pop()
    return PARTLY if only == REPLICATED and NOT_TESTED in verdicts else only


def paired(values: Sequence[float | None], minus: Sequence[float | None] | None) -> Interval:
    """The interval of a number over seeds, or of the difference of two, seed by seed.

    Raises:
        ValueError: if the two don't have the same number of seeds.
    """
    numbers = np.array(values, dtype=np.float64)
    if minus is None:
        return interval(numbers)
    others = np.array(minus, dtype=np.float64)
    if len(numbers) != len(others):
        raise ValueError(f"{len(numbers)} and {len(others)} values can't be paired by seed: use the same seeds")
    return interval(numbers - others)
