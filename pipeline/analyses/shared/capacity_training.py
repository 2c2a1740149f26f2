"""The trainings of `capacity`, which need torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.estimators import noprop
from pipeline.learning.build import build_gates
from pipeline.learning.descent import full_batch
from pipeline.learning.gate import Gate
from pipeline.learning.losses import accuracy, loss
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

PLACEMENTS = {"one": "middle", "every": "every"}
FROZEN = "frozen"


@dataclass(frozen=True)
class Task:
    """Points, their one-hot labels, and the seed of the weights: the same for all methods of a repetition."""

    x: Float[Tensor, "n inputs"]
    y: Float[Tensor, "n classes"]
    weights: int

    @property
    def labels(self) -> Int[Tensor, " n"]:
        """The class of each point."""
        return self.y.argmax(dim=1)


def draw_task(generator: np.random.Generator, *, samples: int, inputs: int, classes: int) -> Task:
    """Standard normal points; all classes are equally likely, and labels have a random stream of their own."""
    points, labels, weights = generator.spawn(3)
    x = torch.from_numpy(points.standard_normal((samples, inputs), dtype=np.float32))
    y = one_hot(torch.from_numpy(labels.integers(classes, size=samples)), classes).float()
    return Task(x, y, int(weights.integers(2**63)))


@dataclass
class Fit:
    """How a training ended; loss and accuracy are NaN if it diverged."""

    loss: float = math.nan
    accuracy: float = math.nan
    fitted_at: float = math.nan  # of the steps at which somebody looked, the first with enough accuracy; NaN if none
    diverged: bool = False


def fit(
    method: str,
    cases: Sequence[tuple[Task, str]],
    *,
    hidden: int,
    width: int,
    steps: int,
    rate: float,
    look_every: int,
    fitted: float,
) -> list[Fit]:
    """Train a net for each case, a task and the name of a loss, side by side, on the whole task at every step.

    Args:
        method: of all of them.
        cases: what each of them learns.
        hidden: their hidden layers.
        width: units of a hidden layer.
        steps: number of updates.
        rate: Adam's rate.
        look_every: number of steps between two measurements. A training whose loss is then NaN or infinite has
            diverged, and nothing more is said of it.
        fitted: the accuracy that counts as fitted.
    """
    trainers = [
        build(method, task, hidden=hidden, width=width, loss_name=loss_name, rate=rate) for task, loss_name in cases
    ]
    found = [Fit() for _ in cases]
    looks = [*range(look_every, steps, look_every), steps]
    x, y = zip(*((task.x, task.y) for task, _ in cases), strict=True)
    for step, _ in full_batch(trainers, x, y, looks, estimator=_estimator(method)):
        for one, trainer, (task, loss_name) in zip(found, trainers, cases, strict=True):
            if one.diverged:
                continue
            one.loss, one.accuracy = _look(trainer.network, task, loss_name)
            one.diverged = not math.isfinite(one.loss)
            if one.diverged:
                one.loss = one.accuracy = math.nan
            elif math.isnan(one.fitted_at) and one.accuracy >= fitted:
                one.fitted_at = float(step)
    return found


def build(method: str, task: Task, *, hidden: int, width: int, loss_name: str, rate: float) -> Trainer:
    """A trainer at step 0; the net's weights depend on the task and the shape, not on the method."""
    shape = Shape(task.x.shape[1], task.y.shape[1], hidden=hidden, width=width)
    net = Network(shape, generator=torch.Generator().manual_seed(task.weights))
    above = {} if method == "backprop" else _gates(method, net, task)
    adam = OptimiserSettings("adam", rate)
    return Trainer(net, above, loss=loss_name, optimiser=adam, gate_optimiser=adam, update="simultaneous")


def _gates(method: str, net: Network, task: Task) -> dict[int, Gate]:
    """The gates of `<place>_<estimator>`; without hidden layers, the one on the output."""
    place = method.partition("_")[0]
    return build_gates(
        net,
        _estimator(method),
        positions(PLACEMENTS[place], hidden=net.shape.hidden) or [1],
        generator=lambda layer: torch.Generator().manual_seed(task.weights + layer),
    )


def _estimator(method: str) -> Any:
    """The member of the family, the control, or None for backprop."""
    name = method.partition("_")[2]
    return noprop if name == FROZEN else members.load("estimators", name) if name else None


def _look(net: Network, task: Task, loss_name: str) -> tuple[float, float]:
    """Loss and accuracy with the batch statistics of all points."""
    with torch.no_grad():
        p = net(task.x, mode="measure")
        return loss(loss_name, p, task.y).item(), accuracy(p, task.labels).item()
