"""The trainings of `capacity`, which need torch."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.learning.build import build_gates
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


class Frozen(nn.Module):
    """The estimator of the controls: it returns zero, so the layers below its gate are never updated."""

    WAITS_FOR = ("h", "y")

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """Zeros."""
        return torch.zeros_like(h)

    @classmethod
    def build(cls, units: int, classes: int, *, above: int, generator: torch.Generator) -> nn.Module:
        """A module without parameters, as a member of the estimators' family builds it; it draws no random number."""
        return cls()


def draw_task(generator: np.random.Generator, *, samples: int, inputs: int, classes: int) -> Task:
    """Standard normal points; all classes are equally likely, and labels have a random stream of their own."""
    points, labels, weights = generator.spawn(3)
    x = torch.from_numpy(points.standard_normal((samples, inputs), dtype=np.float32))
    y = one_hot(torch.from_numpy(labels.integers(classes, size=samples)), classes).float()
    return Task(x, y, int(weights.integers(2**63)))


def fit(
    method: str,
    task: Task,
    *,
    hidden: int,
    width: int,
    loss_name: str,
    steps: int,
    rate: float,
    look_every: int,
    fitted: float,
) -> tuple[float, float, float, bool]:
    """Train a net on the whole task at every step.

    Returns:
        The final loss and accuracy (NaN if the loss is not finite); of the steps at which the accuracy is measured, the
        first with at least `fitted` (NaN if none); and whether the loss became NaN or infinite, which ends the
        training.
    """
    trainer = build(method, task, hidden=hidden, width=width, loss_name=loss_name, rate=rate)
    fitted_at = math.nan
    for step in range(1, steps + 1):
        trainer.update(task.x, task.y)
        if step % look_every and step != steps:
            continue
        value, share = _look(trainer.network, task, loss_name)
        if not math.isfinite(value):
            return math.nan, math.nan, fitted_at, True
        if math.isnan(fitted_at) and share >= fitted:
            fitted_at = float(step)
    return *_look(trainer.network, task, loss_name), fitted_at, False


def build(method: str, task: Task, *, hidden: int, width: int, loss_name: str, rate: float) -> Trainer:
    """A trainer at step 0; the net's weights depend on the task and the shape, not on the method."""
    shape = Shape(task.x.shape[1], task.y.shape[1], hidden=hidden, width=width)
    net = Network(shape, generator=torch.Generator().manual_seed(task.weights))
    above = {} if method == "backprop" else _gates(method, net, task)
    adam = OptimiserSettings("adam", rate)
    return Trainer(net, above, loss=loss_name, optimiser=adam, gate_optimiser=adam, update="simultaneous")


def _gates(method: str, net: Network, task: Task) -> dict[int, Gate]:
    """The gates of `<place>_<estimator>`; without hidden layers, the one on the output."""
    place, _, name = method.partition("_")
    return build_gates(
        net,
        Frozen if name == FROZEN else members.load("estimators", name),
        positions(PLACEMENTS[place], hidden=net.shape.hidden) or [1],
        generator=lambda layer: torch.Generator().manual_seed(task.weights + layer),
    )


def _look(net: Network, task: Task, loss_name: str) -> tuple[float, float]:
    """Loss and accuracy with the batch statistics of all points."""
    with torch.no_grad():
        p = net(task.x, mode="measure")
        return loss(loss_name, p, task.y).item(), accuracy(p, task.labels).item()
