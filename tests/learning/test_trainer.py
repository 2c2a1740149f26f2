"""The trainer: its updates, its state, its targets."""

import numpy as np
import pytest
import torch
from small_trainers import ADAM, SGD, easy_batch, network, trainer

from pipeline.learning.losses import loss
from pipeline.learning.network import true_gradients
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.trainer import load_model


@pytest.fixture
def batch():
    return easy_batch()


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
    learner = trainer("none", optimiser=SGD)
    reference = network()
    loss("cross_entropy", reference(x, mode="train"), y).backward()
    learner.update(x, y)
    for mine, other in zip(learner.network.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other - 0.1 * other.grad)


@pytest.mark.parametrize("update", ["simultaneous", "sequential"])
@pytest.mark.parametrize("optimiser", [ADAM, OptimiserSettings("sgd", 0.05, momentum=0.9)])
def test_a_restored_trainer_goes_on_to_the_same_bits(batch, update, optimiser):
    x, y = batch
    whole = trainer("every", update=update, optimiser=optimiser)
    for _ in range(4):
        whole.update(x, y)
    state = whole.state()
    resumed = trainer("every", update=update, optimiser=optimiser, seed=99)
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


def test_the_dropped_rate_is_used(batch):
    learner = trainer("none", optimiser=OptimiserSettings("sgd", 0.1, drops=(1,), drop_factor=1e-12))
    learner.update(*batch)
    before = learner.network.weight.detach().clone()
    learner.update(*batch)
    torch.testing.assert_close(before, learner.network.weight.detach(), rtol=0, atol=1e-9)


def test_true_targets_reach_every_gate_and_leave_the_update_of_the_network_as_it_was(batch):
    x, y = batch
    options = {"optimiser": SGD, "gate_optimiser": SGD}
    learners = [trainer("every", target=target, **options) for target in ("arrived", "true")]
    for learner in learners:
        for number, gate in learner.gates.items():
            torch.nn.init.normal_(gate.estimator.A, generator=torch.Generator().manual_seed(number))
    true = true_gradients(learners[1].network, [1, 2, 3], x, y, "cross_entropy")
    for learner in learners:
        learner.update(x, y)
    for learner, of in zip(learners, ("arrived", "true"), strict=True):
        for layer, gate in learner.gates.items():
            target = true[layer] if of == "true" else gate.signals["arrived"]
            slope = 2 * (gate.estimate.detach() - target).mean(dim=0)  # of the SG's loss, in c
            torch.testing.assert_close(gate.estimator.c.detach(), -SGD.rate * slope)  # c was 0
    assert not torch.allclose(learners[0].gates[1].signals["arrived"], true[1])
    for mine, other in zip(learners[0].network.parameters(), learners[1].network.parameters(), strict=True):
        assert torch.equal(mine, other)
