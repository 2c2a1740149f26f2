"""Backprop: passes on the arriving gradient unchanged. A gate with it has no effect."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "backprop"
LEARNED = False
WAITS_FOR = ("arrived",)
IMPLIED_LOSS = "the loss itself"


class Backprop(nn.Module):
    """Returns the arriving gradient."""

    def forward(self, arrived: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
        """`arrived` itself."""
        return arrived


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A module without parameters; it draws no random numbers."""
    return Backprop()
