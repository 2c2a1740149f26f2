"""Types with bounds for the settings of members, so that a value out of range is refused with the config.

A member names them in its function's annotations; `pipeline.members.settings` reads them there by name.
"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

T = TypeVar("T")


def _each_once(values: Sequence[T]) -> Sequence[T]:
    if len(set(values)) != len(values):
        raise ValueError("expected each value once")
    return values


Count = Annotated[int, Field(ge=1)]
TwoOrMore = Annotated[int, Field(ge=2)]
Natural = Annotated[int, Field(ge=0)]

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ConditionNumber = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]

One = Annotated[Sequence[T], Field(min_length=1, max_length=1)]
Several = Annotated[Sequence[T], Field(min_length=1)]
Distinct = Annotated[Sequence[T], Field(min_length=1), AfterValidator(_each_once)]
DistinctOrNone = Annotated[Sequence[T], AfterValidator(_each_once)]
