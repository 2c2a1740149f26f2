"""Linear classifier probes: how well a linear map predicts the class from each hidden layer (C14).

Alain and Bengio, *Understanding intermediate layers using linear classifier probes* (2016).

C14 says that probes reach about 100 % on their training points from the second layer on. Whether that is in reach
depends on two more things, so both stand beside it: the probe's penalty (a "free" probe has next to none) and the
accuracy of the network itself at the same points.

Departure: what is known of the paper names no penalty, solver or number of points; they are ours.
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

from pipeline.metrics.by_seed import DIVERGED
from pipeline.metrics.names import against, per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Positive

SCOPE = "run"
READS = "activations"
CLAIMS = ("C14",)
PARTS = ("train", "test")
TRAIN, TEST = "probe", "cca"  # samples: training points and held-out points
RANGES = {
    "probe_": "share",
    "free_probe_": "share",
    "free_probe_minus_network": "share_change",
    "probed_network_accuracy": "share",
    "versus_backprop_": "share_change",
}
SECOND = 2  # first layer to which C14 applies
WHOLE = 0  # in the column layer: the whole network
COLUMNS = {"layer": "int64", "quantity": "str", "value": "float64", "chance": "float64", "converged": "bool"}
FREE = "free_"  # begins the quantities of the probe without a penalty to speak of


def analyse(
    activations: Activations,
    *,
    generator: np.random.Generator,
    c: Positive = 1.0,
    free_c: Positive = 1e4,
    max_iter: Count = 5000,
) -> pd.DataFrame:
    """Two probes on each hidden layer at the end of training, with a penalty and with next to none.

    Args:
        activations: of one run; a probe is trained on the sample `probe` and tested on the held-out sample `cca`.
        generator: not used; the solver is deterministic.
        c: inverse weight of the L2 penalty, against the log loss summed over the training points.
        free_c: the same of the free probe.
        max_iter: largest number of the solver's iterations.

    Returns:
        Columns layer, quantity (`train_accuracy`, `test_accuracy`, and both of the free probe, `free_train_accuracy`
        and `free_test_accuracy`), value (a share in [0, 1]), chance (the share of the most frequent class, which a
        constant prediction reaches) and converged (whether the solver stopped before `max_iter`: no entry of the
        gradient of the mean loss is above 1e-4). `network_accuracy`, with layer 0, is the share of the probes' training
        points that the network itself tells rightly.
    """
    labels = {sample: activations.labels(sample) for sample in (TRAIN, TEST)}
    own = float((activations.predicted(TRAIN) == labels[TRAIN]).mean())
    rows = [(WHOLE, "network_accuracy", own, _chance(labels[TRAIN]), True)]
    for layer in range(1, activations.layers + 1):
        h = {sample: activations.layer(sample, layer) for sample in (TRAIN, TEST)}
        for kind, weight in (("", c), (FREE, free_c)):
            probe = linear_probe(h[TRAIN], labels[TRAIN], h[TEST], labels[TEST], c=weight, max_iter=max_iter)
            rows.append((layer, f"{kind}train_accuracy", probe.train_accuracy, _chance(labels[TRAIN]), probe.converged))
            rows.append((layer, f"{kind}test_accuracy", probe.test_accuracy, _chance(labels[TEST]), probe.converged))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


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
    """The lowest accuracy of a probe over the hidden layers from the second on, and what it is to be compared with.

    `probe_train_min` is the accuracy on training points; C14 states that it is near 1. `probe_test_min` is the accuracy
    on held-out points, which is our addition. `free_probe_train_min` and `free_probe_test_min` are the same of probes
    without a penalty to speak of. `free_probe_converged_share` is the share of those probes whose solver converged.

    `probed_network_accuracy` is the accuracy of the network itself on the probes' training points, and
    `free_probe_minus_network` the lowest accuracy of a free probe there minus it: above 0 if every layer tells the
    classes of these points better than the network. `versus_backprop_<number>` is the difference of a method's number
    to backprop's, paired by seed. A run that diverged has no value.
    """
    if table.empty:
        return {}
    gone = set(table.loc[table["quantity"] == DIVERGED, "run"])
    upper = table[table["layer"] >= SECOND]
    lowest = upper.groupby(["quantity", "run"])["value"].min()
    free = upper[upper["quantity"] == f"{FREE}train_accuracy"].groupby("run")
    network = table[table["quantity"] == "network_accuracy"].set_index("run")["value"]
    numbers = {
        f"{kind}probe_{part}_min": _of(lowest, f"{kind}{part}_accuracy") for kind in ("", FREE) for part in PARTS
    }
    numbers |= {
        "free_probe_converged_share": free["converged"].mean(),
        "probed_network_accuracy": network,
        "free_probe_minus_network": numbers["free_probe_train_min"] - network,
    }
    found: dict[str, list[float]] = {}
    for name, values in numbers.items():
        found |= per_seed(table, values, name, diverged=gone)
    for name in ("probe_train_min", "free_probe_train_min", "probed_network_accuracy"):
        found |= against(table, numbers[name], name, diverged=gone)
    return found


def _of(lowest: pd.Series, quantity: str) -> pd.Series:
    """The numbers of one quantity by run; none if no run has it."""
    return lowest[quantity] if quantity in lowest.index.get_level_values("quantity") else pd.Series(dtype=float)
