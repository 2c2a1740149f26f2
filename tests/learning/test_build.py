"""Gates are built for a network: of each layer's size, from each layer's generator, in its precision."""

import pytest
import torch
from small_trainers import CLASSES, WIDTH, network

from pipeline.estimators import feedback_alignment, linear_sg, mlp_sg
from pipeline.learning.build import build_gates


def streams(layer):
    return torch.Generator().manual_seed(layer)


@pytest.mark.parametrize(("hidden", "layer", "units", "above"), [
    (3, 1, WIDTH, WIDTH), (3, 3, WIDTH, CLASSES), (3, 4, CLASSES, CLASSES), (0, 1, CLASSES, CLASSES),
])  # fmt: skip
def test_each_gate_has_the_units_of_its_layer_and_of_the_one_above(hidden, layer, units, above):
    (gate,) = build_gates(
        network(hidden), feedback_alignment, [layer], generator=streams, settings={"gain": 2.0}
    ).values()
    expected = feedback_alignment.build(units, CLASSES, above=above, generator=streams(layer), gain=2.0)
    assert torch.equal(gate.estimator.R, expected.R)
    assert gate.waits_for == feedback_alignment.WAITS_FOR


def test_a_generator_that_is_shared_is_drawn_from_in_the_order_of_the_layers():
    shared, again = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    gates = build_gates(network(), mlp_sg, [1, 3], generator=lambda layer: shared, settings={"width": 4})
    for layer, above in ((1, WIDTH), (3, CLASSES)):
        expected = mlp_sg.build(WIDTH, CLASSES, above=above, generator=again, width=4)
        for mine, other in zip(gates[layer].parameters(), expected.parameters(), strict=True):
            assert torch.equal(mine, other)


def test_gates_have_the_networks_precision_and_the_values_of_single_precision():
    single, double = (
        build_gates(net, feedback_alignment, [2], generator=streams, apply=False)
        for net in (network(), network().double())
    )
    assert double[2].estimator.R.dtype == torch.float64
    assert torch.equal(double[2].estimator.R, single[2].estimator.R.double())
    assert not single[2].applied


def test_building_gates_leaves_the_network_as_it_is():
    net, same = network(), network()
    build_gates(net, linear_sg, [1, 2, 3], generator=streams)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), same.parameters(), strict=True))
