"""The measurements of `identities`, which need torch."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear, one_hot

from pipeline import plugins
from pipeline.gates import Gate
from pipeline.losses import loss
from pipeline.networks import Layer, Network, true_gradients
from pipeline.training import Rule, Trainer

INPUTS, CLASSES = 5, 3
RATE = 0.01
TOLERANCE = 1e-15  # of L-BFGS: as far as double precision goes


def _setting(seed: int, points: int, width: int, hidden: int) -> tuple[Network, Tensor, Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    net = Network(
        INPUTS, CLASSES, hidden=hidden, width=width, activation="relu", batch_norm=False, shift=0.1, gain=1.0,
        generator=generator,
    ).double()  # fmt: skip
    x = torch.randn(points, INPUTS, generator=generator, dtype=torch.float64)
    y = one_hot(torch.randint(CLASSES, (points,), generator=generator), CLASSES).double()
    return net, x, y, generator


def zero_loss(seed: int, points: int, width: int, hidden: int, fit: int, steps: int) -> tuple[float, float, float]:
    """The loss that backprop leaves on random labels, and how far SG training moves from there, and from its start."""
    net, x, y, _ = _setting(seed, points, width, hidden)
    control = _moved(copy.deepcopy(net), x, y, steps)
    search = torch.optim.LBFGS(
        net.parameters(), max_iter=20, tolerance_grad=0, tolerance_change=TOLERANCE, line_search_fn="strong_wolfe"
    )

    def evaluate() -> Tensor:
        search.zero_grad()
        value = loss("mse", net(x, mode="train"), y)
        value.backward()
        return value

    for _ in range(fit):
        search.step(evaluate)  # pyright: ignore[reportArgumentType] (a closure may return a tensor)
    left = loss("mse", net(x, mode="train"), y).item()
    return left, _moved(net, x, y, steps), control


def _moved(net: Network, x: Tensor, y: Tensor, steps: int) -> float:
    """The largest change of a parameter in SG training with fresh linear SGs after every hidden layer."""
    width, hidden = net.weight.shape[1], len(net.layers)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    module = plugins.load("estimators", "linear_sg")
    fresh = torch.Generator()  # a linear SG starts at zero and draws nothing
    gates = {
        layer: Gate(module.build(width, CLASSES, above=width, generator=fresh).double())
        for layer in range(1, hidden + 1)
    }
    rule = Rule("sgd", RATE)
    trainer = Trainer(net, gates, loss="mse", rule=rule, gate_rule=rule, update="simultaneous")
    for _ in range(steps):
        trainer.update(x, y)
    pairs = zip(net.parameters(), before, strict=True)
    return max((after.detach() - start).abs().max().item() for after, start in pairs)


def exact_sg(seed: int, points: int, width: int, hidden: int) -> float:
    """Relative error of the closed-form SG at the last hidden layer, against autograd."""
    net, x, y, _ = _setting(seed, points, width, hidden)
    true = true_gradients(net, [hidden], x, y, "mse")[hidden]
    h = net.span(x, range(1, hidden + 1), mode="measure").detach()
    weight, bias = net.weight.detach(), net.bias.detach()  # p = h Vᵀ' + b with V' = weight, of shape (k, width)
    said = (h @ (weight.T @ weight) - y @ weight + bias @ weight) * (2 / CLASSES)
    return ((said - true).norm() / true.norm()).item()


def fixed_gates(seed: int, points: int, width: int, estimators: Sequence[str]) -> float:
    """The largest relative deviation of the first layer's gradient, over methods with fixed estimators."""
    return max(_fixed(name, seed, points, width) for name in estimators)


def _fixed(name: str, seed: int, points: int, width: int) -> float:
    net, x, y, generator = _setting(seed, points, width, 2)
    module = plugins.load("estimators", name)
    gates = {
        layer: Gate(module.build(width, CLASSES, above=above, generator=generator).double(), waits_for=module.WAITS_FOR)
        for layer, above in ((1, width), (2, CLASSES))
    }
    p = net(x, mode="train", gates=gates, y=y)
    loss("mse", p, y).backward()
    first, second = net.layers
    assert isinstance(first, Layer)
    assert isinstance(second, Layer)
    z1 = linear(x, first.weight, first.bias)
    z2 = linear(torch.relu(z1), second.weight, second.bias)
    error = 2 * (p - y) / CLASSES
    matrices = {layer: gate.estimator.state_dict().get("R") for layer, gate in gates.items()}
    written_out = {
        "feedback_alignment": lambda: ((error @ matrices[2]) * (z2 > 0)) @ matrices[1],
        "direct_feedback_alignment": lambda: error @ matrices[1],
        "kickback": lambda: error.sum(dim=1, keepdim=True).expand(-1, width),
    }
    expected = (written_out[name]() * (z1 > 0)).T @ x / points
    found = first.weight.grad
    assert found is not None
    return ((found - expected).norm() / expected.norm()).item()
