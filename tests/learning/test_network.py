"""Networks: their shape, and the true gradients of their layers."""

import pytest
from small_trainers import CLASSES, INPUTS, WIDTH, easy_batch, network

from pipeline.learning.losses import loss
from pipeline.learning.network import Shape, true_gradients


@pytest.fixture
def batch():
    return easy_batch()


def test_a_layer_has_the_width_and_the_output_its_own_units():
    shape = Shape(INPUTS, CLASSES, hidden=2, width=WIDTH)
    assert [shape.units(layer) for layer in (1, 2, 3)] == [WIDTH, WIDTH, CLASSES]
    assert Shape(INPUTS, CLASSES, hidden=0, width=WIDTH).units(1) == CLASSES


def test_the_parameters_of_blocks_are_those_of_the_network_once_each():
    net = network(hidden=3)
    parts = [net.parameters_of(range(1, 3), output=False), net.parameters_of(range(3, 4), output=True)]
    assert [len(part) for part in parts] == [6, 5]
    assert {id(p) for part in parts for p in part} == {id(p) for p in net.parameters()}


@pytest.mark.parametrize("layers", [[1], [1, 3], [2]])
def test_true_gradients_are_those_of_each_samples_loss(batch, layers):
    """By finite differences of the summed loss with respect to a unit of a sample (no batch norm: samples apart)."""
    x, y = batch[0].double(), batch[1].double()
    net = network(batch_norm=False).double()
    found = true_gradients(net, layers, x, y, "cross_entropy")
    h = net.span(x, range(1, layers[0] + 1), mode="measure").detach()
    step = 1e-6

    def total(values):
        p = net.output(net.span(values, range(layers[0] + 1, 4), mode="measure"))
        return (loss("cross_entropy", p, y) * len(x)).item()

    for sample, unit in [(0, 0), (4, 3), (29, 7)]:
        up, down = h.clone(), h.clone()
        up[sample, unit] += step
        down[sample, unit] -= step
        slope = (total(up) - total(down)) / (2 * step)
        assert found[layers[0]][sample, unit].item() == pytest.approx(slope, abs=1e-6)
