"""From a claim's criterion, written before the run, and a measured number with its interval to a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

REPLICATED, PARTLY, NOT_REPLICATED, NOT_TESTED = "replicated", "partly", "not replicated", "not tested here"


@dataclass(frozen=True)
class Criterion:
    """A number's mean, with its whole interval, is to lie `above` or `below` a threshold."""

    metric: str  # analysis/name
    side: Literal["above", "below"]
    threshold: float
    exact: bool = False  # no randomness in it: the one value decides

    def words(self) -> str:
        """The criterion for readers."""
        whole = "" if self.exact else " with its whole 95 % interval"
        return f"{self.metric} {self.side} {self.threshold:g}{whole}"

    def beyond(self, value: float) -> bool:
        """Does a value lie on the claimed side?"""
        return value > self.threshold if self.side == "above" else value < self.threshold


def judge(criterion: Criterion, found: Mapping[str, Any] | None) -> str:
    """The verdict on one measured number.

    Replicated if the whole interval lies on the claimed side; partly if the mean does but the interval reaches across
    (the direction was seen, and isn't certain); not replicated if the mean lies on the other side. A random number
    without an interval decides nothing.

    Args:
        criterion: what was claimed.
        found: mean, low, high and n; None or n = 0 if the study has no such number.
    """
    if found is None or found["mean"] is None or not found["n"]:
        return NOT_TESTED
    if criterion.exact:
        return REPLICATED if criterion.beyond(found["mean"]) else NOT_REPLICATED
    if found["low"] is None or found["high"] is None:
        return NOT_TESTED
    if not criterion.beyond(found["mean"]):
        return NOT_REPLICATED
    return REPLICATED if criterion.beyond(found["low"]) and criterion.beyond(found["high"]) else PARTLY


def overall(verdicts: list[str]) -> str:
    """The verdict on a claim of several parts: replicated only if every part is that was tested."""
    tested = [verdict for verdict in verdicts if verdict != NOT_TESTED]
    if not tested:
        return NOT_TESTED
    if len(set(tested)) == 1:
        return PARTLY if len(tested) < len(verdicts) and tested[0] == REPLICATED else tested[0]
    return PARTLY
