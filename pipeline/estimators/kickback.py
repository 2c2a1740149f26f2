"""Kickback: every unit receives the sum of the output errors (Balduzzi et al. 2015, in the form of claim C17).

As a gate: `g_l = (dL/dp) 1`. Under softmax and log loss the output errors sum to zero, so the estimate is zero to
machine precision. Kickback is meant for a scalar output or for MSE.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "kickback"
LEARNED = False
WAITS_FOR = ("error",)
IMPLIED_LOSS = "linear in h at each step"


class Kickback(nn.Module):
    """Has no parameters, only the number of units."""

    def __init__(self, units: int) -> None:
        """A module for a layer of `units` units."""
        super().__init__()
        self.units = units

    def forward(self, error: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The sum of each sample's error, repeated for every unit."""
        return error.sum(dim=1, keepdim=True).expand(-1, self.units)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A module without parameters; it draws no random numbers."""
    return Kickback(units)
