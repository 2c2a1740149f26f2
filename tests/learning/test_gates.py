"""The gate against an explicit detach-and-step implementation, zero start, scale, and leaks in either direction."""

import copy

import pytest
import torch
from torch.nn.functional import one_hot

from pipeline.estimators import backprop, linear_sg
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape

INPUTS, CLASSES, WIDTH, N = 7, 3, 5, 12


def network(hidden=4, seed=0, **changes):
    shape = Shape(INPUTS, CLASSES, hidden=hidden, width=WIDTH, **changes)
    return Network(shape, generator=torch.Generator().manual_seed(seed)).double()


def random_sg(seed=1):
    """A linear SG with estimates that are not zero, so that a wrong sign or factor shows."""
    generator = torch.Generator().manual_seed(seed)
    module = linear_sg.build(WIDTH, CLASSES, above=WIDTH, generator=generator).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(N, INPUTS, generator=generator, dtype=torch.float64)
    return x, one_hot(torch.arange(N) % CLASSES, CLASSES).double()


def gradients(module):
    return [None if p.grad is None else p.grad.clone() for p in module.parameters()]


def explicit(net, estimators, x, y):
    """Jaderberg et al.: cut the graph at every module; each piece gets its own backward pass.

    Returns the targets per module; gradients are left in `net` and the estimators.
    """
    inputs, outputs, h = {}, {}, x
    for number, layer in enumerate(net.layers, start=1):
        h = layer(h, "train")
        if number in estimators:
            outputs[number] = h
            h = inputs[number] = h.detach().requires_grad_()
    loss("cross_entropy", net.output(h), y).backward()
    targets = {}
    for number in sorted(estimators, reverse=True):
        targets[number] = N * inputs[number].grad.detach()
        said = estimators[number](outputs[number].detach(), y)
        outputs[number].backward(said.detach() / N)
        ((said - targets[number]) ** 2).sum(dim=1).mean().backward()
    return targets


@pytest.mark.parametrize("layers", [[2], [1, 2, 3, 4], [1, 3]])
def test_one_backward_pass_equals_the_explicit_implementation(batch, layers):
    x, y = batch
    ours, theirs = network(), network()
    gates = {layer: Gate(random_sg(layer)) for layer in layers}
    copies = {layer: copy.deepcopy(gate.estimator) for layer, gate in gates.items()}
    targets = explicit(theirs, copies, x, y)

    loss("cross_entropy", ours(x, mode="train", gates=gates, y=y), y).backward()
    sum(gate.loss() for gate in gates.values()).backward()

    for mine, other in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)
    for layer, gate in gates.items():
        torch.testing.assert_close(gate.signals["arrived"], targets[layer], rtol=1e-12, atol=1e-14)
        for mine, other in zip(gradients(gate.estimator), gradients(copies[layer]), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)


def test_without_gates_it_is_backprop(batch):
    x, y = batch
    plain, gated = network(), network()
    loss("cross_entropy", plain(x, mode="train"), y).backward()
    everywhere = {
        n: Gate(backprop.build(WIDTH, CLASSES, above=WIDTH, generator=torch.Generator()), waits_for=backprop.WAITS_FOR)
        for n in (1, 2, 3, 4)
    }
    loss("cross_entropy", gated(x, mode="train", gates=everywhere, y=y), y).backward()
    for mine, other in zip(gradients(gated), gradients(plain), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=0)


def test_observed_gates_change_nothing_and_still_learn(batch):
    x, y = batch
    plain, gated = network(), network()
    gates = {2: Gate(random_sg(), apply=False)}
    loss("cross_entropy", plain(x, mode="train"), y).backward()
    loss("cross_entropy", gated(x, mode="train", gates=gates, y=y), y).backward()
    for mine, other in zip(gradients(gated), gradients(plain), strict=True):
        assert torch.equal(mine, other)
    gates[2].loss().backward()
    assert all(p.grad.abs().sum() > 0 for p in gates[2].parameters())


def test_the_first_update_of_the_layers_below_is_zero(batch):
    x, y = batch
    net = network()
    gate = Gate(linear_sg.build(WIDTH, CLASSES, above=WIDTH, generator=torch.Generator()).double())
    loss("cross_entropy", net(x, mode="train", gates={2: gate}, y=y), y).backward()
    assert torch.count_nonzero(gate.estimate) == 0
    for number, layer in enumerate(net.layers, start=1):
        moved = sum(p.grad.abs().sum() for p in layer.parameters())
        assert moved == 0 if number <= 2 else moved > 0


def test_the_sg_loss_leaves_nothing_in_the_network_and_the_main_loss_nothing_in_the_sg(batch):
    x, y = batch
    net, gate = network(), Gate(random_sg())
    loss("cross_entropy", net(x, mode="train", gates={2: gate}, y=y), y).backward()
    assert gradients(gate) == [None] * 3
    before = gradients(net)
    gate.loss().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, gradients(net), strict=True))
    assert all(g is not None for g in gradients(gate))


def test_the_target_does_not_depend_on_the_batch_size(batch):
    """Each sample's target is the gradient of that sample's own loss: a batch that stands twice changes nothing."""
    x, y = batch
    net, gate = network(batch_norm=False), Gate(random_sg())
    loss("cross_entropy", net(x, mode="train", gates={2: gate}, y=y), y).backward()
    once, below_once = gate.signals["arrived"].clone(), net.layers[0].weight.grad.clone()
    net.zero_grad()
    loss(
        "cross_entropy", net(x.repeat(2, 1), mode="train", gates={2: gate}, y=y.repeat(2, 1)), y.repeat(2, 1)
    ).backward()
    torch.testing.assert_close(gate.signals["arrived"][:N], once, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(net.layers[0].weight.grad, below_once, rtol=1e-12, atol=1e-14)


def test_the_sg_loss_is_the_squared_error_summed_over_units_and_averaged_over_samples(batch):
    x, y = batch
    net, gate = network(), Gate(random_sg())
    loss("cross_entropy", net(x, mode="train", gates={2: gate}, y=y), y).backward()
    error = gate.estimate.detach() - gate.signals["arrived"]
    assert gate.loss().item() == pytest.approx((error**2).sum().item() / N)


def test_the_sg_loss_of_another_target(batch):
    x, y = batch
    net, gate = network(), Gate(random_sg())
    loss("cross_entropy", net(x, mode="train", gates={2: gate}, y=y), y).backward()
    target = torch.ones(N, WIDTH, dtype=torch.float64)
    assert gate.loss(target).item() == pytest.approx(((gate.estimate.detach() - 1) ** 2).sum().item() / N)


def test_a_gate_asked_too_early_says_so():
    with pytest.raises(RuntimeError, match="after a forward and a backward pass"):
        Gate(random_sg()).loss()
