"""SG + prop: a mixture of a linear synthetic gradient and the gradient that arrives.

    g_l = (1 - share) (h A + y B + c) + share * arrived

It is BP(lambda) of Jaderberg et al. (2016), appendix A, with `share` as lambda and a linear SG: the mixture is what is
sent on to the layers below. With `share` 0 it is the linear SG, with 1 backprop. As everywhere, the module learns from
the difference between what is sent down and what arrives, which is `1 - share` times that of the SG alone. Adam's steps
don't depend on this factor, those of SGD do: they are `(1 - share)^2` times as long.

Departure: how the study mixes the two is not known; the share of one half is ours.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.settings_types import Fraction

LABEL = "SG + prop"
LEARNED = True
WAITS_FOR = ("h", "y", "arrived")
IMPLIED_LOSS = "the loss itself, mixed with a quadratic in h"


class SGAndProp(nn.Module):
    """`A` (units, units), `B` (classes, units), `c` (units,): zero at the start, as in the linear SG."""

    def __init__(self, units: int, classes: int, *, share: float) -> None:
        """A module for a layer of `units` units; `share` is that of the gradient that arrives."""
        super().__init__()
        self.share = share
        self.A = nn.Parameter(torch.zeros(units, units))
        self.B = nn.Parameter(torch.zeros(classes, units))
        self.c = nn.Parameter(torch.zeros(units))

    def forward(
        self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"], arrived: Float[Tensor, "n units"]
    ) -> Float[Tensor, "n units"]:
        """The mixture of the estimate and the gradient that arrives, for each sample."""
        return (1 - self.share) * (h @ self.A + (y @ self.B + self.c)) + self.share * arrived


def build(units: int, classes: int, *, above: int, generator: torch.Generator, share: Fraction = 0.5) -> nn.Module:
    """A new module; it draws no random numbers."""
    return SGAndProp(units, classes, share=share)
