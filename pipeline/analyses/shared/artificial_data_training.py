"""The trainings of `artificial_data`, which need torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch.nn.functional import one_hot

from pipeline import members, random_streams
from pipeline.learning.build import build_gates
from pipeline.learning.descent import full_batch
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

CLASSES = 2
STACKED = 24  # trainings side by side: more don't fit into a processor's cache, and take up to twice as long
DROPS, DROP_FACTOR = (0.6, 0.85), 0.1  # the rate falls by this factor after these shares of the steps: ours
BACKPROP = "backprop"


@dataclass(frozen=True)
class ModelSettings:
    """A linear model (no hidden layer) or a deep linear model, and how it is trained."""

    hidden: int
    width: int
    steps: int
    rate: float  # of Adam, for network and SGs alike


def draw(name: str, *, samples: int, inputs: int, seed: int) -> tuple[Float[ndarray, "n d"], Int[ndarray, " n"]]:
    """Inputs and labels of one data set; they depend on the arguments alone."""
    generator = random_streams.numpy_stream("artificial data", seed, name, inputs)
    x, labels = members.load("datasets", name).draw(samples, inputs=inputs, generator=generator)
    return x.astype(np.float64), labels


def methods(estimators: Sequence[str], *, hidden: int, everywhere: bool = True) -> dict[str, tuple[str, list[int]]]:
    """Backprop, and each estimator at one place and, if that is more and wanted, everywhere: name to (member, places).

    The one place is the middle of the stack, or between output and loss in a model without hidden layers.
    """
    places = {"one": positions("middle", hidden=hidden), "every": positions("every", hidden=hidden)}
    if hidden == 0:
        places = {"one": [1]}
    elif places["every"] == places["one"] or not everywhere:
        del places["every"]
    found: dict[str, tuple[str, list[int]]] = {BACKPROP: (BACKPROP, [])}
    return found | {f"{where}_{name}": (name, at) for name in estimators for where, at in places.items()}


@dataclass(frozen=True)
class Case:
    """A data set, and the loss and the seed of the weights of a training on it."""

    x: Float[ndarray, "n d"]
    labels: Int[ndarray, " n"]
    loss: str
    seed: int


def train(
    model: ModelSettings, cases: Sequence[Case], method: tuple[str, list[int]], *, looks: Sequence[int] = ()
) -> list[tuple[float, ...]]:
    """Full-batch training of the model on each case, side by side: its loss at the start, at `looks` and at the end.

    A loss is NaN if it or any loss before it is NaN or infinite. All methods start from the same weights, which depend
    on the seed, the model and the number of inputs; this and the number of points are the same in all cases.

    Args:
        model: the model and its training.
        cases: what is learned.
        method: the estimator and its places.
        looks: numbers of finished updates, from 0 to the last.
    """
    return [
        ended
        for first in range(0, len(cases), STACKED)
        for ended in _train(model, cases[first : first + STACKED], method, looks)
    ]


def _train(
    model: ModelSettings, cases: Sequence[Case], method: tuple[str, list[int]], looks: Sequence[int]
) -> list[tuple[float, ...]]:
    estimator = members.load("estimators", method[0])
    trainers = [_trainer(model, case, estimator, method[1]) for case in cases]
    x = [torch.from_numpy(case.x) for case in cases]
    y = [one_hot(torch.from_numpy(case.labels), CLASSES).double() for case in cases]
    ((_, losses),) = full_batch(trainers, x, y, [model.steps], estimator=estimator)
    found = []
    for number, (trainer, case) in enumerate(zip(trainers, cases, strict=True)):
        with torch.no_grad():
            final = loss(case.loss, trainer.network(x[number], mode="measure"), y[number]).item()
        course = np.append(losses[:, number].numpy(), final)
        lost = np.maximum.accumulate(~np.isfinite(course))
        course[lost] = np.nan
        start = losses[0, number].item()
        found.append((start, *(float(course[look]) for look in (*looks, model.steps))))
    return found


def _trainer(model: ModelSettings, case: Case, estimator: Any, places: Sequence[int]) -> Trainer:
    inputs = case.x.shape[1]
    stream = random_streams.torch_stream("artificial weights", case.seed, inputs, model.hidden, model.width)
    shape = Shape(inputs, CLASSES, hidden=model.hidden, width=model.width, activation="linear", batch_norm=False)
    net = Network(shape, generator=stream).double()
    gates = build_gates(
        net,
        estimator,
        places,
        generator=lambda layer: random_streams.torch_stream("artificial estimator", case.seed, layer),
    )
    drops = tuple(round(share * model.steps) for share in DROPS)
    adam = OptimiserSettings("adam", model.rate, drops=drops, drop_factor=DROP_FACTOR)
    return Trainer(net, gates, loss=case.loss, optimiser=adam, gate_optimiser=adam, update="simultaneous")
