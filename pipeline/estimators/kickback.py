"""Kickback: every unit receives the sum of the output errors (Balduzzi et al. 2015, in the form of claim C17).

As a gate: `g_l = (dL/dp) 1`. Under softmax and log loss the output errors sum to zero, so the estimate is zero and the
layers below the gate stay as they are. Kickback is meant for a scalar output or for MSE.

In floats the sum is rounding noise instead, which Adam turns into steps of full size. Therefore sums of rounding noise
are set to zero. An error is a difference of terms of size 1 (probabilities, outputs, targets), and each of the
`classes` terms is rounded a few times, so a sum that should be zero is at most `ROUNDINGS * classes * epsilon`. Whether
sums should be zero depends on the loss, not on the sample: they are set to zero only if all of a batch are that small.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LABEL = "kickback"
LEARNED = False
WAITS_FOR = ("error",)
IMPLIED_LOSS = "linear in h at each step"
ROUNDINGS = 4  # bound on the rounding errors of a term, in machine epsilons; under log loss at most 0.9 were measured


class Kickback(nn.Module):
    """Has no parameters, only the number of units."""

    def __init__(self, units: int) -> None:
        """A module for a layer of `units` units."""
        super().__init__()
        self.units = units

    def forward(self, error: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """The sum of each sample's error, repeated for every unit; exactly zero if all sums are rounding noise."""
        sums = error.sum(dim=1, keepdim=True)
        noise = (sums.abs() <= ROUNDINGS * error.shape[1] * torch.finfo(error.dtype).eps).all()
        return torch.where(noise, torch.zeros_like(sums), sums).expand(-1, self.units)


def build(units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
    """A module without parameters; it draws no random numbers."""
    return Kickback(units)
