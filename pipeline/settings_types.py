"""Types with bounds for the settings of members, so that a value out of range is refused with the config.

A member names them in its function's annotations; `pipeline.members.settings` reads them there by name.
"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

T = TypeVar("T")


def _each_once(values: Sequence[T]) -> Sequence[T]:
    if any(value in values[:place] for place, value in enumerate(values)):
        raise ValueError("expected each value once")
    return values


LONGEST = 2**63 - 1  # the largest whole number that tables can hold
LARGEST = 3.4028234663852886e38  # the largest number in single precision, in which networks are trained

Count = Annotated[int, Field(ge=1, le=LONGEST)]
TwoOrMore = Annotated[int, Field(ge=2, le=LONGEST)]
Natural = Annotated[int, Field(ge=0, le=LONGEST)]

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST)]
ConditionNumber = Annotated[float, Field(ge=1, le=LARGEST)]
Share = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]

Pair = Annotated[Sequence[T], Field(min_length=2, max_length=2)]
One = Annotated[Sequence[T], Field(min_length=1, max_length=1)]
Several = Annotated[Sequence[T], Field(min_length=1)]
Distinct = Annotated[Sequence[T], Field(min_length=1), AfterValidator(_each_once)]
DistinctOrNone = Annotated[Sequence[T], AfterValidator(_each_once)]
