"""The range in which a number can lie: an interval for its mean must not leave it."""

import math
from collections.abc import Mapping
from typing import NamedTuple


class Range(NamedTuple):
    """The smallest and the largest possible value, both included where they are finite."""

    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)


REAL = Range(-math.inf, math.inf)
POSITIVE = Range(0.0, math.inf)
SHARE = Range(0.0, 1.0)
CORRELATION = Range(-1.0, 1.0)
CHANGE = Range(-2.0, 2.0)  # a difference of two correlations
SHARE_CHANGE = Range(-1.0, 1.0)  # a difference of two shares
NAMED: Mapping[str, Range] = {
    "real": REAL,
    "positive": POSITIVE,
    "share": SHARE,
    "correlation": CORRELATION,
    "change": CHANGE,
    "share_change": SHARE_CHANGE,
}


def difference(a: Range, b: Range) -> Range:
    """The range of a number in `a` minus a number in `b`."""
    return Range(a.low - b.high, a.high - b.low)


def name_of(number: str, declared: Mapping[str, str]) -> str:
    """The name of a headline number's range: that of the longest key that fits its name; `real` without one.

    Args:
        number: such as `test_accuracy.one_sg.hidden20`.
        declared: names of ranges, as an analysis states them in `RANGES`: by the beginnings of numbers' names, or,
            after an asterisk, by the ends of their first parts, where these begin with the name of a measure.
    """
    keys = [key for key in declared if _fits(number, key)]
    return declared[max(keys, key=len)] if keys else "real"


def _fits(number: str, key: str) -> bool:
    return number.partition(".")[0].endswith(key[1:]) if key.startswith("*") else number.startswith(key)
