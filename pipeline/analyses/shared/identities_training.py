"""The measurements of `identities`, which need torch."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, one_hot

from pipeline import members
from pipeline.learning.build import build_gates
from pipeline.learning.descent import full_batch
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import ACTIVATIONS, Layer, Network, Shape, true_gradients
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.trainer import Trainer

INPUTS, CLASSES = 5, 3
RATE = 0.01
HISTORY = 100  # of L-BFGS: steps that it remembers
EVALUATIONS = 2  # of L-BFGS: the most for each iteration
TOLERANCE = 1e-30  # of L-BFGS: as far as double precision goes


def by_kind(estimators: Sequence[str]) -> tuple[list[str], list[str]]:
    """The estimators that learn, and the fixed ones."""
    learned = [name for name in estimators if members.load("estimators", name).LEARNED]
    return learned, [name for name in estimators if name not in learned]


def _setting(
    seed: int, points: int, width: int, *, hidden: int, activation: str = "relu", batch_norm: bool = False
) -> tuple[Network, Float[Tensor, "n inputs"], torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    shape = Shape(INPUTS, CLASSES, hidden=hidden, width=width, activation=activation, batch_norm=batch_norm, shift=0.1)
    net = Network(shape, generator=generator).double()
    return net, torch.randn(points, INPUTS, generator=generator, dtype=torch.float64), generator


def _labels(points: int, generator: torch.Generator) -> Float[Tensor, "n k"]:
    return one_hot(torch.randint(CLASSES, (points,), generator=generator), CLASSES).double()


def _fit(net: Network, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], iterations: int) -> float:
    """Train by backprop with L-BFGS, in place; returns the loss that is left."""
    search = torch.optim.LBFGS(
        net.parameters(),
        max_iter=iterations,
        max_eval=EVALUATIONS * iterations,
        tolerance_grad=0,
        tolerance_change=TOLERANCE,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> Tensor:
        search.zero_grad()
        value = loss("mse", net(x, mode="train"), y)
        value.backward()
        return value

    search.step(evaluate)  # pyright: ignore[reportArgumentType] (a closure may return a tensor)
    return loss("mse", net(x, mode="train"), y).item()


@dataclass(frozen=True)
class Solution:
    """What backprop found on random labels, and where it started."""

    start: Network
    end: Network
    x: Float[Tensor, "n inputs"]
    y: Float[Tensor, "n k"]
    left: float  # the loss at the end
    seed: int


def moved(starts: Sequence[tuple[Network, Solution]], estimator: str, steps: int) -> list[float]:
    """SG training from several networks of one shape, side by side, with fresh SGs after every hidden layer.

    Args:
        starts: each network, which is not changed, and the solution whose data and seed are used.
        estimator: of the SGs.
        steps: number of updates.

    Returns:
        The largest change of a parameter of each network.
    """
    module, sgd, trainers = members.load("estimators", estimator), OptimiserSettings("sgd", RATE), []
    for start, solution in starts:
        net, shared = copy.deepcopy(start), torch.Generator().manual_seed(solution.seed)
        gates = build_gates(net, module, range(1, net.shape.hidden + 1), generator=lambda layer, drawn=shared: drawn)
        trainers.append(Trainer(net, gates, loss="mse", optimiser=sgd, gate_optimiser=sgd, update="simultaneous"))
    x, y = ([getattr(solution, part) for _, solution in starts] for part in ("x", "y"))
    for _ in full_batch(trainers, x, y, [steps], estimator=module):
        pass
    return [
        max(
            (after - before).detach().abs().max().item()
            for after, before in zip(trainer.network.parameters(), start.parameters(), strict=True)
        )
        for trainer, (start, _) in zip(trainers, starts, strict=True)
    ]


def zero_loss(
    seed: int, points: int, width: int, fit: int, *, hidden: int, activation: str, batch_norm: bool
) -> Solution:
    """Train by backprop on random labels, with `fit` iterations of L-BFGS."""
    net, x, generator = _setting(seed, points, width, hidden=hidden, activation=activation, batch_norm=batch_norm)
    y, start = _labels(points, generator), copy.deepcopy(net)
    return Solution(start=start, end=net, x=x, y=y, left=_fit(net, x, y, fit), seed=seed)


def closed_form(net: Network) -> nn.Module:
    """The linear SG after the last hidden layer that is exact under MSE: A = 2VVᵀ/k, B = -2Vᵀ/k, c = 2bVᵀ/k (C2)."""
    module, weight = _zeros(net), net.weight.detach()  # p = h V + b, and weight is Vᵀ
    exact = {"A": weight.T @ weight, "B": -weight, "c": net.bias.detach() @ weight}
    module.load_state_dict({name: value * (2 / CLASSES) for name, value in exact.items()})
    return module


def _zeros(net: Network) -> nn.Module:
    """A fresh linear SG for the last hidden layer; it draws nothing."""
    module = members.load("estimators", "linear_sg")
    return module.build(net.shape.width, CLASSES, above=CLASSES, generator=torch.Generator()).double()


def exact_sg(seed: int, points: int, width: int, *, hidden: int, activation: str, batch_norm: bool) -> float:
    """Relative error of the closed-form SG at the last hidden layer, against autograd."""
    net, x, generator = _setting(seed, points, width, hidden=hidden, activation=activation, batch_norm=batch_norm)
    y = _labels(points, generator)
    true = true_gradients(net, [hidden], x, y, "mse")[hidden]
    h = net.span(x, range(1, hidden + 1), mode="measure").detach()
    return ((closed_form(net)(h, y) - true).norm() / true.norm()).item()


def critical_point(
    seed: int, points: int, width: int, fit: int, *, hidden: int, activation: str
) -> tuple[float, float]:
    """Search a critical point of ordinary training with errors, and check that the SG system has it too (C2).

    Returns:
        The norm of the loss's gradient where L-BFGS ends, in units of that at the start; and the largest of `residuals`
        there, with the exact SG.
    """
    net, x, generator = _setting(seed, points, width, hidden=hidden, activation=activation)
    y = torch.randn(points, CLASSES, generator=generator, dtype=torch.float64)
    start = copy.deepcopy(net)
    _fit(net, x, y, fit)
    gradient = _norm(_gradients(net, x, y)) / _norm(_gradients(start, x, y))
    return gradient, max(residuals(net, start, x, y, closed_form(net)))


def residuals(
    net: Network, start: Network, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], sg: nn.Module
) -> tuple[float, float, float]:
    """The three conditions of a critical point of the SG system with `sg` after the last hidden layer, each relative.

    `SG · dh/dtheta_<` and `dL/dtheta_>`, in units of the true gradients at `start`; `dL_SG/dtheta_SG`, in units of that
    of an SG of zeros at the same point.
    """
    given, fresh = Gate(sg), Gate(_zeros(net))
    first, said, _ = _gradients(start, x, y), _gradients(net, x, y, given), _gradients(net, x, y, fresh)
    last = -2  # theta_> is the output layer's weight and bias
    below, above = (_norm(said[part]) / _norm(first[part]) for part in (slice(last), slice(last, None)))
    return below, above, _norm(_sg_gradients(given)) / _norm(_sg_gradients(fresh))


def _gradients(
    net: Network, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], gate: Gate | None = None
) -> list[Tensor]:
    """Gradients of all parameters, the output layer's last; through a gate after the last hidden layer, if given."""
    gates = {net.shape.hidden: gate} if gate else None
    parameters = net.parameters_of(range(1, net.shape.hidden + 1), output=True)
    return list(torch.autograd.grad(loss("mse", net(x, mode="train", gates=gates, y=y), y), parameters))


def _sg_gradients(gate: Gate) -> list[Tensor]:
    return list(torch.autograd.grad(gate.loss(), list(gate.parameters())))


def _norm(parts: Sequence[Tensor]) -> float:
    return torch.cat([part.flatten() for part in parts]).norm().item()


def fixed_gates(seed: int, points: int, width: int, estimators: Sequence[str], activation: str) -> float:
    """The largest relative deviation of the first layer's gradient, over methods with fixed estimators."""
    return max(_fixed(name, seed, points, width, activation) for name in estimators)


def _fixed(name: str, seed: int, points: int, width: int, activation: str) -> float:
    net, x, generator = _setting(seed, points, width, hidden=2, activation=activation)
    y, module = _labels(points, generator), members.load("estimators", name)
    gates = build_gates(net, module, [1, 2], generator=lambda layer: generator)
    p = net(x, mode="train", gates=gates, y=y)
    loss("mse", p, y).backward()
    first, second = net.layers
    assert isinstance(first, Layer)
    assert isinstance(second, Layer)
    z1 = linear(x, first.weight, first.bias)
    z2 = linear(ACTIVATIONS[activation](z1), second.weight, second.bias)
    error = 2 * (p - y) / CLASSES
    matrices = {layer: gate.estimator.state_dict().get("R") for layer, gate in gates.items()}
    written_out = {
        "feedback_alignment": lambda: ((error @ matrices[2]) * _slope(activation, z2)) @ matrices[1],
        "direct_feedback_alignment": lambda: error @ matrices[1],
        "kickback": lambda: error.sum(dim=1, keepdim=True).expand(-1, width),
    }
    expected = (written_out[name]() * _slope(activation, z1)).T @ x / points
    found = first.weight.grad
    assert found is not None
    return ((found - expected).norm() / expected.norm()).item()


def _slope(activation: str, z: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
    """The activation's derivative, written out."""
    a = torch.sigmoid(z)
    return {"relu": (z > 0).double(), "sigmoid": a * (1 - a), "linear": torch.ones_like(z)}[activation]
