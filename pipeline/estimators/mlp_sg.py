"""Deep synthetic gradient: a multi-layer perceptron on [h, y] (Jaderberg et al. 2016)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.estimators.shared.mlp import MLP
from pipeline.settings_types import Count, Natural

LABEL = "deep SG"
LEARNED = True
WAITS_FOR = ("h", "y")
NORMALISED = "layers"  # the setting that says how many layers have batch normalisation
IMPLIED_LOSS = "none in general: it need not be the gradient of anything"


class DeepSG(nn.Module):
    """An MLP on the layer's output and the targets, concatenated, computes the estimate."""

    def __init__(self, mlp: MLP) -> None:
        """Store the MLP that computes the estimate."""
        super().__init__()
        self.mlp = mlp

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The estimate of each sample's error gradient."""
        return self.mlp(torch.cat([h, y], dim=1))


def build(
    units: int, classes: int, *, above: int, generator: torch.Generator, layers: Natural = 1, width: Count = 128
) -> nn.Module:
    """A module with `layers` hidden layers of `width` units."""
    return DeepSG(MLP(units + classes, units, layers=layers, width=width, generator=generator))
