"""Noprop: nothing passes the gate, so the layers below it stay at their random start.

The control that shows what an estimator adds. Batch normalisation's running statistics below the gate are updated as in
every other method. Adam and SGD with momentum leave a parameter whose gradient is always zero exactly where it is.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "Noprop"
LEARNED = False
WAITS_FOR = ("h",)  # for its shape only
IMPLIED_LOSS = "constant in h"


class Noprop(nn.Module):
    """Returns zeros."""

    def forward(self, h: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
        """Zeros of the shape of `h`."""
        return torch.zeros_like(h)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A module without parameters; it draws no random numbers."""
    return Noprop()
