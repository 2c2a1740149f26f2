"""Summarise each headline number by its mean, intervals and n."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics import intervals
from pipeline.metrics.by_seed import BySeed


def summarise(numbers: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """The mean, both intervals, n, and the values in the order of the seeds, for each number.

    Non-finite numbers become None. `low` and `high` are Student's interval, `bootstrap` is the other one. Numbers that
    know their seeds have two more entries: `seeds`, in the order of the values, and `outcomes`, by seed: how a value
    came about that wasn't simply measured, such as `diverged` (see `pipeline.metrics.by_seed`).
    """
    bounds = intervals.bootstraps(list(numbers.values()))
    return {
        name: {
            **{key: finite(number) for key, number in intervals.interval(values)._asdict().items()},
            "bootstrap": [finite(bound) for bound in found],
            "values": [finite(float(value)) for value in values],
            **({"seeds": values.seeds, "outcomes": values.exceptions()} if isinstance(values, BySeed) else {}),
        }
        for (name, values), found in zip(numbers.items(), bounds, strict=True)
    }


def finite(number: float) -> float | None:
    """The number, or None if it isn't finite, which JSON can't express."""
    return number if math.isfinite(number) else None
