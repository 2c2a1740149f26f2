"""Class-only synthetic gradient: `SG(h, y) = y B + c`, the linear one with `A = 0`.

Our ablation: it only sees the label, so nothing it achieves comes from a model of the loss over `h`.

Below a layer with batch normalisation the targets of a batch sum to zero, so in theory the first update leaves `c` at
zero. In floats rounding noise moves it, as in every learned SG: once, and by at most the rate of Adam. Later its
gradient is that of the estimate, so it doesn't drift (tests/estimators/test_rounding.py).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "class-only SG"
LEARNED = True
WAITS_FOR = ("y",)
IMPLIED_LOSS = "linear in h"


class ClassOnlySG(nn.Module):
    """`B` (classes, units) and `c` (units,), zero at the start."""

    def __init__(self, units: int, classes: int) -> None:
        """A module for a layer of `units` units."""
        super().__init__()
        self.B = nn.Parameter(torch.zeros(classes, units))
        self.c = nn.Parameter(torch.zeros(units))

    def forward(self, y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The same estimate for all samples of a class."""
        return torch.addmm(self.c, y, self.B)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A new module; it draws no random numbers."""
    return ClassOnlySG(units, classes)
