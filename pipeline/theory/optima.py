"""The lowest loss that a linear model can reach on given data (claim C8).

A deep linear model at least as wide as its output expresses the same functions, so its lowest loss is the same.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import expit

CONVERGED = 0.01  # relative gap below which a training counts as having reached the optimum: ours
ITERATIONS = 5000  # of L-BFGS, which stops much earlier, at `GRADIENT` or at a separating plane
GRADIENT = 1e-10  # largest entry of the gradient at the minimum


def optimum(loss: str, x: Float[ndarray, "n d"], labels: Int[ndarray, " n"]) -> float:
    """The infimum of a loss of `pipeline.learning.losses` over linear models with bias and two outputs.

    Args:
        loss: "mse" on one-hot targets, or "cross_entropy".
        x: inputs.
        labels: 0 or 1.
    """
    return least_squares(x, labels) if loss == "mse" else least_log_loss(x, labels)


def least_squares(x: Float[ndarray, "n d"], labels: Int[ndarray, " n"]) -> float:
    """The mean squared error of least squares on one-hot targets, over samples and both outputs."""
    targets = np.eye(2)[labels]
    design = _with_constant(x)
    coefficients = np.linalg.lstsq(design, targets)[0]
    return float(np.square(design @ coefficients - targets).mean())


def least_log_loss(x: Float[ndarray, "n d"], labels: Int[ndarray, " n"]) -> float:
    """The infimum of the log loss, in nats.

    Only the difference of the two outputs matters, so this is binary logistic regression, which is convex. If a plane
    separates the classes, the loss tends to 0 as the plane's weights grow and has no minimum. The solver then finds
    such a plane, and the infimum is exactly 0.
    """
    z, value = logistic_regression(x, labels)
    return 0.0 if (z * _signs(labels) > 0).all() else value


def logistic_regression(
    x: Float[ndarray, "n d"], labels: Int[ndarray, " n"], *, iterations: int = ITERATIONS
) -> tuple[Float[ndarray, " n"], float]:
    """Scores and log loss after at most `iterations` iterations of L-BFGS from zero weights.

    Returns:
        The difference of the two outputs, positive where class 1 is more probable, and the mean log loss in nats.
    """
    signed = _with_constant(x) * _signs(labels)[:, None]

    def evaluate(w: Float[ndarray, " d1"]) -> tuple[float, Float[ndarray, " d1"]]:
        m = signed @ w
        return float(np.logaddexp(0, -m).mean()), -(expit(-m) @ signed) / len(m)

    found = minimize(
        evaluate,
        np.zeros(signed.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "gtol": GRADIENT, "ftol": 0.0},
    )
    return (signed @ found.x) * _signs(labels), float(found.fun)


def _with_constant(x: Float[ndarray, "n d"]) -> Float[ndarray, "n d1"]:
    return np.column_stack([x, np.ones(len(x))])


def _signs(labels: Int[ndarray, " n"]) -> Float[ndarray, " n"]:
    return 2.0 * labels - 1.0
