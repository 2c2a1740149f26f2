"""Feedback alignment: the chain rule with a fixed random matrix in place of the weights (Lillicrap et al. 2016).

As a gate (claim C17): `g_l = (g_{l+1} * f'(z_{l+1})) R`, where the term in brackets is the gradient at the
output of the next linear map. Backprop would multiply it by `W_{l+1}`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.settings_types import Positive

LABEL = "feedback alignment"
LEARNED = False
WAITS_FOR = ("above",)
IMPLIED_LOSS = "linear in h at each step"


class FeedbackAlignment(nn.Module):
    """`R` (above, units), a buffer that is never learned."""

    def __init__(self, matrix: Float[Tensor, "above units"]) -> None:
        """Send errors down through `matrix`."""
        super().__init__()
        self.register_buffer("R", matrix)
        self.R: Tensor

    def forward(self, above: Float[Tensor, "n above"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return above @ self.R


def build(units: int, classes: int, *, above: int, generator: torch.Generator, gain: Positive = 1.0) -> nn.Module:
    """`R` is normal with deviation `gain / sqrt(units)`, the scale of the weights that it replaces."""
    return FeedbackAlignment(torch.randn(above, units, generator=generator) * (gain / math.sqrt(units)))
