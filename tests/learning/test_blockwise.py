"""Sequential updates: what they share with simultaneous ones, in which they differ, and what they refuse."""

import numpy as np
import pytest
import torch
from small_trainers import ADAM, CLASSES, SGD, easy_batch, network, trainer

from pipeline.estimators import linear_sg
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.trainer import Trainer


@pytest.fixture
def batch():
    return easy_batch()


def test_sequential_equals_simultaneous_where_nothing_below_moves(batch):
    """At the zero start the blocks below a gate stand still, so that the order can't matter in the first step."""
    x, y = batch
    a, b = trainer("middle", optimiser=SGD), trainer("middle", optimiser=SGD, update="sequential")
    assert a.update(x, y) == pytest.approx(b.update(x, y))
    for mine, other in zip(a.model().values(), b.model().values(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-7)


def test_sequential_blocks_see_what_the_moved_block_below_gives(batch):
    x, y = batch
    learner = trainer("middle", optimiser=SGD, gate_optimiser=SGD, update="sequential")
    for _ in range(3):
        learner.update(x, y)
    lower, before = learner.network.layers[1].weight.detach().clone(), trainer("middle", optimiser=SGD)
    before.restore(learner.state(), learner.step)
    value = learner.update(x, y)
    assert not torch.equal(lower, learner.network.layers[1].weight)
    # The reported loss is that of the lower block after its move, and the upper one before.
    with torch.no_grad():
        for mine, other in zip(before.network.layers[:2], learner.network.layers[:2], strict=True):
            mine.load_state_dict(other.state_dict())
        expected = loss("cross_entropy", before.network(x, mode="measure"), y).item()
    assert value == pytest.approx(expected, rel=1e-5)


def test_running_statistics_are_updated_once_a_step_in_either_order(batch):
    x, y = batch
    a, b = trainer("middle", optimiser=SGD), trainer("middle", optimiser=SGD, update="sequential")
    a.update(x, y)
    b.update(x, y)
    for mine, other in zip(a.network.layers, b.network.layers, strict=True):
        torch.testing.assert_close(mine.mean, other.mean, rtol=1e-5, atol=1e-7)


def test_sequential_refuses_gates_that_only_watch():
    with pytest.raises(ValueError, match="use update: simultaneous"):
        trainer("middle", update="sequential", apply=False)


@pytest.mark.parametrize("hidden", [0, 2])
def test_sequential_refuses_a_gate_on_the_output_and_simultaneous_takes_it(batch, hidden):
    gate = Gate(linear_sg.build(CLASSES, CLASSES, above=CLASSES, generator=torch.Generator()))
    options = {"loss": "cross_entropy", "optimiser": ADAM, "gate_optimiser": ADAM}
    with pytest.raises(ValueError, match=rf"the output \(key {hidden + 1}, with {hidden} hidden.*use update: simult"):
        Trainer(network(hidden), {hidden + 1: gate}, update="sequential", **options)
    learner = Trainer(network(hidden), {hidden + 1: gate}, update="simultaneous", **options)
    values = [learner.update(*batch) for _ in range(100)]
    assert values[-1] < 0.6 * values[0]


def test_the_lowest_block_moves_alike_in_either_order(batch):
    """Nothing below it moves first, so that sequential and simultaneous updates give it the same gradient, scale included."""
    x, y = batch
    learners = [trainer("middle", optimiser=SGD), trainer("middle", optimiser=SGD, update="sequential")]
    for learner in learners:
        torch.nn.init.normal_(learner.gates[2].estimator.A, generator=torch.Generator().manual_seed(1))
        before = learner.network.layers[0].weight.detach().clone()
        learner.update(x, y)
        assert not torch.equal(before, learner.network.layers[0].weight)
    one, other = learners
    for mine, theirs in zip(one.network.layers[:2], other.network.layers[:2], strict=True):
        torch.testing.assert_close(mine.weight, theirs.weight, rtol=1e-5, atol=1e-7)


def test_sequential_refuses_true_targets_and_gates_that_wait_for_what_is_above():
    with pytest.raises(ValueError, match="use target: arrived"):
        trainer("middle", update="sequential", target="true")
    gate = Gate(linear_sg.build(CLASSES, CLASSES, above=CLASSES, generator=torch.Generator()), waits_for=["error"])
    with pytest.raises(ValueError, match=r"after layers \[1\] that are only observed or wait for more"):
        Trainer(
            network(),
            {1: gate},
            loss="mse",
            optimiser=ADAM,
            gate_optimiser=ADAM,
            update="sequential",
        )
