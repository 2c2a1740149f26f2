"""Controls: what must hold for a part to be testable, such as that backprop itself learns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.verdicts.claims import Control
from pipeline.verdicts.numbers import given

ENOUGH = 0.5  # share of the seeds in which a control must be met: at least half


@dataclass(frozen=True)
class Checked:
    """A control, in how many seeds it was met, and what is missing for it."""

    name: str
    control: Control
    met: int
    n: int
    absent: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is met in at least half of the seeds, of which there is at least one."""
        return self.n > 0 and self.met >= ENOUGH * self.n

    def words(self) -> str:
        """The control and how it came out."""
        if self.absent:
            return f"{self.control.says}: this study has no {' and no '.join(self.absent)}"
        state = "holds" if self.holds else "fails"
        return f"{self.control.says}: {state}, met by {self.met} of {self.n}"


def check(name: str, control: Control, metrics: Mapping[str, Any]) -> Checked:
    """Count the seeds that meet a control. A seed whose run has no value doesn't meet it.

    Raises:
        SettingError: if the two numbers of a control can't be compared.
    """
    values, absent = given(control, metrics)
    if absent:
        return Checked(name, control, 0, 0, tuple(absent))
    found = values.measure().values
    numbers = np.exp(found) if control.over else found
    low = -np.inf if control.above is None else control.above
    high = np.inf if control.below is None else control.below
    return Checked(name, control, int(((numbers > low) & (numbers < high)).sum()), len(numbers))
