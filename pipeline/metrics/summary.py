"""Summarise each headline number by its mean, interval, n and range."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics import intervals, ranges
from pipeline.metrics.by_seed import BySeed


def summarise(
    numbers: Mapping[str, Sequence[float]], declared: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """The mean, its interval, n, the range, and the values in the order of the seeds, for each number.

    Non-finite numbers become None. Numbers that know their seeds have two more entries: `seeds`, in the order of the
    values, and `outcomes`, by seed: how a value came about that wasn't simply measured, such as `diverged` (see
    `pipeline.metrics.by_seed`).

    Args:
        numbers: one value per seed by name.
        declared: names of ranges by the beginnings of the numbers' names; any real number without one.

    Raises:
        ValueError: naming the number, if a value lies outside its range.
    """
    return {name: _summary(name, values, declared or {}) for name, values in numbers.items()}


def _summary(name: str, values: Sequence[float], declared: Mapping[str, str]) -> dict[str, Any]:
    range = ranges.name_of(name, declared)
    try:
        found = intervals.interval(values, range=ranges.NAMED[range])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return {
        **{key: finite(number) for key, number in found._asdict().items()},
        "range": range,
        "values": [finite(float(value)) for value in values],
        **({"seeds": values.seeds, "outcomes": values.exceptions()} if isinstance(values, BySeed) else {}),
    }


def finite(number: float) -> float | None:
    """The number, or None if it isn't finite, which JSON can't express."""
    return number if math.isfinite(number) else None
