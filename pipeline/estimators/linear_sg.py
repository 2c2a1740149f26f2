"""Linear synthetic gradient: `SG(h, y) = h A + y B + c` (Czarnecki et al. 2017; Jaderberg et al. 2016)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "linear SG"
LEARNED = True
WAITS_FOR = ("h", "y")  # inputs that must be known before it can be called
IMPLIED_LOSS = "quadratic in h"


class LinearSG(nn.Module):
    """`A` (units, units), `B` (classes, units), `c` (units,): zero at the start, so the first estimate is 0."""

    def __init__(self, units: int, classes: int) -> None:
        """A module for a layer of `units` units."""
        super().__init__()
        self.A = nn.Parameter(torch.zeros(units, units))
        self.B = nn.Parameter(torch.zeros(classes, units))
        self.c = nn.Parameter(torch.zeros(units))

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return h @ self.A + (y @ self.B + self.c)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A new module; it draws no random numbers."""
    return LinearSG(units, classes)
