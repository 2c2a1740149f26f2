"""Linear classifier probes: how well a linear map predicts the class from each hidden layer (C14).

Alain and Bengio, *Understanding intermediate layers using linear classifier probes* (2016).
"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.metrics.names import per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Positive

SCOPE = "run"
READS = "activations"
CLAIMS = ("C14",)
TRAIN, TEST = "probe", "cca"  # samples: training points and held-out points
SECOND = 2  # first layer to which C14 applies


def analyse(
    activations: Activations, *, generator: np.random.Generator, c: Positive = 1.0, max_iter: Count = 1000
) -> pd.DataFrame:
    """A probe on each hidden layer at the end of training.

    Args:
        activations: of one run; a probe is trained on the sample `probe` and tested on the held-out sample `cca`.
        generator: not used; the solver is deterministic.
        c: inverse weight of the L2 penalty, against the log loss summed over the training points.
        max_iter: largest number of the solver's iterations.

    Returns:
        Columns layer, quantity (`train_accuracy`, `test_accuracy`), value (a share in [0, 1]), chance (the share of
        the most frequent class, which a constant prediction reaches) and converged (whether the solver stopped before
        `max_iter`).
    """
    labels = {sample: activations.labels(sample) for sample in (TRAIN, TEST)}
    rows = []
    for layer in range(1, activations.layers + 1):
        h = {sample: activations.layer(sample, layer) for sample in (TRAIN, TEST)}
        probe = linear_probe(h[TRAIN], labels[TRAIN], h[TEST], labels[TEST], c=c, max_iter=max_iter)
        rows.append((layer, "train_accuracy", probe.train_accuracy, _chance(labels[TRAIN]), probe.converged))
        rows.append((layer, "test_accuracy", probe.test_accuracy, _chance(labels[TEST]), probe.converged))
    return pd.DataFrame(rows, columns=["layer", "quantity", "value", "chance", "converged"])


class Probe(NamedTuple):
    """Accuracies in [0, 1], and whether the solver converged."""

    train_accuracy: float
    test_accuracy: float
    converged: bool


def linear_probe(
    h: Float[ndarray, "n d"],
    labels: Int[ndarray, " n"],
    test_h: Float[ndarray, "m d"],
    test_labels: Int[ndarray, " m"],
    *,
    c: float,
    max_iter: int,
) -> Probe:
    """Multinomial logistic regression on features standardised with the training points' mean and deviation.

    A feature that is constant over the training points gets no weight. If an activation is not finite, the accuracies
    are NaN.
    """
    if not (np.isfinite(h).all() and np.isfinite(test_h).all()):
        return Probe(np.nan, np.nan, converged=False)
    # L-BFGS: on 2,000 x 128 about fifteen times as fast as Newton-Cholesky, at the same accuracies.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=max_iter, solver="lbfgs"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(h, labels)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return Probe(float(model.score(h, labels)), float(model.score(test_h, test_labels)), converged)


def _chance(labels: Int[ndarray, " n"]) -> float:
    return float(np.bincount(labels).max() / len(labels))


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The lowest accuracy of a probe over the hidden layers from the second on.

    `probe_train_min` is the accuracy on training points; C14 states that it is near 1. `probe_test_min` is the accuracy
    on held-out points, which is our addition.
    """
    if table.empty:
        return {}
    found: dict[str, list[float]] = {}
    for name, quantity in (("probe_train_min", "train_accuracy"), ("probe_test_min", "test_accuracy")):
        upper = table[(table["quantity"] == quantity) & (table["layer"] >= SECOND)]
        found |= per_seed(upper, upper.groupby("run")["value"].min(), name)
    return found
