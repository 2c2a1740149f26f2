"""Direct feedback alignment: the output's error through a fixed random matrix for each layer (Nøkland 2016).

As a gate (claim C17): `g_l = (dL/dp) R_l`. Of the layers above, only the forward pass is needed.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.settings_types import Positive

LABEL = "direct feedback alignment"
LEARNED = False
WAITS_FOR = ("error",)
IMPLIED_LOSS = "linear in h at each step"


class DirectFeedbackAlignment(nn.Module):
    """`R` (classes, units), a buffer that is never learned."""

    def __init__(self, matrix: Float[Tensor, "classes units"]) -> None:
        """Send the error down through `matrix`."""
        super().__init__()
        self.register_buffer("R", matrix)
        self.R: Tensor

    def forward(self, error: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return error @ self.R


def build(units: int, classes: int, *, above: int, generator: torch.Generator, gain: Positive = 1.0) -> nn.Module:
    """`R` is normal with deviation `gain / sqrt(units)`, the scale of an output layer's weights."""
    return DirectFeedbackAlignment(torch.randn(classes, units, generator=generator) * (gain / math.sqrt(units)))
