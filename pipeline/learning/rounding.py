"""Gradients of estimators that are zero in theory are made exactly zero.

A gate's target has come through the next layer's batch normalisation, so the targets of a batch sum to zero. The
gradient of an estimator's bias is the sum of its errors over the batch: as long as the estimate is zero, the bias
should stay where it is. In floats the sum is rounding noise instead, which Adam turns into a step of full size.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

ROUNDINGS = 4  # rounding errors of a term of the sum, in machine epsilons


def clear_noise(gradient: Float[Tensor, "*runs units"], errors: Float[Tensor, "*runs n units"]) -> None:
    """Set the gradient of a bias, or of a scale of the output, to zero if all of its numbers are rounding noise.

    That is at most `ROUNDINGS * epsilon * sqrt(n)` times the root of the errors' summed squares: a bound on the
    rounding of a sum over the samples, since such a parameter's factor in the output is at most 1.

    Args:
        gradient: changed in place; the runs before its last dimension are judged one by one.
        errors: the gradient of the estimator's loss by its estimate.
    """
    size = torch.linalg.vector_norm(errors, dim=(-2, -1), keepdim=True)[..., 0]
    bound = ROUNDINGS * torch.finfo(errors.dtype).eps * math.sqrt(errors.shape[-2]) * size
    noise = (bound.isfinite() & (gradient.abs() <= bound)).all(dim=-1, keepdim=True)
    gradient.masked_fill_(noise, 0)
