"""Unconditioned synthetic gradient: it sees `h` but not the label (Jaderberg et al. 2016, appendix A.1).

Departure: in that paper it has two hidden layers of 1024 units; our default width is smaller, to run on a laptop.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.estimators.shared.mlp import MLP
from pipeline.settings_types import Count, Natural

LABEL = "unconditioned SG"
LEARNED = True
WAITS_FOR = ("h",)
NORMALISED = "layers"  # the setting that says how many layers have batch normalisation
IMPLIED_LOSS = "none in general: it need not be the gradient of anything"


class UnconditionedSG(nn.Module):
    """An MLP on the layer's output alone computes the estimate."""

    def __init__(self, mlp: MLP) -> None:
        """Store the MLP that computes the estimate."""
        super().__init__()
        self.mlp = mlp

    def forward(self, h: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return self.mlp(h)


def build(
    units: int, classes: int, *, above: int, generator: torch.Generator, layers: Natural = 2, width: Count = 128
) -> nn.Module:
    """A module with `layers` hidden layers of `width` units; with `layers` 0 it is linear in h."""
    return UnconditionedSG(MLP(units, units, layers=layers, width=width, generator=generator))
