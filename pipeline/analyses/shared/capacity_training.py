"""The trainings of `capacity`, which need torch."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.learning.gate import Gate, positions
from pipeline.learning.losses import accuracy, loss
from pipeline.learning.network import Network
from pipeline.learning.trainer import Rule, Trainer

PLACEMENTS = {"one": "middle", "every": "every"}


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


class Nothing(nn.Module):
    """The estimator of the controls: it says nought, so that what lies below its gate never moves."""

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """Zeros."""
        return torch.zeros_like(h)


def draw_task(generator: np.random.Generator, *, samples: int, inputs: int, classes: int) -> Task:
    """Standard normal points; each label is drawn evenly, from a stream of its own."""
    points, labels, weights = generator.spawn(3)
    x = torch.from_numpy(points.standard_normal((samples, inputs), dtype=np.float32))
    y = one_hot(torch.from_numpy(labels.integers(classes, size=samples)), classes).float()
    return Task(x, y, int(weights.integers(2**63)))


def fit(
    method: str, task: Task, *, hidden: int, width: int, loss_name: str, steps: int, rate: float, look_every: int,
    fitted: float,
) -> tuple[float, float, float, bool]:  # fmt: skip
    """Train a net on the whole task at every step.

    Returns:
        The final loss and accuracy (NaN if the loss is not finite), the first step looked at with an accuracy of
        `fitted` (NaN if none), and whether the loss stopped being finite, which ends the training.
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
    inputs, classes = task.x.shape[1], task.y.shape[1]
    net = Network(
        inputs, classes, hidden=hidden, width=width, activation="relu", batch_norm=True, shift=0.0, gain=1.0,
        generator=torch.Generator().manual_seed(task.weights),
    )  # fmt: skip
    above = {} if method == "backprop" else gates(method, task, hidden=hidden, width=width)
    rule = Rule("adam", rate)
    return Trainer(net, above, loss=loss_name, rule=rule, gate_rule=rule, update="simultaneous")


def gates(method: str, task: Task, *, hidden: int, width: int) -> dict[int, Gate]:
    """The gates of `<place>_<estimator>`; without hidden layers, the one that stands on the output."""
    place, _, name = method.partition("_")
    classes = task.y.shape[1]
    found = {}
    for layer in positions(PLACEMENTS[place], hidden=hidden) or [1]:
        units, above = (width if number <= hidden else classes for number in (layer, layer + 1))
        if name == "frozen":
            found[layer] = Gate(Nothing())
            continue
        module = members.load("estimators", name)
        fresh = torch.Generator().manual_seed(task.weights + layer)
        found[layer] = Gate(module.build(units, classes, above=above, generator=fresh), waits_for=module.WAITS_FOR)
    return found


def _look(net: Network, task: Task, loss_name: str) -> tuple[float, float]:
    """Loss and accuracy with the batch statistics of all points."""
    with torch.no_grad():
        p = net(task.x, mode="measure")
        return loss(loss_name, p, task.y).item(), accuracy(p, task.labels).item()
