"""Capacity: can nets with SGs fit everything that backprop fits, including random labels, at any depth (C4)?

Nets of several depths learn points with random classes, so only capacity helps. They are wide enough for backprop to
fit the points, and too narrow for the output layer to fit them on random features. The layers above a gate always get
the true gradient and might fit the points alone. Two controls test this: they freeze all layers below a gate. All
methods get the same number of steps, so one that doesn't fit may be slow rather than incapable.

Departure: the paper's nets, sizes, optimiser and number of steps are not known. All are ours, and so are the controls.
"""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.metrics.by_seed import DIVERGED, MEASURED, BySeed, minus
from pipeline.settings_types import Count, Distinct, Natural, Positive, TwoOrMore

SCOPE = "study"
READS = None
CLAIMS = ("C4",)
BOUNDS = (("below_the_output", "depths"),)
RANGES = {
    "backprop_fitted_share": "share",
    "also_fitted": "share",
    "accuracy": "share",
    "beyond_frozen_accuracy": "share_change",
    "train_loss": "positive",
}
FITTED = 0.99  # accuracy at which the labels count as fitted; ours
PLACES = ("one", "every")  # placement of gates: one in the middle, or one after every hidden layer
FROZEN = "frozen"
FOR_LOG_LOSS = ("sigmoid_sg",)  # under MSE the true gradient is linear in the outputs, like the linear SG
COLUMNS = ["hidden", "loss", "method", "seed", "train_loss", "accuracy", "fitted_at", "diverged"]


def analyse(
    *,
    generator: np.random.Generator,
    seeds: Count = 3,
    depths: Distinct[Natural] = (0, 1, 2, 5, 10, 20, 50),
    losses: Distinct[Literal["cross_entropy", "mse"]] = ("cross_entropy", "mse"),
    samples: TwoOrMore = 200,
    inputs: Count = 200,
    classes: TwoOrMore = 10,
    width: Count = 32,
    steps: Count = 600,
    rate: Positive = 0.001,
    look_every: Count = 20,
    estimators: Distinct[str] = ("linear_sg", "sigmoid_sg"),
    everywhere: bool = True,
) -> pd.DataFrame:
    """Fit random labels by backprop, SGs and controls, from the same starting weights.

    Args:
        generator: draws points, labels and starting weights, with a separate stream for each seed.
        seeds: number of repetitions.
        depths: numbers of hidden layers.
        losses: the losses to minimise: "cross_entropy" (nats) and "mse".
        samples: number of points, all in every batch.
        inputs: dimensions of a point; with as many as `samples`, a net without hidden layers can fit them too.
        classes: number of classes.
        width: units of a hidden layer.
        steps: number of updates, the same for all.
        rate: Adam's rate, for nets and SGs.
        look_every: number of steps between two measurements of the accuracy.
        estimators: the SGs, each in the middle and everywhere; the sigmoid SG is made for log loss and not used under
            MSE.
        everywhere: whether nets with a gate after each hidden layer are trained too.

    Returns:
        Columns hidden, loss, method, seed, train_loss, accuracy, fitted_at, diverged. Methods are `backprop`,
        `one_<estimator>`, `every_<estimator>`, and the controls `one_frozen` and `every_frozen`, in which the layers up
        to the middle, or all hidden layers, are not trained. Without hidden layers, the one SG is placed on the output:
        "every" would be the same, and the controls would have nothing to learn. `train_loss` and `accuracy` are those
        of all points at the last step, in "measure" mode. It uses the batch statistics of all points, as training does;
        running statistics would include those of earlier weights. `fitted_at` is the first measured step with an
        accuracy of `FITTED`, NaN if there is none. If the loss `diverged`, loss and accuracy are NaN.
    """
    # Imported here because it needs torch, which takes 3 s.
    from pipeline.analyses.shared import capacity_training

    options = {"width": width, "steps": steps, "rate": rate, "look_every": look_every, "fitted": FITTED}
    tasks = [
        capacity_training.draw_task(stream, samples=samples, inputs=inputs, classes=classes)
        for stream in generator.spawn(seeds)
    ]
    order = list(product(range(seeds), losses, depths))
    found = {}
    for hidden in depths:
        methods = {loss: _methods(hidden, loss, estimators, everywhere) for loss in losses}
        for method in dict.fromkeys(method for names in methods.values() for method in names):
            cases = [(seed, loss) for seed in range(seeds) for loss in losses if method in methods[loss]]
            ends = capacity_training.fit(
                method, [(tasks[seed], loss) for seed, loss in cases], hidden=hidden, **options
            )
            found |= {(*case, hidden, method): end for case, end in zip(cases, ends, strict=True)}
    rows = [
        (hidden, loss, method, seed, end.loss, end.accuracy, end.fitted_at, end.diverged)
        for seed, loss, hidden in order
        for method in _methods(hidden, loss, estimators, everywhere)
        for end in [found[seed, loss, hidden, method]]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _methods(hidden: int, loss: str, estimators: Sequence[str], everywhere: bool) -> list[str]:
    """The methods to train at one depth under one loss."""
    fitting = [name for name in estimators if loss == "cross_entropy" or name not in FOR_LOG_LOSS]
    if hidden == 0:
        return ["backprop", *(f"{PLACES[0]}_{name}" for name in fitting)]
    places = PLACES if everywhere else PLACES[:1]
    return ["backprop", *(f"{place}_{name}" for name in [*fitting, FROZEN] for place in places)]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Which methods fit the labels, by loss: one value per seed.

    A net has fitted the labels if its accuracy reaches the threshold `FITTED`. `backprop_fitted_share` is the share of
    depths at which backprop fits. `also_fitted` is, of the depths at which backprop fits with the same seed, the share
    at which the method fits too; NaN if there are none. `accuracy` and `train_loss` are the final ones, NaN if the loss
    diverged.

    `beyond_frozen_accuracy` is the final accuracy minus that of the control with the same seed and depth in which the
    layers below the same gates are frozen: what training them by SGs adds. It is 0 where the layers above fit the
    points alone.
    """
    found: dict[str, list[float]] = {}
    for loss, part in table.groupby("loss") if not table.empty else ():
        accuracies = {
            method: of.pivot(index="hidden", columns="seed", values="accuracy") for method, of in part.groupby("method")
        }
        backprop = accuracies.pop("backprop") >= FITTED
        seeds = [int(seed) for seed in backprop.columns]
        found[f"backprop_fitted_share.{loss}"] = BySeed(backprop.mean(axis=0), seeds=seeds)
        for method, accuracy in accuracies.items():
            there = backprop.loc[accuracy.index]
            also = ((accuracy >= FITTED) & there).sum(axis=0)
            share = also / there.sum(axis=0).replace(0, np.nan)
            found[f"also_fitted.{method}.{loss}"] = BySeed(share, seeds=share.index.tolist())
        for quantity in ("accuracy", "train_loss"):
            for (method, hidden), values in _by_seed(part, quantity).items():
                found[f"{quantity}.{method}.{loss}.hidden{hidden}"] = values
        found |= _beyond_frozen(part, str(loss))
    return found


def _by_seed(part: pd.DataFrame, quantity: str) -> dict[tuple[str, int], BySeed]:
    """The final values of each method at each depth."""
    found = {}
    for (method, hidden), run in part.sort_values("seed").groupby(["method", "hidden"]):
        outcomes = np.where(run["diverged"], DIVERGED, MEASURED).tolist()
        found[str(method), int(str(hidden))] = BySeed(run[quantity], seeds=run["seed"].tolist(), outcomes=outcomes)
    return found


def _beyond_frozen(part: pd.DataFrame, loss: str) -> dict[str, list[float]]:
    """The final accuracy of each method with gates minus that of its control."""
    accuracies, found = _by_seed(part, "accuracy"), {}
    for (method, hidden), values in accuracies.items():
        control = accuracies.get((f"{method.partition('_')[0]}_{FROZEN}", hidden))
        if control is not None and not method.endswith(FROZEN):
            found[f"beyond_frozen_accuracy.{method}.{loss}.hidden{hidden}"] = minus(values, control)
    return found
