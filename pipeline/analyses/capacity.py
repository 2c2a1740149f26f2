"""Can nets with SGs fit whatever backprop fits, random labels included, at any depth (C4)?

Nets of 0 to 50 hidden layers learn points whose classes are drawn at random, so that nothing but capacity helps. They
are wide enough for backprop to fit them, and so narrow that the output layer can't do it on random features. As the
layers above a gate always get the true gradient, they might do it alone: two controls freeze whatever a gate governs.
All get the same number of steps, so that a method which doesn't fit may be slow rather than incapable.

Departure: the study's nets, sizes, optimiser and number of steps are not known. All are ours, and so are the controls.
"""

from itertools import product

import numpy as np
import pandas as pd

SCOPE = "study"
READS = None
CLAIMS = ("C4",)
FITTED = 0.99  # accuracy at which the labels count as fitted; ours
PLACES = ("one", "every")  # of gates: one in the middle, or one after every hidden layer
FROZEN = "frozen"
FOR_LOG_LOSS = ("sigmoid_sg",)  # under MSE the truth is linear in the outputs, and the linear SG has its form
COLUMNS = ["hidden", "loss", "method", "seed", "train_loss", "accuracy", "fitted_at", "diverged"]


def analyse(
    *, generator: np.random.Generator, seeds: int = 3, depths: tuple[int, ...] = (0, 1, 2, 5, 10, 20, 50),
    losses: tuple[str, ...] = ("cross_entropy", "mse"), samples: int = 200, inputs: int = 200, classes: int = 10,
    width: int = 32, steps: int = 600, rate: float = 0.001, look_every: int = 20,
    estimators: tuple[str, ...] = ("linear_sg", "sigmoid_sg"),
) -> pd.DataFrame:  # fmt: skip
    """Fit random labels by backprop, by SGs and by the controls, from the same starts.

    Args:
        generator: gives points, labels and starting weights, a stream of its own to each seed.
        seeds: number of repetitions.
        depths: numbers of hidden layers.
        losses: what is minimised: "cross_entropy" (nats) and "mse".
        samples: points, all in every batch.
        inputs: dimensions of a point; with as many as there are points a net without hidden layers can fit them too.
        classes: number of classes.
        width: units of a hidden layer.
        steps: updates, the same number for all.
        rate: of Adam, for nets and SGs.
        look_every: steps between two looks at the accuracy.
        estimators: the SGs, each in the middle and everywhere; the sigmoid SG, made for log loss, not under MSE.

    Returns:
        Columns hidden, loss, method, seed, train_loss, accuracy, fitted_at, diverged. Methods are `backprop`,
        `one_<estimator>`, `every_<estimator>`, and the controls `one_frozen` and `every_frozen`, in which the layers up
        to the middle, or all hidden layers, never move. Without hidden layers the one SG stands on the output itself,
        "every" would be the same, and nothing would be left to learn for the controls. `train_loss` and `accuracy` are
        those of the last step on all points, in "measure" mode: with the batch statistics of all points, that is the
        function that was trained, while running statistics would mix in earlier ones. `fitted_at` is the first step
        looked at with an accuracy of `FITTED`, NaN if none. Where the loss `diverged`, it and the accuracy are NaN.
    """
    from pipeline.analyses.shared import (
        capacity_training,  # torch takes 3 s to import, and no other job of this stage needs it
    )

    rows = []
    for seed, stream in enumerate(generator.spawn(seeds)):
        task = capacity_training.draw_task(stream, samples=samples, inputs=inputs, classes=classes)
        for loss, hidden in product(losses, depths):
            for method in _methods(hidden, loss, estimators):
                found = capacity_training.fit(
                    method, task, hidden=hidden, width=width, loss_name=loss, steps=steps, rate=rate,
                    look_every=look_every, fitted=FITTED,
                )  # fmt: skip
                rows.append((hidden, loss, method, seed, *found))
    return pd.DataFrame(rows, columns=COLUMNS)


def _methods(hidden: int, loss: str, estimators: tuple[str, ...]) -> list[str]:
    """What is trained at a depth under a loss."""
    fitting = [name for name in estimators if loss == "cross_entropy" or name not in FOR_LOG_LOSS]
    if hidden == 0:
        return ["backprop", *(f"{PLACES[0]}_{name}" for name in fitting)]
    return ["backprop", *(f"{place}_{name}" for name in [*fitting, FROZEN] for place in PLACES)]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Who fits, by method and loss: one value per seed.

    `also_fitted`: of the depths that the method was trained at and at which backprop reached an accuracy of `FITTED`
    with that seed, the share at which the method did too; NaN if there are none. `backprop_fitted_share`: the share of
    all depths at which backprop did. `accuracy` and `train_loss` are the final ones, NaN where the loss diverged.
    """
    found = {}
    for loss, part in table.groupby("loss") if not table.empty else ():
        accuracies = {
            method: of.pivot(index="hidden", columns="seed", values="accuracy") for method, of in part.groupby("method")
        }
        backprop = accuracies.pop("backprop") >= FITTED
        found[f"backprop_fitted_share.{loss}"] = backprop.mean(axis=0).tolist()
        for method, accuracy in accuracies.items():
            there = backprop.loc[accuracy.index]
            also = ((accuracy >= FITTED) & there).sum(axis=0)
            found[f"also_fitted.{method}.{loss}"] = (also / there.sum(axis=0).replace(0, np.nan)).tolist()
        for (method, hidden), run in part.sort_values("seed").groupby(["method", "hidden"]):
            found[f"accuracy.{method}.{loss}.hidden{hidden}"] = run["accuracy"].tolist()
            found[f"train_loss.{method}.{loss}.hidden{hidden}"] = run["train_loss"].tolist()
    return found
