"""Each headline number with its mean, its intervals and n."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics import intervals


def summarise(numbers: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Of each number the mean, both intervals and n, and the values in the order of the seeds.

    None stands for what isn't finite. `low` and `high` are Student's, `bootstrap` has the bounds of the other.
    """
    bounds = intervals.bootstraps(list(numbers.values()))
    return {
        name: {
            **{key: finite(number) for key, number in intervals.interval(values)._asdict().items()},
            "bootstrap": [finite(bound) for bound in found],
            "values": [finite(float(value)) for value in values],
        }
        for (name, values), found in zip(numbers.items(), bounds, strict=True)
    }


def finite(number: float) -> float | None:
    """The number, or None where JSON has nothing for it."""
    return number if math.isfinite(number) else None
