"""Sigmoid synthetic gradient for the log loss: `SG(h, y) = sigmoid(h A) D + y B + c`, D diagonal (claim C8)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "sigmoid SG"
LEARNED = True
WAITS_FOR = ("h", "y")
IMPLIED_LOSS = "sums of log-sigmoids of h, and linear in h"


class SigmoidSG(nn.Module):
    """`A` (units, units), diagonal `D` (units,), `B` (classes, units), `c` (units,).

    All are zero at the start. `D` changes first, since sigmoid(0) = 1/2, and `A` once `D` isn't zero.
    """

    def __init__(self, units: int, classes: int) -> None:
        """A module for a layer of `units` units."""
        super().__init__()
        self.A = nn.Parameter(torch.zeros(units, units))
        self.D = nn.Parameter(torch.zeros(units))
        self.B = nn.Parameter(torch.zeros(classes, units))
        self.c = nn.Parameter(torch.zeros(units))

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return torch.addmm(self.c, y, self.B) + torch.sigmoid(h @ self.A) * self.D


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A new module; it draws no random numbers."""
    return SigmoidSG(units, classes)
