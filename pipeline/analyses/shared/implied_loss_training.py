"""The training that `implied_loss` looks at, which needs torch; what it hands out are arrays."""

from collections.abc import Iterator, Mapping
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
from pipeline.learning.gate import Gate, positions
from pipeline.learning.measurements import estimates
from pipeline.learning.network import Network
from pipeline.learning.trainer import Rule, Trainer, checkpoint_steps


@dataclass(frozen=True)
class Setting:
    """Everything about a training but its points, its loss and its seed; `estimator` is a linear one."""

    estimator: str
    hidden: int
    width: int
    placement: str
    steps: int
    looks: int
    rate: float
    gate_rate: float


class Module(NamedTuple):
    """A linear SG `SG(h, y) = h A + y B + c`, what it sees, and its cosine with the true gradient."""

    h: Float64[ndarray, "n units"]
    A: Float64[ndarray, "units units"]
    B: Float64[ndarray, "k units"]
    c: Float64[ndarray, " units"]
    cosine: float


class Look(NamedTuple):
    """A network after `step` updates: each point's loss, the share of right answers, its SGs by layer."""

    step: int
    losses: Float64[ndarray, " n"]
    accuracy: float
    modules: dict[int, Module]


def follow(points: Points, name: str, seed: int, setting: Setting, *, classes: int) -> Iterator[Look]:
    """Train on all `points` at once by the loss `name`, SGs from zero, and look at log-spaced steps, the start too."""
    x, labels = torch.from_numpy(points.inputs), torch.from_numpy(points.labels)
    y = one_hot(labels, classes).float()
    trainer = _trainer(x.shape[1], classes, name, seed, setting)
    wanted = checkpoint_steps(setting.steps, count=setting.looks)
    for step in range(setting.steps + 1):
        if step in wanted:
            yield look(trainer.network, trainer.gates, x, y, name, step=step)
        if step < setting.steps:
            trainer.update(x, y)


def nearest_look(share: float, setting: Setting) -> int:
    """The step at which `follow` looks that is the nearest to a share of training."""
    return min(checkpoint_steps(setting.steps, count=setting.looks), key=lambda step: abs(step - share * setting.steps))


def look(
    network: Network, stacked: Mapping[int, Gate], x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], name: str, *,
    step: int,
) -> Look:  # fmt: skip
    """The state of a network and its SGs over `x`, with the statistics of that batch; nothing is changed."""
    cosines = {layer: value for layer, what, value in estimates(network, stacked, x, y, name) if what == "cosine"}
    modules, h, below = {}, x, 0
    with torch.no_grad():
        for layer, gate in sorted(stacked.items()):
            h = network.span(h, range(below + 1, layer + 1), mode="measure")
            below = layer
            weights = {key: _array(value) for key, value in gate.estimator.state_dict().items()}
            modules[layer] = Module(_array(h), **weights, cosine=cosines[layer])
        p = network(x, mode="measure").double()
        accuracy = losses.accuracy(p, y.argmax(dim=1)).item()
    return Look(step, _array(each_loss(name, p, y.double())), accuracy, modules)


def each_loss(name: str, p: Float[Tensor, "n k"], y: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """The loss `name` of each sample: what `n delta` is the gradient of."""
    return torch.vmap(lambda one, target: losses.loss(name, one[None], target[None]))(p, y)


def _trainer(inputs: int, classes: int, name: str, seed: int, setting: Setting) -> Trainer:
    network = Network(
        inputs, classes, hidden=setting.hidden, width=setting.width, activation="relu", batch_norm=True, shift=0.0,
        gain=1.0, generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    module = members.load("estimators", setting.estimator)
    fresh = torch.Generator()  # a linear SG starts at zero and draws nothing
    stacked = {
        layer: Gate(module.build(setting.width, classes, above=setting.width, generator=fresh))
        for layer in positions(setting.placement, hidden=setting.hidden)
    }
    return Trainer(
        network, stacked, loss=name, rule=Rule("adam", setting.rate), gate_rule=Rule("adam", setting.gate_rate),
        update="simultaneous",
    )  # fmt: skip


def _array(value: Tensor) -> ndarray:
    return value.detach().numpy().astype(np.float64)
