"""The trainings of `artificial_data`, which need torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline import members, random_streams
from pipeline.learning.build import build_gates
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

CLASSES = 2
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


def methods(estimators: Sequence[str], *, hidden: int) -> dict[str, tuple[str, list[int]]]:
    """Backprop, and each estimator at one place and, if that is more, everywhere: name to (member, places).

    The one place is the middle of the stack, or between output and loss in a model without hidden layers.
    """
    places = {"one": positions("middle", hidden=hidden), "every": positions("every", hidden=hidden)}
    if hidden == 0:
        places = {"one": [1]}
    elif places["every"] == places["one"]:
        del places["every"]
    found: dict[str, tuple[str, list[int]]] = {BACKPROP: (BACKPROP, [])}
    return found | {f"{where}_{name}": (name, at) for name in estimators for where, at in places.items()}


def train(
    model: ModelSettings,
    name: str,
    x: Float[ndarray, "n d"],
    labels: Int[ndarray, " n"],
    method: tuple[str, list[int]],
    *,
    seed: int,
) -> tuple[float, float]:
    """Full-batch training under the loss `name`: the loss at the start and at the end; NaN if it is not finite.

    All methods start from the same weights, which depend on the seed, the model and the number of inputs.
    """
    stream = random_streams.torch_stream("artificial weights", seed, x.shape[1], model.hidden, model.width)
    shape = Shape(x.shape[1], CLASSES, hidden=model.hidden, width=model.width, activation="linear", batch_norm=False)
    net, (member, places) = Network(shape, generator=stream).double(), method
    gates = build_gates(
        net,
        members.load("estimators", member),
        places,
        generator=lambda layer: random_streams.torch_stream("artificial estimator", seed, layer),
    )
    drops = tuple(round(share * model.steps) for share in DROPS)
    adam = OptimiserSettings("adam", model.rate, drops=drops, drop_factor=DROP_FACTOR)
    trainer = Trainer(net, gates, loss=name, optimiser=adam, gate_optimiser=adam, update="simultaneous")
    return _run(trainer, torch.from_numpy(x), one_hot(torch.from_numpy(labels), CLASSES).double(), model.steps)


def _run(trainer: Trainer, x: Tensor, y: Tensor, steps: int) -> tuple[float, float]:
    start = math.nan
    for step in range(steps):
        value = trainer.update(x, y)
        start = value if step == 0 else start
        if not math.isfinite(value):
            return start, math.nan
    with torch.no_grad():
        final = loss(trainer.loss, trainer.network(x, mode="measure"), y).item()
    return start, final if math.isfinite(final) else math.nan
