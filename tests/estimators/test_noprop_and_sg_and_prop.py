"""The two ends of what a gate lets pass: nothing at all, and a mixture of an estimate and what arrives."""

import copy

import pytest
import torch
from stacks import ADAM, SGD, batches, trained, trainers
from torch.nn.functional import one_hot

from pipeline.estimators import noprop, sg_and_prop
from pipeline.learning.build import build_gates
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape
from pipeline.learning.stack import Stack

CUT = 2  # of 4 hidden layers: the gate stands after the second
RUNS = (0, 1)
EXACT = {"rtol": 1e-10, "atol": 1e-13}


def by_layer(network):
    """The parameters of each hidden layer, from the input up, and those of the output layer."""
    return [*(list(layer.parameters()) for layer in network.layers), [network.weight, network.bias]]


@pytest.mark.parametrize("stacked", [True, False], ids=["stack", "trainer"])
@pytest.mark.parametrize("optimiser", [SGD, ADAM], ids=["SGD", "Adam"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_below_noprop_nothing_moves_but_running_statistics(stacked, optimiser, batch_norm):
    learning = trainers(RUNS, "noprop", hidden=4, layers=[CUT], optimiser=optimiser, batch_norm=batch_norm)
    before = copy.deepcopy([trainer.network for trainer in learning])
    if stacked:
        trained(Stack(learning), RUNS)
    else:
        for x, y in batches(RUNS):
            for run, trainer in enumerate(learning):
                trainer.update(x[run], y[run])
    for trainer, start in zip(learning, before, strict=True):
        pairs = zip(by_layer(trainer.network), by_layer(start), strict=True)
        same = [all(map(torch.equal, *pair)) for pair in pairs]
        assert same == [True, True, False, False, False]
        if batch_norm:
            assert not torch.equal(trainer.network.layers[0].mean, start.layers[0].mean)


def test_the_layers_above_noprop_learn_from_random_features():
    """As if the layers below were no part of the network."""
    whole = trainers((0,), "noprop", hidden=4, layers=[CUT], precision=torch.float64)[0]
    below, above = copy.deepcopy(whole.network), copy.deepcopy(whole.network)
    for x, y in batches((0,), precision=torch.float64, steps=1):
        value = whole.update(x[0], y[0])
        features = below.span(x[0], range(1, CUT + 1), mode="train").detach()
        alone = loss("cross_entropy", above.output(above.span(features, range(CUT + 1, 5), mode="train")), y[0])
        alone.backward()
    assert value == pytest.approx(alone.item(), rel=1e-12)
    for mine, other in zip(whole.network.parameters(), above.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, torch.zeros_like(mine) if other.grad is None else other.grad, **EXACT)


def test_nothing_passes_noprop_even_if_what_arrives_is_infinite():
    gate = Gate(noprop.build(3, 2, above=3, generator=torch.Generator()), waits_for=noprop.WAITS_FOR)
    h = torch.ones(4, 3, requires_grad=True)
    (gate(h, torch.ones(4, 2)) * torch.inf).sum().backward()
    assert torch.equal(h.grad, torch.zeros(4, 3))


INPUTS, CLASSES, WIDTH, N = 4, 3, 5, 6


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_sg_and_prop_sends_the_mixture_down_and_learns_from_what_arrives(share):
    """BP(lambda): what arrives at the lower gate has come through the upper one's mixture."""
    generator = torch.Generator().manual_seed(1)
    shape = Shape(INPUTS, CLASSES, hidden=2, width=WIDTH, batch_norm=False, shift=0.1)
    net = Network(shape, generator=generator).double()
    gates = build_gates(net, sg_and_prop, [1, 2], generator=lambda layer: generator, settings={"share": share})
    x = torch.randn(N, INPUTS, generator=generator, dtype=torch.float64)
    y = one_hot(torch.arange(N) % CLASSES, CLASSES).double()
    with torch.no_grad():
        for gate in gates.values():
            for parameter in gate.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    p = net(x, mode="train", gates=gates, y=y)
    loss("mse", p, y).backward()
    sum(gate.loss() for gate in gates.values()).backward()

    first, second = net.layers
    z1 = x @ first.weight.T + first.bias
    h1 = z1.clamp(min=0)
    z2 = h1 @ second.weight.T + second.bias
    h2 = z2.clamp(min=0)
    arrived, expected = 2 * (p - y) / CLASSES @ net.weight, {}
    for layer, h in ((2, h2), (1, h1)):
        sg = gates[layer].estimator
        estimate = h @ sg.A + y @ sg.B + sg.c
        expected[layer] = (1 - share) * estimate + share * arrived
        torch.testing.assert_close(gates[layer].signals["arrived"], arrived, **EXACT)
        torch.testing.assert_close(gates[layer].estimate, expected[layer], **EXACT)
        slope = 2 * (1 - share) ** 2 * (estimate - arrived) / N
        for parameter, gradient in ((sg.A, h.T @ slope), (sg.B, y.T @ slope), (sg.c, slope.sum(dim=0))):
            torch.testing.assert_close(parameter.grad, gradient, **EXACT)
        arrived = (expected[2] * (z2 > 0)) @ second.weight
    torch.testing.assert_close(second.weight.grad, (expected[2] * (z2 > 0)).T @ h1 / N, **EXACT)
    torch.testing.assert_close(first.weight.grad, (expected[1] * (z1 > 0)).T @ x / N, **EXACT)


class Mixed:
    """The member of the family with a given share."""

    WAITS_FOR = sg_and_prop.WAITS_FOR

    def __init__(self, share):
        """Store the share."""
        self.share = share

    def build(self, units, classes, *, above, generator):
        """A module with that share."""
        return sg_and_prop.build(units, classes, above=above, generator=generator, share=self.share)


@pytest.mark.parametrize(("share", "limit"), [(0.0, "linear_sg"), (1.0, "backprop")])
def test_without_one_of_its_parts_sg_and_prop_is_the_other(share, limit):
    how = {"precision": torch.float64, "optimiser": SGD}
    mixed, other = trainers(RUNS, Mixed(share), **how), trainers(RUNS, limit, **how)
    trained(Stack(mixed), RUNS, precision=torch.float64)
    trained(Stack(other), RUNS, precision=torch.float64)
    for one, two in zip(mixed, other, strict=True):
        for mine, its in zip(one.network.parameters(), two.network.parameters(), strict=True):
            torch.testing.assert_close(mine, its, **EXACT)
