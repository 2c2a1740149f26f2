"""Kickback: the error, summed to a scalar, goes alike to all units (Balduzzi et al. 2015, as the study puts it).

As a gate (claim C17): `g_l = (dL/dp) 1`. Under softmax and log loss the errors of the outputs sum to zero, so
that there it says nothing at all, to machine precision: it is meant for a scalar output or for MSE.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "kickback"
LEARNED = False
WAITS_FOR = ("error",)
IMPLIED_LOSS = "linear in h at each step"


class Kickback(nn.Module):
    """No parameter but the number of units."""

    def __init__(self, units: int) -> None:
        """For a layer of `units` units."""
        super().__init__()
        self.units = units

    def forward(self, error: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The sum of each sample's error, once for every unit."""
        return error.sum(dim=1, keepdim=True).expand(-1, self.units)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A module without parameters; it draws no random number."""
    return Kickback(units)
