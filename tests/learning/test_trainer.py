"""The trainer: its two orders of update, its state, its batches."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from pipeline.estimators import backprop, linear_sg
from pipeline.learning.gate import Gate, positions
from pipeline.learning.losses import loss
from pipeline.learning.measurements import estimates, true_gradients
from pipeline.learning.network import Network
from pipeline.learning.trainer import Batches, Rule, Trainer, checkpoint_steps, load_model

INPUTS, CLASSES, WIDTH, N = 6, 3, 8, 30
SGD = Rule("sgd", 0.1)
ADAM = Rule("adam", 0.01)


def network(hidden=3, seed=0, **changes):
    options = {"activation": "relu", "batch_norm": True, "shift": 0.0, "gain": 1.0, **changes}
    return Network(
        INPUTS, CLASSES, hidden=hidden, width=WIDTH, generator=torch.Generator().manual_seed(seed), **options
    )


def trainer(placement="middle", *, hidden=3, update="simultaneous", rule=ADAM, gate_rule=ADAM, apply=True, **changes):
    gates = {
        n: Gate(linear_sg.build(WIDTH, CLASSES, above=WIDTH, generator=torch.Generator()), apply=apply)
        for n in positions(placement, hidden=hidden)
    }
    return Trainer(
        network(hidden, **changes), gates, loss="cross_entropy", rule=rule, gate_rule=gate_rule, update=update
    )


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(N) % CLASSES
    centres = torch.randn(CLASSES, INPUTS, generator=generator) * 2
    return centres[labels] + torch.randn(N, INPUTS, generator=generator), one_hot(labels, CLASSES).float()


@pytest.mark.parametrize("hidden", [0, 3])
@pytest.mark.parametrize("update", ["simultaneous", "sequential"])
@pytest.mark.parametrize("placement", ["none", "middle", "every"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "linear"])
def test_every_method_learns_an_easy_batch(batch, hidden, update, placement, activation):
    x, y = batch
    learner = trainer(placement, hidden=hidden, update=update, activation=activation)
    values = [learner.update(x, y) for _ in range(100)]
    assert values[-1] < 0.4 * values[0]
    assert learner.step == 100


def test_plain_sgd_step_is_the_gradient_times_the_rate(batch):
    x, y = batch
    learner = trainer("none", rule=SGD)
    reference = network()
    loss("cross_entropy", reference(x, mode="train"), y).backward()
    learner.update(x, y)
    for mine, other in zip(learner.network.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other - 0.1 * other.grad)


def test_sequential_equals_simultaneous_where_nothing_below_moves(batch):
    """At the zero start the blocks below a gate stand still, so that the order can't matter in the first step."""
    x, y = batch
    a, b = trainer("middle", rule=SGD), trainer("middle", rule=SGD, update="sequential")
    assert a.update(x, y) == pytest.approx(b.update(x, y))
    for mine, other in zip(a.model().values(), b.model().values(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-7)


def test_sequential_blocks_see_what_the_moved_block_below_gives(batch):
    x, y = batch
    learner = trainer("middle", rule=SGD, gate_rule=SGD, update="sequential")
    for _ in range(3):
        learner.update(x, y)
    lower, before = learner.network.layers[1].weight.detach().clone(), trainer("middle", rule=SGD)
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
    a, b = trainer("middle", rule=SGD), trainer("middle", rule=SGD, update="sequential")
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
    options = {"loss": "cross_entropy", "rule": ADAM, "gate_rule": ADAM}
    with pytest.raises(ValueError, match=rf"the output \(key {hidden + 1}, with {hidden} hidden.*use update: simult"):
        Trainer(network(hidden), {hidden + 1: gate}, update="sequential", **options)
    learner = Trainer(network(hidden), {hidden + 1: gate}, update="simultaneous", **options)
    values = [learner.update(*batch) for _ in range(100)]
    assert values[-1] < 0.6 * values[0]


@pytest.mark.parametrize("update", ["simultaneous", "sequential"])
@pytest.mark.parametrize("rule", [ADAM, Rule("sgd", 0.05, momentum=0.9)])
def test_a_restored_trainer_goes_on_to_the_same_bits(batch, update, rule):
    x, y = batch
    whole = trainer("every", update=update, rule=rule)
    for _ in range(4):
        whole.update(x, y)
    state = whole.state()
    resumed = trainer("every", update=update, rule=rule, seed=99)
    resumed.restore(state, whole.step)
    for _ in range(3):
        assert whole.update(x, y) == resumed.update(x, y)
    assert all(np.array_equal(v, resumed.state()[k]) for k, v in whole.state().items())


def test_a_checkpoint_holds_the_network(batch):
    learner, other = trainer("middle"), network(seed=7)
    learner.update(*batch)
    load_model(other, learner.model())
    x = batch[0]
    assert torch.equal(other(x, mode="evaluate"), learner.network(x, mode="evaluate"))


def test_rates_drop_where_they_should():
    rule = Rule("adam", 1.0, drops=(10, 20), drop_factor=0.1)
    assert [rule.rate_at(step) for step in (0, 9, 10, 19, 20)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_the_dropped_rate_is_used(batch):
    learner = trainer("none", rule=Rule("sgd", 0.1, drops=(1,), drop_factor=1e-12))
    learner.update(*batch)
    before = learner.network.weight.detach().clone()
    learner.update(*batch)
    torch.testing.assert_close(before, learner.network.weight.detach(), rtol=0, atol=1e-9)


def test_batches_cover_an_epoch_once_and_depend_on_seed_and_epoch_only():
    batches = Batches(50, batch=10, seed=3)
    first = np.concatenate([batches.indices(step) for step in range(5)])
    assert sorted(first) == list(range(50))
    second = np.concatenate([batches.indices(step) for step in range(5, 10)])
    assert sorted(second) == list(range(50))
    assert not np.array_equal(first, second)
    assert np.array_equal(Batches(50, batch=10, seed=3).indices(7), second[20:30])
    assert not np.array_equal(Batches(50, batch=10, seed=4).indices(0), first[:10])


def test_too_few_samples_for_a_batch():
    with pytest.raises(ValueError, match="a batch of 10 from 9"):
        Batches(9, batch=10, seed=0)


def test_checkpoint_steps_are_geometric_and_hold_both_ends():
    assert checkpoint_steps(4000, count=6)[0] == 0
    assert checkpoint_steps(4000, count=6)[-1] == 4000
    assert len(checkpoint_steps(4000, count=6)) == 6
    assert checkpoint_steps(3, count=6) == [0, 3]
    assert checkpoint_steps(5, count=1) == [0, 5]


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


def test_estimates_compare_with_the_true_gradient_and_change_nothing(batch):
    x, y = batch
    learner = trainer("every", rule=SGD)
    for _ in range(5):
        learner.update(x, y)
    before = learner.state()
    rows = {
        (layer, name): value for layer, name, value in estimates(learner.network, learner.gates, x, y, "cross_entropy")
    }
    assert all(np.array_equal(v, learner.state()[k]) for k, v in before.items())
    true = true_gradients(learner.network, [2], x, y, "cross_entropy")[2]
    said = learner.gates[2].estimate.detach()
    assert rows[2, "cosine"] == pytest.approx(
        torch.cosine_similarity(true.flatten(), said.flatten(), dim=0).item(), rel=1e-4
    )
    assert rows[2, "norm_ratio"] == pytest.approx((said.norm() / true.norm()).item(), rel=1e-4)
    assert rows[3, "sg_loss"] == pytest.approx(learner.gates[3].loss().item(), rel=1e-4)


def test_a_perfect_estimate_has_cosine_one(batch):
    x, y = batch
    learner = trainer("none")
    gate = Gate(backprop.build(WIDTH, CLASSES, above=WIDTH, generator=torch.Generator()), waits_for=backprop.WAITS_FOR)
    rows = {name: value for _, name, value in estimates(learner.network, {2: gate}, x, y, "cross_entropy")}
    assert rows["cosine"] == pytest.approx(1, abs=1e-5)
    assert rows["norm_ratio"] == pytest.approx(1, abs=1e-5)
    assert rows["sg_loss"] == pytest.approx(0, abs=1e-8)


def test_true_targets_reach_every_gate_and_leave_the_update_of_the_network_as_it_was(batch):
    x, y = batch
    learners = [trainer("every", rule=SGD), trainer("every", rule=SGD)]
    learners[1].true_targets = True
    for learner in learners:
        for number, gate in learner.gates.items():
            torch.nn.init.normal_(gate.estimator.A, generator=torch.Generator().manual_seed(number))
    true = true_gradients(learners[1].network, [1, 2, 3], x, y, "cross_entropy")
    for learner in learners:
        learner.update(x, y)
    for layer in (1, 2, 3):
        torch.testing.assert_close(learners[1].gates[layer].signals["arrived"], true[layer])
    assert not torch.allclose(learners[0].gates[1].signals["arrived"], true[1])
    for mine, other in zip(learners[0].network.parameters(), learners[1].network.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_the_lowest_block_moves_alike_in_either_order(batch):
    """Nothing below it moves first, so that sequential and simultaneous updates give it the same gradient, scale included."""
    x, y = batch
    learners = [trainer("middle", rule=SGD), trainer("middle", rule=SGD, update="sequential")]
    for learner in learners:
        torch.nn.init.normal_(learner.gates[2].estimator.A, generator=torch.Generator().manual_seed(1))
        before = learner.network.layers[0].weight.detach().clone()
        learner.update(x, y)
        assert not torch.equal(before, learner.network.layers[0].weight)
    one, other = learners
    for mine, theirs in zip(one.network.layers[:2], other.network.layers[:2], strict=True):
        torch.testing.assert_close(mine.weight, theirs.weight, rtol=1e-5, atol=1e-7)
