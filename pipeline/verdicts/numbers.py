"""The headline numbers that a part or a control compares, looked up in a study's metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import SettingError
from pipeline.metrics import ranges
from pipeline.metrics.by_seed import UNPAIRED
from pipeline.metrics.outcomes import Given, How, Measured, measure
from pipeline.metrics.ranges import REAL, Range
from pipeline.verdicts.claims import Compared, Part


@dataclass(frozen=True)
class Numbers:
    """One or two numbers over seeds with their ranges, and how they are compared.

    Attributes:
        name: of the part, or of the control's first number.
        how: how they are compared.
        values: of each number, one per seed.
        ranges: of each number.
        unpaired: how many seeds only one of the two numbers has.
    """

    name: str
    how: How
    values: tuple[Given, ...]
    ranges: tuple[Range, ...]
    unpaired: int = 0

    def measure(self, **more: Any) -> Measured:
        """The compared number; for `more` see `pipeline.metrics.outcomes.measure`.

        Raises:
            SettingError: naming the numbers, if they can't be compared.
        """
        try:
            return measure(
                self.values[0],
                self.values[1] if len(self.values) > 1 else None,
                how=self.how,
                ranges=(self.ranges[0], self.ranges[-1]),
                **more,
            )
        except ValueError as error:
            raise SettingError(f"{self.name}: {error}") from None


def given(compared: Compared, metrics: Mapping[str, Any]) -> tuple[Numbers, list[str]]:
    """The numbers of a part or a control, and the names of those that the study lacks.

    Two numbers whose seeds are known are paired by seed. A seed that only one of them has was never planned for the
    other, so it is no outcome of a run: it is left out and counted. (A run that diverged keeps its seed, without a
    value.) An error would come after all trainings, for studies that never meant to settle a claim.

    Args:
        compared: the part or the control.
        metrics: headline numbers by analysis and name.
    """
    found = {name: number for name in compared.metrics if (number := _number(metrics, name)) is not None}
    absent = [name for name in compared.metrics if name not in found]
    label = compared.id if isinstance(compared, Part) else compared.metric
    if absent:
        return Numbers(label, "minus", ([],), (REAL,)), absent
    among = tuple(ranges.NAMED[each.get("range", "real")] for each in found.values())
    values, unpaired = _paired(list(found.values()))
    return Numbers(label, compared.how, values, among, unpaired), []


def _paired(numbers: Sequence[Mapping[str, Any]]) -> tuple[tuple[Given, ...], int]:
    """The values of one or two numbers for the seeds that all of them have, and how many seeds only one has.

    Without seeds, values are paired in their order. One number can itself compare two: then its outcomes say which
    seeds one of these doesn't have.
    """
    if len(numbers) == 1 and "seeds" in numbers[0]:
        (number,) = numbers
        outcomes = number.get("outcomes", {})
        kept = [outcomes.get(str(seed)) != UNPAIRED for seed in number["seeds"]]
        return ([value for value, there in zip(number["values"], kept, strict=True) if there],), kept.count(False)
    if len(numbers) < 2 or not all("seeds" in each for each in numbers):
        return tuple(each["values"] for each in numbers), 0
    by_seed = [dict(zip(each["seeds"], each["values"], strict=True)) for each in numbers]
    first, second = by_seed
    shared = [seed for seed in first if seed in second]
    return tuple([each[seed] for seed in shared] for each in by_seed), len(first.keys() ^ second.keys())


def _number(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    analysis, _, metric = name.partition("/")
    return metrics.get(analysis, {}).get(metric)
