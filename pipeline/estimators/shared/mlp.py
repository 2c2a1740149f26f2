"""The multi-layer perceptron inside the deep estimators."""

import itertools
import math

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name for it)
from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """`layers` hidden layers of `width` units (linear, batch normalisation, ReLU) and a linear output.

    The output's weights and bias are zero at the start (Jaderberg et al. 2016, appendix A.1), so the first estimate is
    0. Batch normalisation always uses the batch's statistics, because an estimator is never used outside training.
    """

    def __init__(self, inputs: int, outputs: int, *, layers: int, width: int, generator: torch.Generator) -> None:
        """Draw the hidden weights from `generator` as in He et al. (2015)."""
        super().__init__()
        sizes = [inputs] + [width] * layers
        self.weights = nn.ParameterList(
            torch.randn(b, a, generator=generator) * math.sqrt(2 / a) for a, b in itertools.pairwise(sizes)
        )
        self.scales = nn.ParameterList(torch.ones(width) for _ in range(layers))
        self.shifts = nn.ParameterList(torch.zeros(width) for _ in range(layers))
        self.last = nn.Parameter(torch.zeros(outputs, sizes[-1]))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """The output of the last layer."""
        for weight, scale, shift in zip(self.weights, self.scales, self.shifts, strict=True):
            x = torch.relu(F.batch_norm(F.linear(x, weight), None, None, scale, shift, training=True))
        return F.linear(x, self.last, self.bias)
