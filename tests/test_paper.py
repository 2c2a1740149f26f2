"""The study's propositions as executable statements."""

import copy

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from pipeline.analyses import counter_example, deep_linear_convergence, linear_convergence
from pipeline.estimators.linear_sg import LinearSG
from pipeline.gates import Gate, positions
from pipeline.losses import loss
from pipeline.networks import Network
from pipeline.training import Rule, Trainer

N, INPUTS, WIDTH, K, HIDDEN = 10, 12, 16, 3, 4


def network(seed=0, hidden=HIDDEN, **changes):
    options = {"width": WIDTH, "activation": "relu", "batch_norm": False, "shift": 0.0, "gain": 1.0, **changes}
    net = Network(INPUTS, K, hidden=hidden, generator=torch.Generator().manual_seed(seed), **options).double()
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
    return Trainer(net, gates, loss="mse", rule=Rule("sgd", rate), gate_rule=Rule("sgd", 1e-3), update=update)


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
    """With more units than samples, the output layer can be set so that the loss is nought to rounding."""
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
def test_an_sg_starts_at_nought_and_the_first_update_below_it_is_nought(placement):
    learner, (x, y) = trainer(network(), placement), batch()
    below = min(learner.gates)
    first = moves(learner, x, y)
    for gate in learner.gates.values():
        assert torch.count_nonzero(gate.estimate) == 0
    assert all(change == 0 for change in first[:below])
    assert all(change > 0 for change in first[HIDDEN:]), "the output layer and the SGs do move"
    second = moves(learner, x, y, updates=HIDDEN)
    assert all(change > 0 for change in second), "a stack of SGs speaks from the top down, one layer an update"


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
    """The integral of a gradient around a loop is nought; of the SG it is pi r^2 (A_01 - A_10), whatever B and c are."""
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


# C3: an SG that is too poor


class OneNumber(nn.Module):
    """The SG of the counter-example."""

    def __init__(self):
        super().__init__()
        self.c = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, h, y):
        return self.c.expand_as(h)


def through_the_gate(a, b, c=None):
    """The gradients in `(a, b)`, by autograd through the real gate, and the SG's best value; None: no gate."""
    a, b = (torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (a, b))
    x = torch.tensor(counter_example.INPUTS)[:, None]
    h = a * x + b
    gate = Gate(OneNumber())
    if c is not None:
        with torch.no_grad():
            gate.estimator.c.fill_(c)
        h = gate(h, torch.zeros_like(x))
    h.abs().mean().backward()
    best = float(gate.signals["arrived"].mean()) if c is not None else None
    return [a.grad.item(), b.grad.item()], best


def test_c3_the_sg_stands_still_where_the_loss_does_not():
    """At a = 1.3, b = 0.4: the loss's slope in a is 6 / 4 (6 if the loss were a sum), the best constant is 0."""
    true, _ = through_the_gate(1.3, 0.4)
    assert true == pytest.approx([6 / 4, 0])
    estimate, best = through_the_gate(1.3, 0.4, c=0.0)
    assert best == 0
    assert estimate == [0, 0]


@pytest.mark.parametrize("sign_a", [-1, 1])
@pytest.mark.parametrize("sign_b", [-1, 1])
@pytest.mark.parametrize(
    ("a", "b", "true", "sg"),
    [
        (1.3, 0.4, (1.5, 0.0), (0.0, 0.0)),
        (1.0, 0.999, (1.5, 0.0), (0.0, 0.0)),
        (1.0, 1.001, (1.0, 0.5), (0.0, 0.5)),
        (1.0, 1.999, (1.0, 0.5), (0.0, 0.5)),
        (1.0, 2.001, (0.0, 1.0), (0.0, 1.0)),
        (0.0, 1.0, (0.0, 1.0), (0.0, 1.0)),
    ],
)
def test_c3_gradients_by_region(a, b, true, sg, sign_a, sign_b):
    a, b = a * sign_a, b * sign_b
    signs = np.array([sign_a, sign_b])
    found = counter_example.true_gradient(np.array([a]), np.array([b]))[0]
    np.testing.assert_allclose(found, signs * true, atol=1e-15)
    np.testing.assert_allclose(found, through_the_gate(a, b)[0], atol=1e-15)
    found = counter_example.sg_gradient(np.array([a]), np.array([b]))[0]
    np.testing.assert_allclose(found, signs * sg, atol=1e-15)
    _, best = through_the_gate(a, b, c=0.0)
    np.testing.assert_allclose(found, through_the_gate(a, b, c=best)[0], atol=1e-15)


@pytest.fixture(scope="module")
def portrait():
    return counter_example.analyse(generator=np.random.default_rng(0))


def test_c3_the_critical_points_of_sg_training_are_a_cone_and_of_the_loss_the_origin(portrait):
    field = portrait[portrait["quantity"] == "field"]
    assert (field["critical_sg"] == (field["b"].abs() < field["a"].abs())).all()
    assert not field["critical_true"].any()
    origin = portrait[portrait["quantity"] == "origin"].iloc[0]
    assert origin["critical_true"]
    assert origin["critical_sg"]
    assert origin["loss"] == 0
    a = np.array([1.0, -1.0, 1.0, -1.0, 0.5])
    borders = counter_example.sg_gradient(a, np.array([1.0, 1.0, -1.0, -1.0, -1.0]))
    np.testing.assert_allclose(borders[:, 1], [0.25, 0.25, -0.25, -0.25, -0.75])


def test_c3_the_loss_and_its_gradient_belong_together(portrait):
    field = portrait[portrait["quantity"] == "field"]
    a, b, step = field["a"].to_numpy(), field["b"].to_numpy(), 1e-7
    smooth = np.abs(a[:, None] * counter_example.INPUTS + b[:, None]).min(axis=1) > 1e-5
    for number, name in enumerate(("da_true", "db_true")):
        move = [step, 0.0] if number == 0 else [0.0, step]
        up, down = (counter_example.loss(a + s * move[0], b + s * move[1]) for s in (1, -1))
        np.testing.assert_allclose(((up - down) / (2 * step))[smooth], field[name][smooth], atol=1e-6)


def test_c3_trajectories_end_where_theory_says(portrait):
    """SG training moves b alone, until it meets the cone; the true gradient leads to the origin."""
    paths = portrait[portrait["quantity"] == "trajectory"].sort_values("step")
    ends = paths.groupby(["rule", "trajectory"]).agg(["first", "last"])
    for (rule, _), end in ends[["a", "b"]].iterrows():
        a, b = end["a"]["first"], end["b"]["first"]
        inside = abs(b) < abs(a)
        limit = {"true": (0, 0), "sg": (a, b if inside else np.sign(b) * abs(a))}[rule]
        assert np.hypot(end["a"]["last"] - limit[0], end["b"]["last"] - limit[1]) < 0.02
    assert ends.loc["sg"]["loss"]["last"].min() > 0.5
    assert ends.loc["true"]["loss"]["last"].max() < 0.02


def test_c3_headline_numbers(portrait):
    found = counter_example.metrics(portrait)
    assert found["added_critical_share"] == pytest.approx([0.5], abs=0.01)
    assert found["removed_critical_share"] == [0.0]
    assert found["largest_gradient"] == [1.5]


# C5, C6: convergence of linear models


@pytest.fixture(scope="module")
def linear():
    return linear_convergence.analyse(
        generator=np.random.default_rng(0), samples=60, inputs=(6,), outputs=2, rates=(0.3, 1.0), sg_rates=(0.001, 1.0),
        iterations=400, points=8,
    )  # fmt: skip


@pytest.fixture(scope="module")
def deep():
    return deep_linear_convergence.analyse(
        generator=np.random.default_rng(1), samples=60, inputs=6, outputs=2, hidden=(2,), width=3, rates=(0.2,),
        sg_rates=(0.001, 1.0), iterations=600, points=8,
    )  # fmt: skip


def last(table, rule, sg_rate=None):
    part = table[(table["iteration"] == table["iteration"].max()) & (table["rule"] == rule)]
    return part if sg_rate is None else part[part["sg_rate"] == sg_rate]


def test_c5_line_search_finds_the_optimum_of_linear_regression(linear):
    ends = last(linear, "line_search")
    assert len(ends) == 2 * 2 * 3
    assert ends["gap"].max() < 1e-12
    assert last(linear, "backprop")["gap"].max() < 1e-12


def test_c6_line_search_finds_the_optimum_of_a_deep_linear_model(deep):
    assert last(deep, "line_search")["gap"].max() < 1e-4
    assert last(deep, "frozen")["gap"].min() > 0.01, "the layers above must not find it alone, or the test is void"


def test_c6_the_sg_stands_between_two_hidden_layers():
    found = deep_linear_convergence.analyse(
        generator=np.random.default_rng(0), hidden=(2, 3, 6), seeds=1, iterations=2, points=2
    )
    assert set(zip(found["hidden"], found["sg_after"], strict=True)) == {(2, 1), (3, 2), (6, 3)}
    with pytest.raises(ValueError, match=r"hidden: found \(1,\)"):
        deep_linear_convergence.analyse(generator=np.random.default_rng(0), hidden=(1,))


@pytest.mark.parametrize("name", ["linear", "deep"])
def test_c5_c6_a_fixed_sg_rate_can_miss_the_optimum(name, request):
    table = request.getfixturevalue(name)
    assert last(table, "fixed", 1.0)["diverged"].all()
    slow = last(table, "fixed", 0.001)["gap"]
    assert np.median(slow) > 1e-4
    assert np.median(slow) > 1e4 * np.median(last(table, "line_search")["gap"])


def test_c5_the_main_step_must_be_small_enough():
    table = linear_convergence.analyse(
        generator=np.random.default_rng(0), samples=60, inputs=(4,), outputs=1, rates=(0.1, 8.0), sg_rates=(0.1,),
        iterations=400, points=4,
    )  # fmt: skip
    ends = last(table, "line_search").groupby("rate")
    assert ends["diverged"].mean().to_dict() == {0.1: 0.0, 8.0: 1.0}


@pytest.mark.parametrize(("analysis", "name"), [(linear_convergence, "linear"), (deep_linear_convergence, "deep")])
def test_c5_c6_headline_numbers_have_a_value_per_seed(analysis, name, request):
    table = request.getfixturevalue(name)
    found = analysis.metrics(table)
    assert all(len(values) == 3 for values in found.values())
    worst = last(table, "line_search").groupby(["seed", "inputs", "hidden", "noise"])["gap"].min().groupby("seed").max()
    assert found["log10_gap.by_line_search"] == pytest.approx(np.log10(np.maximum(worst, 1e-20)))
