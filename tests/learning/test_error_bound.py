"""How closely gates track the true gradient: against dense Jacobians, closed forms and what the inequality promises."""

import copy

import pytest
import torch
from torch.func import functional_call, jacrev
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.learning.error_bound import Jacobian, batch_loss, inequality_terms, spectral_norm
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape, true_gradients
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.trainer import Trainer

INPUTS, WIDTH, CLASSES, N = 4, 5, 3, 7
KINDS = [(True, "relu"), (False, "relu"), (True, "sigmoid"), (False, "linear")]


def network(*, hidden=3, batch_norm=True, activation="relu", seed=0):
    shape = Shape(INPUTS, CLASSES, hidden=hidden, width=WIDTH, activation=activation, batch_norm=batch_norm, shift=0.1)
    return Network(shape, generator=torch.Generator().manual_seed(seed)).double()


def batch(seed=1):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    return torch.randn(N, INPUTS, generator=generator, dtype=torch.float64), one_hot(labels, CLASSES).double()


def gate(estimator="linear_sg", *, seed=2, size=0.05, above=WIDTH, **options):
    """A gate whose estimates are not zero."""
    module, generator = members.load("estimators", estimator), torch.Generator().manual_seed(seed)
    built = module.build(WIDTH, CLASSES, above=above, generator=generator).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return Gate(built, waits_for=module.WAITS_FOR, **options)


def tracked(net, gates, x, y, name="cross_entropy"):
    rows = inequality_terms(net, gates, x, y, name, generator=torch.Generator().manual_seed(3))
    return {
        layer: {q.removeprefix("tracking_"): v for number, q, v in rows if number == layer} for layer in sorted(gates)
    }


def dense(net, x, first, last):
    """`d vec(h_last) / d theta` of the layers after `first`, written out; the input of the first is held."""
    below = net.span(x, range(1, first + 1), mode="measure").detach()
    blocks = [net.layers[number - 1] for number in range(first + 1, last + 1)]
    held = [dict(block.named_parameters()) for block in blocks]

    def output(parameters):
        h = below
        for block, given in zip(blocks, parameters, strict=True):
            h = functional_call(block, given, (h, "measure"))
        return h.flatten()

    return torch.cat([part.flatten(1) for found in jacrev(output)(held) for part in found.values()], dim=1).detach()


def graph(net, x, last):
    h = net.span(x, range(1, last + 1), mode="measure")
    return Jacobian(h, [p for number in range(last) for p in net.layers[number].parameters()]), h


def start(h, seed=3):
    return torch.randn(h.shape, generator=torch.Generator().manual_seed(seed), dtype=h.dtype)


@pytest.mark.parametrize(("batch_norm", "activation"), KINDS)
def test_products_with_the_jacobian_are_those_of_the_dense_one(batch_norm, activation):
    net, (x, _) = network(batch_norm=batch_norm, activation=activation), batch()
    matrix = dense(net, x, 0, 2)
    jacobian, h = graph(net, x, 2)
    v, u = start(h), torch.randn(matrix.shape[1], generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    # Parameters are named in the order in which they are listed.
    torch.testing.assert_close(jacobian.pull(v), matrix.T @ v.flatten())
    torch.testing.assert_close(jacobian.push(u).flatten(), matrix @ u)


@pytest.mark.parametrize(("batch_norm", "activation"), KINDS)
def test_power_iteration_finds_the_largest_singular_value(batch_norm, activation):
    net, (x, _) = network(batch_norm=batch_norm, activation=activation), batch()
    jacobian, h = graph(net, x, 2)
    found = spectral_norm(jacobian, start(h), tolerance=1e-12, iterations=5000)
    assert found == pytest.approx(torch.linalg.svdvals(dense(net, x, 0, 2))[0].item(), rel=1e-8)


def test_power_iteration_rises_and_stays_below():
    net, (x, _) = network(), batch()
    jacobian, h = graph(net, x, 3)
    values = [spectral_norm(jacobian, start(h), tolerance=0.0, iterations=count) for count in range(1, 12)]
    assert values == sorted(values)
    assert values[0] < values[-1] <= torch.linalg.svdvals(dense(net, x, 0, 3))[0].item() * (1 + 1e-12)


def test_power_iteration_ends_early_where_little_is_left_to_gain():
    net, (x, _) = network(), batch()
    jacobian, h = graph(net, x, 2)
    calls, pull = [], jacobian.pull
    jacobian.pull = lambda v: calls.append(1) or pull(v)
    spectral_norm(jacobian, start(h), tolerance=0.1)
    assert 2 <= len(calls) < 20
    calls.clear()
    spectral_norm(jacobian, start(h), tolerance=0.0, iterations=6)
    assert len(calls) == 6


def test_a_layer_that_is_dead_has_norm_zero():
    net, (x, y) = network(batch_norm=False), batch()
    with torch.no_grad():
        net.layers[0].bias -= 1e3
    found = tracked(net, {1: gate()}, x, y)[1]
    assert found["jacobian"] == found["gradient"] == found["parameter_error"] == found["cosine"] == 0
    assert found["error"] > 0


@pytest.mark.parametrize(("batch_norm", "activation"), KINDS)
def test_every_number_of_one_gate_written_out(batch_norm, activation):
    net, (x, y), layer = network(batch_norm=batch_norm, activation=activation), batch(), 2
    gates = {layer: gate()}
    found = tracked(net, gates, x, y)[layer]
    matrix = dense(net, x, 0, layer)
    h = net.span(x, range(1, layer + 1), mode="measure")
    delta = torch.autograd.grad(loss("cross_entropy", net.output(net.span(h, range(3, 4), mode="measure")), y), h)[0]
    said = gates[layer].estimator(h, y).detach() / N
    right, along = matrix.T @ delta.flatten(), matrix.T @ said.flatten()
    assert found == pytest.approx({
        "error": (said - delta).square().sum().sqrt().item(),
        "jacobian": torch.linalg.svdvals(matrix)[0].item(),
        "gradient": right.norm().item(),
        "parameter_error": (along - right).norm().item(),
        "cosine": torch.cosine_similarity(along, right, dim=0).item(),
    }, rel=2e-3)  # fmt: skip
    assert found["gradient"] == pytest.approx(right.norm().item(), rel=1e-10)


def test_the_gradient_is_that_of_the_mean_loss_by_autograd():
    net, (x, y) = network(), batch()
    found = tracked(net, {3: gate()}, x, y)[3]
    loss("cross_entropy", net(x, mode="measure"), y).backward()
    squares = [p.grad.square().sum() for layer in net.layers for p in layer.parameters()]
    assert found["gradient"] == pytest.approx(torch.stack(squares).sum().sqrt().item(), rel=1e-10)


@pytest.mark.parametrize("estimator", ["linear_sg", "feedback_alignment", "direct_feedback_alignment", "kickback"])
def test_stacked_gates_have_a_block_of_parameters_each(estimator):
    """The parameter errors of the blocks are, together, what the gated gradient differs from the true one by."""
    net, (x, y) = network(), batch()
    gates = {1: gate(estimator, seed=5), 3: gate(estimator, seed=6, above=CLASSES)}
    found = tracked(net, gates, x, y, "mse")
    gradients = []
    for above in (gates, {}):
        value = loss("mse", net(x, mode="measure", gates=above, y=y), y)
        gradients.append(torch.autograd.grad(value, list(net.parameters())))
    names = [name for name, _ in net.named_parameters()]
    for layer, mine in ((1, ["layers.0."]), (3, ["layers.1.", "layers.2."])):
        chosen = [i for i, name in enumerate(names) if name.startswith(tuple(mine))]
        said, true = (torch.cat([parts[i].flatten() for i in chosen]) for parts in gradients)
        assert found[layer]["gradient"] == pytest.approx(true.norm().item())
        assert found[layer]["parameter_error"] == pytest.approx((said - true).norm().item())
        assert found[layer]["cosine"] == pytest.approx(torch.cosine_similarity(said, true, dim=0).item())
        assert found[layer]["jacobian"] == pytest.approx(
            torch.linalg.svdvals(dense(net, x, 0 if layer == 1 else 1, layer))[0].item(), rel=2e-3
        )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0.01, 1.0])
def test_the_bound_is_never_below_the_error(seed, size):
    net, (x, y) = network(seed=seed).float(), batch(seed)
    gates = {layer: gate(seed=seed + layer, size=size) for layer in (1, 2, 3)}
    for one in gates.values():
        one.float()
    for numbers in tracked(net, gates, x.float(), y.float()).values():
        assert numbers["error"] * numbers["jacobian"] >= numbers["parameter_error"] * (1 - 1e-6)


def exact(net):
    """The closed-form linear SG at the last hidden layer under MSE: A = 2VV'/k, B = -2V'/k, c = 2bV'/k."""
    right = gate()
    weight, bias = net.weight.detach(), net.bias.detach()
    with torch.no_grad():
        right.estimator.A.copy_(2 * weight.T @ weight / CLASSES)
        right.estimator.B.copy_(-2 * weight / CLASSES)
        right.estimator.c.copy_(2 * bias @ weight / CLASSES)
    return right


@pytest.mark.parametrize("batch_norm", [True, False])
def test_an_exact_sg_has_no_error(batch_norm):
    net, (x, y) = network(batch_norm=batch_norm), batch()
    found = tracked(net, {3: exact(net)}, x, y, "mse")[3]
    bound, gradient = found["error"] * found["jacobian"], found["gradient"]
    assert gradient > 1e-3
    assert bound < 1e-12
    assert found["cosine"] == pytest.approx(1)
    assert (gradient - bound) / (gradient + bound) == pytest.approx(1)


def test_a_zero_sg_is_wrong_by_the_whole_gradient():
    net, (x, y) = network(), batch()
    found = tracked(net, {2: gate(size=0.0)}, x, y)[2]
    assert found["parameter_error"] == found["gradient"] > 0
    assert found["error"] == pytest.approx(true_gradients(net, [2], x, y, "cross_entropy")[2].norm().item() / N)
    assert found["cosine"] == 0


def test_where_the_condition_holds_the_step_goes_downhill():
    """`e K < g` implies a positive inner product of the SG's direction with the true one; without it, it may not be."""
    held, cosines = 0, []
    for seed in range(30):
        net, (x, y) = network(seed=seed, hidden=1), batch(seed)
        one = exact(net)
        noise = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in one.estimator.parameters():
                scale = 0.4 * (seed + 1) / 30
                parameter += scale * torch.randn(parameter.shape, generator=noise, dtype=torch.float64)
        found = tracked(net, {1: one}, x, y, "mse")[1]
        cosines.append(found["cosine"])
        if found["error"] * found["jacobian"] < found["gradient"]:
            held += 1
            assert found["cosine"] > 0
    assert held >= 3, "the condition must hold now and then for this to say something"
    assert min(cosines) < 0


def test_gates_on_the_output_track_too():
    """Above the last hidden layer theta_< is the output layer's, and the exact linear SG of p is 2 (p - y) / k."""
    net, (x, y) = network(hidden=0), batch()
    module = members.load("estimators", "linear_sg")
    built = module.build(CLASSES, CLASSES, above=CLASSES, generator=torch.Generator()).double()
    found = tracked(net, {1: Gate(built)}, x, y, "mse")[1]
    p = net.output(x)
    assert found["error"] == pytest.approx((2 * (p - y) / CLASSES / N).norm().item())
    # p = x W' + b: the Jacobian's squared singular values are those of [x 1], each k times.
    assert found["jacobian"] == pytest.approx(
        torch.linalg.svdvals(torch.cat([x, torch.ones(N, 1, dtype=x.dtype)], dim=1))[0].item(), rel=1e-3
    )


@pytest.mark.parametrize("apply", [True, False])
def test_tracking_moves_nothing(apply):
    net, (x, y) = network().float(), batch()
    gates = {layer: gate(apply=apply).float() for layer in (1, 2)}
    adam = OptimiserSettings("adam", 0.01)
    options = {"loss": "cross_entropy", "optimiser": adam, "gate_optimiser": adam, "update": "simultaneous"}
    trainers = [Trainer(copy.deepcopy(net), copy.deepcopy(gates), **options) for _ in range(2)]
    x, y = x.float(), y.float()
    for _ in range(3):
        for number, trainer in enumerate(trainers):
            if number:
                generator = torch.Generator().manual_seed(0)
                inequality_terms(trainer.network, trainer.gates, x, y, "cross_entropy", generator=generator)
                batch_loss(trainer.network, x, y, "cross_entropy")
            trainer.update(x, y)
    a, b = (trainer.state() for trainer in trainers)
    assert a.keys() == b.keys()
    assert all((a[name] == b[name]).all() for name in a)


def test_tracking_is_the_same_every_time():
    net, (x, y) = network().float(), batch()
    gates = {layer: gate().float() for layer in (1, 3)}
    assert tracked(net, gates, x.float(), y.float()) == tracked(net, gates, x.float(), y.float())


def test_no_gates_no_rows():
    net, (x, y) = network(), batch()
    assert inequality_terms(net, {}, x, y, "mse", generator=torch.Generator()) == []


def test_the_batch_loss_is_the_one_that_training_sees():
    net, (x, y) = network(), batch()
    expected = loss("mse", copy.deepcopy(net)(x, mode="train"), y).item()
    before = copy.deepcopy(net.state_dict())
    assert batch_loss(net, x, y, "mse") == pytest.approx(expected)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
