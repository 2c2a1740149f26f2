"""The trainings of `implied_loss`, which need torch; what they return are arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.datasets.shared.splits import Points
from pipeline.learning import losses
from pipeline.learning.build import build_gates
from pipeline.learning.descent import full_batch
from pipeline.learning.gate import Gate
from pipeline.learning.measurements import checkpoint_steps, estimates
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

STACKED = 16  # trainings side by side: more don't fit into a processor's cache, and take up to twice as long


@dataclass(frozen=True)
class TrainingSettings:
    """Everything about a training except its points, its loss and its seed; `estimator` is a linear one."""

    estimator: str
    hidden: int
    width: int
    placement: str
    steps: int
    looks: int
    rate: float
    gate_rate: float


class Module(NamedTuple):
    """A linear SG `SG(h, y) = h A + y B + c`, its input `h`, and its cosine with the true gradient."""

    h: Float64[ndarray, "n units"]
    A: Float64[ndarray, "units units"]
    B: Float64[ndarray, "k units"]
    c: Float64[ndarray, " units"]
    cosine: float


@dataclass(frozen=True)
class Case:
    """What one training learns, under which loss, and the seed of its weights."""

    points: Points
    loss: str
    seed: int


class Look(NamedTuple):
    """A network after `step` updates: each point's loss, the accuracy, its SGs by layer."""

    step: int
    losses: Float64[ndarray, " n"]
    accuracy: float
    modules: dict[int, Module]


def follow(cases: Sequence[Case], setting: TrainingSettings, *, classes: int) -> Iterator[tuple[int, Look]]:
    """Train each case on all of its points at once, side by side, SGs from zero.

    Yields:
        At the start and at log-spaced steps, in this order for each case: the number of the case, and its state.
    """
    for first in range(0, len(cases), STACKED):
        for number, state in _follow(cases[first : first + STACKED], setting, classes):
            yield first + number, state


def _follow(cases: Sequence[Case], setting: TrainingSettings, classes: int) -> Iterator[tuple[int, Look]]:
    trainers = [_trainer(case.points.inputs.shape[1], classes, case.loss, case.seed, setting) for case in cases]
    x = [torch.from_numpy(case.points.inputs) for case in cases]
    y = [one_hot(torch.from_numpy(case.points.labels), classes).float() for case in cases]
    wanted = checkpoint_steps(setting.steps, count=setting.looks)
    for step, _ in full_batch(trainers, x, y, wanted, estimator=members.load("estimators", setting.estimator)):
        for number, (case, trainer) in enumerate(zip(cases, trainers, strict=True)):
            yield number, look(trainer.network, trainer.gates, x[number], y[number], case.loss, step=step)


def nearest_look(share: float, setting: TrainingSettings) -> int:
    """Of the steps that `follow` yields, the one nearest to a share of training."""
    return min(checkpoint_steps(setting.steps, count=setting.looks), key=lambda step: abs(step - share * setting.steps))


def look(
    network: Network,
    gates: Mapping[int, Gate],
    x: Float[Tensor, "n inputs"],
    y: Float[Tensor, "n k"],
    name: str,
    *,
    step: int,
) -> Look:
    """The state of a network and its SGs over `x`, with the statistics of that batch; nothing is changed."""
    cosines = {layer: value for layer, what, value in estimates(network, gates, x, y, name) if what == "cosine"}
    modules, h, below = {}, x, 0
    with torch.no_grad():
        for layer, gate in sorted(gates.items()):
            h = network.span(h, range(below + 1, layer + 1), mode="measure")
            below = layer
            weights = {key: _array(value) for key, value in gate.estimator.state_dict().items()}
            modules[layer] = Module(_array(h), **weights, cosine=cosines[layer])
        p = network(x, mode="measure").double()
        accuracy = losses.accuracy(p, y.argmax(dim=1)).item()
    return Look(step, _array(each_loss(name, p, y.double())), accuracy, modules)


def each_loss(name: str, p: Float[Tensor, "n k"], y: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """The loss `name` of each sample; `n delta` is its gradient."""
    return torch.vmap(lambda one, target: losses.loss(name, one[None], target[None]))(p, y)


def _trainer(inputs: int, classes: int, name: str, seed: int, setting: TrainingSettings) -> Trainer:
    shape = Shape(inputs, classes, hidden=setting.hidden, width=setting.width)
    network = Network(shape, generator=torch.Generator().manual_seed(seed))
    unused = torch.Generator()  # a linear SG starts at zero and draws nothing
    gates = build_gates(
        network,
        members.load("estimators", setting.estimator),
        positions(setting.placement, hidden=setting.hidden),
        generator=lambda layer: unused,
    )
    adam, gates_adam = OptimiserSettings("adam", setting.rate), OptimiserSettings("adam", setting.gate_rate)
    return Trainer(network, gates, loss=name, optimiser=adam, gate_optimiser=gates_adam, update="simultaneous")


def _array(value: Tensor) -> ndarray:
    return value.detach().numpy().astype(np.float64)
