"""Linear models under the squared error, with a linear synthetic gradient: the closed forms.

Rows are samples; a leading axis `r` runs over independent trainings. The model is `p = x W_1 … W_D`; the last column of
`x` is constant, which gives the first layer a bias. The loss is "mse" of `pipeline.learning.losses`, the mean of
`(p - y)^2` over samples and outputs. Its gradient for one sample is `2 (p - y) / k`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True)
class Regression:
    """Data of one regression per training, and what least squares predicts on it (the global optimum)."""

    x: Float[ndarray, "r n inputs"]
    y: Float[ndarray, "r n k"]
    best: Float[ndarray, "r n k"]


def regression(x: Float[ndarray, "r n inputs"], y: Float[ndarray, "r n k"]) -> Regression:
    """The data with their least-squares predictions."""
    return Regression(x=x, y=y, best=x @ (np.linalg.pinv(x) @ y))


def condense(
    x: Float[ndarray, "r n inputs"], y: Float[ndarray, "r n k"]
) -> tuple[Float[ndarray, "r m inputs"], Float[ndarray, "r m k"]]:
    """Replace the rows by as few as possible with the same second moments (means of products of columns) of `[x, y]`.

    Linear models and SGs depend on the data through these moments only, so training on `m` = inputs + k rows is the
    same as on thousands. The constant column no longer consists of ones.
    """
    n, inputs = x.shape[1:]
    triangle = np.linalg.qr(np.concatenate([x, y], axis=2)).R
    rows = triangle * np.sqrt(triangle.shape[1] / n)
    return rows[:, :, :inputs], rows[:, :, inputs:]


def excess(p: Float[ndarray, "r n k"], best: Float[ndarray, "r n k"]) -> Float[ndarray, " r"]:
    """`L(p) - L*`, the loss above that of least squares.

    The residuals of least squares are orthogonal to everything linear in `x`, so the excess is the mean of
    `(p - best)^2`. This avoids a small difference of large numbers.
    """
    return np.square(p - best).mean(axis=(1, 2))


def error(p: Float[ndarray, "r n k"], y: Float[ndarray, "r n k"]) -> Float[ndarray, "r n k"]:
    """The gradient of each sample's loss with respect to the outputs."""
    return 2 * (p - y) / p.shape[-1]


def curvature(x: Float[ndarray, "r n inputs"], outputs: int) -> Float[ndarray, " r"]:
    """The largest eigenvalue of the Hessian of the loss of `p = x W`.

    Gradient descent on linear regression converges for rates below 2 / curvature.
    """
    second_moments = np.swapaxes(x, 1, 2) @ x / x.shape[1]
    return 2 / outputs * np.linalg.eigvalsh(second_moments)[:, -1]


def forward(
    x: Float[ndarray, "r n inputs"], weights: Sequence[Float[ndarray, "r _ _"]]
) -> list[Float[ndarray, "r n _"]]:
    """The input, the hidden layers and the output."""
    signals = [x]
    for weight in weights:
        signals.append(signals[-1] @ weight)
    return signals


def backward(
    signals: Sequence[Float[ndarray, "r n _"]],
    weights: Sequence[Float[ndarray, "r _ _"]],
    gradient: Float[ndarray, "r n _"],
) -> tuple[Float[ndarray, "r n _"], list[Float[ndarray, "r _ _"]]]:
    """Backpropagate the samples' gradient with respect to the last of `signals` through `weights`.

    Returns:
        The samples' gradient with respect to the first of `signals`, and the mean loss's gradient of each weight.
    """
    found = []
    for signal, weight in zip(reversed(signals[:-1]), reversed(weights), strict=True):
        found.append(np.swapaxes(signal, 1, 2) @ gradient / signal.shape[1])
        gradient = gradient @ np.swapaxes(weight, 1, 2)
    return gradient, found[::-1]


def jacobian_norm(x: Float[ndarray, "r n inputs"], weights: Sequence[Float[ndarray, "r _ _"]]) -> Float[ndarray, " r"]:
    """The largest singular value of the Jacobian of all entries of `h = x W_1 … W_k` with respect to these weights.

    With `P_j = W_{j+1} … W_k` and `h_{j-1}` the input of layer j, a change `dW_j` moves h by `h_{j-1} dW_j P_j`: the
    Jacobian's square is the sum over j of `h_{j-1} h_{j-1}ᵀ ⊗ P_jᵀ P_j`. It is computed in the space
    that the columns of x span.
    """
    if len(weights) == 1:
        return np.linalg.norm(x, ord=2, axis=(1, 2))
    square, above = np.zeros(()), np.broadcast_to(np.eye(weights[-1].shape[2]), (len(x), *[weights[-1].shape[2]] * 2))
    signals = forward(np.linalg.qr(x).R, weights[:-1])
    for signal, weight in zip(reversed(signals), reversed(weights), strict=True):
        left, right = signal @ np.swapaxes(signal, 1, 2), np.swapaxes(above, 1, 2) @ above
        size = left.shape[1] * right.shape[1]
        square = square + np.einsum("rab,rcd->racbd", left, right).reshape(len(x), size, size)
        above = weight @ above
    return np.sqrt(np.linalg.eigvalsh(square)[:, -1])


def features(
    h: Float[ndarray, "r n units"], y: Float[ndarray, "r n k"], constant: Float[ndarray, "r n 1"]
) -> Float[ndarray, "r n z"]:
    """`z = [h, y, 1]`: a linear SG is `z T`, where `T` stacks `A`, `B` and `c`."""
    return np.concatenate([h, y, constant], axis=2)


def line_search(residual: Float[ndarray, "r n u"], change: Float[ndarray, "r n u"]) -> Float[ndarray, "r 1 1"]:
    """The step `s` that minimises `|| residual - s change ||^2`; 0 where `change` is zero."""
    inner = (residual * change).sum(axis=(1, 2), keepdims=True)
    square = np.square(change).sum(axis=(1, 2), keepdims=True)
    return np.divide(inner, square, out=np.zeros_like(inner), where=square > 0)


def sg_step(
    theta: Float[ndarray, "r z u"], z: Float[ndarray, "r n z"], target: Float[ndarray, "r n u"], *, rate: float | None
) -> Float[ndarray, "r z u"]:
    """One gradient step of a linear SG on the mean over samples of `|| z T - target ||^2`.

    Args:
        theta: `T`.
        z: the SG's features.
        target: the samples' true gradient.
        rate: a fixed rate, or None for the exact line search along the gradient.
    """
    residual = z @ theta - target
    gradient = 2 * np.swapaxes(z, 1, 2) @ residual / z.shape[1]
    return theta - (line_search(residual, z @ gradient) if rate is None else rate) * gradient
