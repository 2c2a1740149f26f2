"""The study's propositions as executable statements: critical points (C1, C2) and the implied loss.

C3 stands in `test_counter_example.py`, C5 and C6 in `test_paper_convergence.py`.
"""

import copy

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from pipeline.estimators.linear_sg import LinearSG
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

N, INPUTS, WIDTH, K, HIDDEN = 10, 12, 16, 3, 4


def network(seed=0, hidden=HIDDEN, **changes):
    shape = Shape(INPUTS, K, hidden=hidden, **{"width": WIDTH, "batch_norm": False, **changes})
    net = Network(shape, generator=torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        net.bias.copy_(torch.randn(K, generator=torch.Generator().manual_seed(seed + 1)))
    return net


def batch(seed=7, n=N):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, INPUTS, generator=generator, dtype=torch.float64)
    return x, torch.randn(n, K, generator=generator, dtype=torch.float64)


def trainer(net, gates, update="simultaneous", rate=0.01):
    """Gates with fresh SGs by placement, or the given ones. A rate beyond the curvature would blow up rounding errors."""
    if isinstance(gates, str):
        gates = {layer: Gate(LinearSG(WIDTH, K).double()) for layer in positions(gates, hidden=HIDDEN)}
    sgd, gate_sgd = OptimiserSettings("sgd", rate), OptimiserSettings("sgd", 1e-3)
    return Trainer(net, gates, loss="mse", optimiser=sgd, gate_optimiser=gate_sgd, update=update)


def parameters(module):
    return [parameter.detach().clone() for parameter in module.parameters()]


def moves(trainer, x, y, updates=1):
    """The largest change of any parameter of the network, by block (layers, then the output layer), and of the SGs."""
    net, gates = trainer.network, nn.ModuleList(trainer.gates.values())
    blocks = [*net.layers, nn.ParameterList([net.weight, net.bias])]
    before = [parameters(block) for block in [*blocks, gates]]
    for _ in range(updates):
        trainer.update(x, y)
    return [
        max((float((a - b).abs().max()) for a, b in zip(old, parameters(block), strict=True)), default=0.0)
        for old, block in zip(before, [*blocks, gates], strict=True)
    ]


def gradients(net, x, y, gates=None):
    net.zero_grad()
    loss("mse", net(x, mode="train", gates=gates, y=y), y).backward()
    return [parameter.grad.clone() for parameter in net.parameters()]


# C1: solutions without error


@pytest.mark.parametrize("update", ["simultaneous", "sequential"])
@pytest.mark.parametrize("placement", ["middle", "every"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_c1_where_no_sample_has_an_error_sg_training_moves_nothing(placement, update, batch_norm):
    net, (x, _) = network(batch_norm=batch_norm), batch()
    y = net(x, mode="measure").detach()
    assert moves(trainer(net, placement, update), x, y, updates=3) == [0.0] * (HIDDEN + 2)


@pytest.mark.parametrize("placement", ["middle", "every"])
def test_c1_random_targets_that_are_interpolated_stay_so(placement):
    """With more units than samples, the output layer can be set so that the loss is zero to rounding."""
    net, (x, y) = network(hidden=HIDDEN), batch()
    with torch.no_grad():
        h = torch.cat([net.activations(x)[-1], torch.ones(N, 1, dtype=torch.float64)], dim=1)
        top = torch.linalg.lstsq(h, y, driver="gelsd").solution.T
        net.weight.copy_(top[:, :-1])
        net.bias.copy_(top[:, -1])
    learner = trainer(net, placement, rate=1e-4)
    assert learner.update(x, y) < 1e-20
    assert max(moves(learner, x, y, updates=20)) < 1e-10
    assert min(moves(learner, x, batch(8)[1], updates=20)) > 1e-8, "other targets must move it, or the test is void"


@pytest.mark.parametrize("placement", ["middle", "every"])
def test_an_sg_starts_at_zero_and_the_first_update_below_it_is_zero(placement):
    learner, (x, y) = trainer(network(), placement), batch()
    below = min(learner.gates)
    first = moves(learner, x, y)
    for gate in learner.gates.values():
        assert torch.count_nonzero(gate.estimate) == 0
    assert all(change == 0 for change in first[:below])
    assert all(change > 0 for change in first[HIDDEN:]), "the output layer and the SGs do move"
    second = moves(learner, x, y, updates=HIDDEN)
    assert all(change > 0 for change in second), (
        "in a stack, SGs begin to differ from zero from the top down, one layer an update"
    )


# C2: what the SG can express, it keeps


def test_c2_the_linear_sg_of_a_linear_top_under_mse_symbolically():
    """A = 2 V Vᵀ / k, B = -2 Vᵀ / k, c = 2 b Vᵀ / k, for a sample's own gradient, n times that of the mean."""
    n, d, k = 2, 3, 2
    h, y = sympy.MatrixSymbol("h", n, d).as_explicit(), sympy.MatrixSymbol("y", n, k).as_explicit()
    top, b = sympy.MatrixSymbol("V", d, k).as_explicit(), sympy.MatrixSymbol("b", 1, k).as_explicit()
    p = h * top + sympy.ones(n, 1) * b
    mean = sum(entry**2 for entry in p - y) / (n * k)
    delta = sympy.Matrix(n, d, lambda i, j: n * sympy.diff(mean, h[i, j]))
    a_exact, b_exact, c_exact = 2 * top * top.T / k, -2 * top.T / k, 2 * b * top.T / k
    said = h * a_exact + y * b_exact + sympy.ones(n, 1) * c_exact
    assert (delta - said).applyfunc(sympy.expand) == sympy.zeros(n, d)


def exact(v, b):
    """The linear SG of claim C2 for a part above that is `h v + b`."""
    module = LinearSG(len(v), K).double()
    with torch.no_grad():
        module.A.copy_(2 * v @ v.T / K)
        module.B.copy_(-2 * v.T / K)
        module.c.copy_(2 * b @ v.T / K)
    return module


def exact_gates(net, layers):
    """Exact SGs after layers of a net that is linear above the lowest of them."""
    v, b, found = net.weight.detach().T, net.bias.detach(), {}
    for number in range(HIDDEN, 0, -1):
        if number in layers:
            found[number] = Gate(exact(v, b))
        layer = net.layers[number - 1]
        v, b = layer.weight.detach().T @ v, layer.bias.detach() @ v + b
    return found


@pytest.mark.parametrize(
    ("activation", "layers"), [("relu", [HIDDEN]), ("linear", [2]), ("linear", [1, 2, 3, 4]), ("linear", [1, 3])]
)
def test_c2_with_the_exact_sg_training_is_backprop(activation, layers):
    net, (x, y) = network(activation=activation, shift=0.3), batch()
    true, gates = gradients(net, x, y), exact_gates(net, layers)
    for said, wanted in zip(gradients(net, x, y, gates), true, strict=True):
        torch.testing.assert_close(said, wanted, rtol=1e-10, atol=1e-13)
    for gate in gates.values():
        torch.testing.assert_close(gate.estimate.detach(), gate.signals["arrived"], rtol=1e-10, atol=1e-12)
        assert gate.signals["arrived"].abs().max() > 1e-3


def test_c2_regression_on_the_targets_finds_the_exact_sg():
    net, (x, y) = network(hidden=1), batch(n=400)
    gate = Gate(LinearSG(WIDTH, K).double())
    gradients(net, x, y, {1: gate})
    z = torch.cat([gate.signals["h"], y, torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
    found = torch.linalg.lstsq(z, gate.signals["arrived"], driver="gelsd").solution
    wanted = exact(net.weight.detach().T, net.bias.detach())
    torch.testing.assert_close(found, torch.cat([wanted.A, wanted.B, wanted.c[None]]).detach(), rtol=1e-8, atol=1e-9)


def at_least_squares():
    """A deep linear net at a critical point with errors: its output layer solves least squares on all inputs."""
    net, (x, y) = network(activation="linear"), batch(n=60)
    with torch.no_grad():
        h = torch.cat([net.activations(x)[-1], torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
        top = torch.linalg.lstsq(h, y, driver="gelsd").solution.T
        net.weight.copy_(top[:, :-1])
        net.bias.copy_(top[:, -1])
    return net, x, y


def test_c2_a_critical_point_with_errors_stays_one_with_exact_sgs_and_not_with_fresh_ones():
    net, x, y = at_least_squares()
    assert loss("mse", net(x, mode="train"), y) > 0.1
    assert max(float(gradient.abs().max()) for gradient in gradients(net, x, y)) < 1e-12
    kept = trainer(copy.deepcopy(net), exact_gates(net, [1, 2, 3, 4]), rate=1e-3)
    assert max(moves(kept, x, y, updates=5)) < 1e-11
    assert moves(trainer(net, "every"), x, y)[-1] > 1e-4, "a fresh SG is no part of this critical point: it learns"


def test_c2_the_implied_loss_is_the_true_one_but_for_a_term_without_h():
    """The implied loss with the closed form, and the sample's loss: what is left is `|| b - y ||^2 / k`."""
    d, k = 3, 2
    h, y = sympy.MatrixSymbol("h", 1, d).as_explicit(), sympy.MatrixSymbol("y", 1, k).as_explicit()
    top, b = sympy.MatrixSymbol("V", d, k).as_explicit(), sympy.MatrixSymbol("b", 1, k).as_explicit()
    a_exact, b_exact, c_exact = 2 * top * top.T / k, -2 * top.T / k, 2 * b * top.T / k
    implied = (h * a_exact * h.T / 2 + (y * b_exact + c_exact) * h.T)[0, 0]
    true = sum(entry**2 for entry in h * top + b - y) / k
    left = sympy.expand(true - implied)
    assert left.free_symbols.isdisjoint(set(h))
    assert sympy.expand(left - sum(entry**2 for entry in b - y) / k) == 0


def residual_norms(net, x, y, gates):
    """Of the three conditions: `SG . dh/dtheta_<`, `dL/dtheta_>`, `dL_SG/dtheta_SG`, for gates of which one is the top."""
    moved = dict(zip((name for name, _ in net.named_parameters()), gradients(net, x, y, gates), strict=True))
    above = [f"layers.{number}." for number in range(max(gates), HIDDEN)]
    groups = {"below": [], "above": []}
    for name, gradient in moved.items():
        higher = not name.startswith("layers.") or name.startswith(tuple(above))
        groups["above" if higher else "below"].append(gradient.flatten())
    sgs = [
        gradient.flatten()
        for gate in gates.values()
        for gradient in torch.autograd.grad(gate.loss(), list(gate.parameters()))
    ]
    return [float(torch.cat(group).norm()) for group in (groups["below"], groups["above"], sgs)]


def at_minimum():
    """A deep linear net that is least squares: the global minimum, with errors, as there are more points than inputs."""
    net, (x, y) = network(activation="linear", shift=0.0), batch(n=60)
    with torch.no_grad():
        ones = torch.ones(len(x), 1, dtype=torch.float64)
        best = torch.linalg.lstsq(torch.cat([x, ones], dim=1), y, driver="gelsd").solution
        lower = torch.eye(INPUTS, dtype=torch.float64)
        for layer in net.layers:
            lower = lower @ layer.weight.T
        net.weight.copy_(torch.linalg.lstsq(lower, best[:-1], driver="gelsd").solution.T)
        net.bias.copy_(best[-1])
    return net, x, y


def at_saddle():
    """All weights zero and the bias the targets' mean: a saddle of a deep linear net, as every layer's gradient vanishes."""
    net, (x, y) = network(activation="linear", shift=0.0), batch(n=60)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.bias.copy_(y.mean(dim=0))
    return net, x, y


def at_rank_one_saddle():
    """Only the first singular direction of least squares is fitted: a saddle at which weights and delta are not zero."""
    net, x, y = at_minimum()
    with torch.no_grad():
        x = x - x.mean(dim=0)  # so that the bias decouples
        white = torch.linalg.qr(x).Q * np.sqrt(len(x))  # then least squares is the cross-moment, and so are its parts
        cross = white.T @ (y - y.mean(dim=0)) / len(x)
        left, values, right = torch.linalg.svd(cross, full_matrices=False)
        unit, root = torch.zeros(WIDTH, dtype=torch.float64), float(values[0]) ** (1 / (HIDDEN + 1))
        unit[0] = 1
        for number, layer in enumerate(net.layers):
            layer.weight.copy_(root * torch.outer(unit, left[:, 0] if number == 0 else unit))
            layer.bias.zero_()
        net.weight.copy_(root * torch.outer(right[0], unit))
        net.bias.copy_(y.mean(dim=0))
    return net, white, y


@pytest.mark.parametrize("layers", [[2], [1, 2, 3, 4]])
@pytest.mark.parametrize("point", [at_minimum, at_saddle, at_rank_one_saddle])
def test_c2_at_a_critical_point_all_three_conditions_of_the_sg_system_hold(point, layers):
    net, x, y = point()
    assert loss("mse", net(x, mode="train"), y) > 0.1, "with zero loss it would be C1"
    assert max(float(gradient.abs().max()) for gradient in gradients(net, x, y)) < 1e-11
    gates = exact_gates(net, layers)
    assert max(residual_norms(net, x, y, gates)) < 1e-10
    if point is not at_saddle:
        assert all(gate.estimate.norm() > 0.1 for gate in gates.values()), "the SG does say something"
        for gate in gates.values():
            gate.estimator.B.data.mul_(-1)
        assert min(residual_norms(net, x, y, gates)[::2]) > 1e-3, "a wrong SG must be noticed, or the test is void"


@pytest.mark.parametrize("point", [at_saddle, at_rank_one_saddle])
def test_c2_the_saddles_are_no_minima(point):
    """A little way along the second singular direction the loss is lower."""
    net, x, y = point()
    before, small = loss("mse", net(x, mode="train"), y).item(), 0.05 ** (1 / (HIDDEN + 1))
    left, _, right = torch.linalg.svd(x.T @ (y - y.mean(dim=0)) / len(x), full_matrices=False)
    with torch.no_grad():
        unit = torch.zeros(WIDTH, dtype=torch.float64)
        unit[1] = small
        for number, layer in enumerate(net.layers):
            layer.weight.add_(torch.outer(unit, left[:, 1] if number == 0 else unit / small))
        net.weight.add_(torch.outer(right[1], unit))
    assert loss("mse", net(x, mode="train"), y).item() < before - 1e-3


# The implied loss


def test_the_implied_loss_has_the_sg_as_its_gradient():
    d, k = 3, 2
    h, y = sympy.MatrixSymbol("h", 1, d).as_explicit(), sympy.MatrixSymbol("y", 1, k).as_explicit()
    a, b = sympy.MatrixSymbol("A", d, d).as_explicit(), sympy.MatrixSymbol("B", k, d).as_explicit()
    c = sympy.MatrixSymbol("c", 1, d).as_explicit()
    symmetric = (a + a.T) / 2
    implied = (h * symmetric * h.T / 2 + (y * b + c) * h.T)[0, 0]
    gradient = sympy.Matrix(1, d, lambda _, j: sympy.diff(implied, h[0, j]))
    assert (gradient - (h * symmetric + y * b + c)).applyfunc(sympy.expand) == sympy.zeros(1, d)
    said = h * a + y * b + c
    curl = sympy.Matrix(d, d, lambda i, j: sympy.diff(said[0, j], h[0, i]) - sympy.diff(said[0, i], h[0, j]))
    assert curl == a - a.T


def test_what_an_sg_does_around_a_circle_is_its_antisymmetric_part_times_the_area():
    """The integral of a gradient around a loop is zero; of the SG it is pi r^2 (A_01 - A_10), whatever B and c are."""
    generator, points, radius = torch.Generator().manual_seed(0), 360, 1.5
    module = LinearSG(4, K).double()
    for parameter in module.parameters():
        parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=generator))
    angle = torch.arange(points, dtype=torch.float64) * 2 * np.pi / points
    h, along = torch.zeros(points, 4).double(), torch.zeros(points, 4).double()
    h[:, 0], h[:, 1] = radius * angle.cos(), radius * angle.sin()
    along[:, 0], along[:, 1] = -radius * angle.sin(), radius * angle.cos()
    y = torch.ones(points, K).double()
    turned = float((module(h, y) * along).sum(dim=1).mean() * 2 * np.pi)
    expected = float(np.pi * radius**2 * (module.A[0, 1] - module.A[1, 0]))
    assert turned == pytest.approx(expected, rel=1e-10)
    assert abs(expected) > 0.1
    module.A.copy_((module.A + module.A.T) / 2)
    assert float((module(h, y) * along).sum()) == pytest.approx(0, abs=1e-10)
