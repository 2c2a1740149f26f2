"""Each estimator against its closed form, worked out by hand; C17: the fixed ones are gates too."""

import pytest
import torch
from torch.nn.functional import one_hot, softmax

from pipeline.estimators import (
    class_only_sg,
    direct_feedback_alignment,
    feedback_alignment,
    kickback,
    linear_sg,
    mlp_sg,
    sigmoid_sg,
    unconditioned_sg,
)
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape

INPUTS, CLASSES, WIDTH, N = 4, 3, 5, 6
D = torch.float64


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=D)


def made(module, *, above=WIDTH, **settings):
    built = module.build(WIDTH, CLASSES, above=above, generator=torch.Generator().manual_seed(3), **settings)
    return built.double()


def fill(module):
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=10 + number))
    return module


@pytest.fixture
def signals():
    labels = torch.arange(N) % CLASSES
    return draw(N, WIDTH, seed=1), one_hot(labels, CLASSES).to(D)


def test_linear(signals):
    h, y = signals
    sg = fill(made(linear_sg))
    torch.testing.assert_close(sg(h=h, y=y), h @ sg.A + y @ sg.B + sg.c)


def test_sigmoid(signals):
    h, y = signals
    sg = fill(made(sigmoid_sg))
    torch.testing.assert_close(sg(h=h, y=y), (1 / (1 + torch.exp(-h @ sg.A))) @ torch.diag(sg.D) + y @ sg.B + sg.c)


def test_class_only(signals):
    _, y = signals
    sg = fill(made(class_only_sg))
    torch.testing.assert_close(sg(y=y), y @ sg.B + sg.c)


@pytest.mark.parametrize(("module", "conditioned"), [(mlp_sg, True), (unconditioned_sg, False)])
def test_deep(signals, module, conditioned):
    h, y = signals
    sg = fill(made(module, layers=1, width=7))
    net = sg.mlp
    z = (torch.cat([h, y], dim=1) if conditioned else h) @ net.weights[0].T
    z = (z - z.mean(0)) / torch.sqrt(z.var(0, unbiased=False) + 1e-5) * net.scales[0] + net.shifts[0]
    expected = torch.clamp(z, min=0) @ net.last.T + net.bias
    torch.testing.assert_close(sg(**({"h": h, "y": y} if conditioned else {"h": h})), expected)


@pytest.mark.parametrize("module", [mlp_sg, unconditioned_sg])
def test_deep_ones_begin_with_a_zero_last_layer(module):
    net = made(module).mlp
    assert torch.count_nonzero(net.last) == torch.count_nonzero(net.bias) == 0
    assert all(torch.count_nonzero(weight) > 0 for weight in net.weights)


def test_unconditioned_without_layers_is_linear_in_h(signals):
    h, _ = signals
    sg = fill(made(unconditioned_sg, layers=0))
    torch.testing.assert_close(sg(h=h), h @ sg.mlp.last.T + sg.mlp.bias)


def network():
    shape = Shape(INPUTS, CLASSES, hidden=2, width=WIDTH, batch_norm=False, shift=0.1)
    return Network(shape, generator=torch.Generator().manual_seed(5)).double()


def pass_through(net, gates, name="cross_entropy"):
    """One backward pass; the layers' outputs and the gradient of each sample's loss at the output, by hand."""
    x, y = draw(N, INPUTS, seed=7), one_hot(torch.arange(N) % CLASSES, CLASSES).to(D)
    p = net(x, mode="train", gates=gates, y=y)
    loss(name, p, y).backward()
    error = softmax(p, dim=1) - y if name == "cross_entropy" else 2 * (p - y) / CLASSES
    h1 = net.layers[0](x, "train")
    z2 = h1 @ net.layers[1].weight.T + net.layers[1].bias
    return x, h1.detach(), z2.detach(), error.detach()


def gate(module, **settings):
    return Gate(made(module, **settings), waits_for=module.WAITS_FOR)


def test_feedback_alignment_is_the_chain_rule_with_other_matrices():
    net, gates = network(), {1: gate(feedback_alignment), 2: gate(feedback_alignment, above=CLASSES)}
    x, h1, z2, error = pass_through(net, gates)
    g2 = error @ gates[2].estimator.R
    g1 = (g2 * (z2 > 0)) @ gates[1].estimator.R
    torch.testing.assert_close(gates[2].estimate, g2)
    torch.testing.assert_close(gates[1].estimate, g1)
    torch.testing.assert_close(net.layers[1].weight.grad, (g2 * (z2 > 0)).T @ h1 / N)
    torch.testing.assert_close(net.layers[0].weight.grad, (g1 * (h1 > 0)).T @ x / N)


def test_feedback_alignment_with_the_weights_themselves_is_backprop():
    net, plain = network(), network()
    gates = {1: gate(feedback_alignment), 2: gate(feedback_alignment, above=CLASSES)}
    gates[1].estimator.R.copy_(net.layers[1].weight.detach())
    gates[2].estimator.R.copy_(net.weight.detach())
    pass_through(net, gates)
    pass_through(plain, {})
    for mine, other in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("name", ["cross_entropy", "mse"])
def test_direct_feedback_alignment_sends_the_outputs_error_to_every_layer(name):
    net, gates = network(), {1: gate(direct_feedback_alignment), 2: gate(direct_feedback_alignment)}
    x, h1, _, error = pass_through(net, gates, name)
    for one in gates.values():
        torch.testing.assert_close(one.estimate, error @ one.estimator.R)
    g1 = error @ gates[1].estimator.R
    torch.testing.assert_close(net.layers[0].weight.grad, (g1 * (h1 > 0)).T @ x / N)


def test_kickback_sends_the_summed_error_alike_to_all_units():
    net, gates = network(), {1: gate(kickback), 2: gate(kickback)}
    x, h1, _, error = pass_through(net, gates, "mse")
    g = error.sum(1, keepdim=True).expand(N, WIDTH)
    torch.testing.assert_close(gates[1].estimate, g)
    torch.testing.assert_close(net.layers[0].weight.grad, (g * (h1 > 0)).T @ x / N)


def test_kickback_is_mute_under_log_loss():
    _, gates = None, {1: gate(kickback)}
    pass_through(network(), gates)
    assert gates[1].estimate.abs().max() < 1e-12


def test_the_output_layer_always_gets_the_true_gradient():
    for module in (feedback_alignment, direct_feedback_alignment, kickback, linear_sg):
        net, plain = network(), network()
        pass_through(net, {1: gate(module)})
        pass_through(plain, {})
        torch.testing.assert_close(net.weight.grad, plain.weight.grad)


def test_feedback_matrices_have_the_scale_of_the_weights_and_their_own_stream():
    big = [
        feedback_alignment.build(400, 10, above=400, generator=torch.Generator().manual_seed(seed)).R for seed in (1, 2)
    ]
    assert big[0].std().item() == pytest.approx(1 / 20, rel=0.02)
    assert not torch.equal(*big)


@pytest.mark.parametrize("module", [feedback_alignment, direct_feedback_alignment])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_fixed_matrices_have_the_scale_of_the_weights_in_whose_place_they_stand(module, gain):
    units, classes, above = 100, 400, 900
    built = module.build(units, classes, above=above, generator=torch.Generator().manual_seed(1), gain=gain)
    deviation = built.R.std().item()
    assert deviation == pytest.approx(gain / units**0.5, rel=0.02)


def test_hidden_weights_of_deep_estimators_keep_the_scale_of_the_signal():
    """He et al. (2015): the deviation follows from the number of inputs, not of outputs."""
    built = mlp_sg.build(300, 100, above=300, generator=torch.Generator().manual_seed(1), layers=2, width=50)
    inputs = [weight.shape[1] for weight in built.mlp.weights]
    assert inputs == [400, 50]
    for weight, count in zip(built.mlp.weights, inputs, strict=True):
        assert weight.std().item() == pytest.approx((2 / count) ** 0.5, rel=0.05)
