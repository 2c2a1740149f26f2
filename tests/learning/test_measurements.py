"""What is measured: operations of an update, quality of estimates, and the steps at which models are kept."""

import numpy as np
import pytest
import torch
from small_trainers import CLASSES, INPUTS, SGD, easy_batch, trainer
from torch.utils.flop_counter import FlopCounterMode

from pipeline import members
from pipeline.estimators import backprop
from pipeline.learning.build import build_gates
from pipeline.learning.measurements import checkpoint_steps, count_operations, estimates
from pipeline.learning.network import Network, Shape, true_gradients
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.trainer import Trainer


@pytest.fixture
def batch():
    return easy_batch()


def test_estimates_compare_with_the_true_gradient_and_change_nothing(batch):
    x, y = batch
    learner = trainer("every", optimiser=SGD)
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
    gates = build_gates(learner.network, backprop, [2], generator=lambda layer: torch.Generator())
    rows = {name: value for _, name, value in estimates(learner.network, gates, x, y, "cross_entropy")}
    assert rows["cosine"] == pytest.approx(1, abs=1e-5)
    assert rows["norm_ratio"] == pytest.approx(1, abs=1e-5)
    assert rows["sg_loss"] == pytest.approx(0, abs=1e-8)


def multiply(*shape):
    """Operations of a matrix product: a multiplication and an addition for each of n x inputs x outputs."""
    return 2 * int(np.prod(shape))


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("estimator", [None, "linear_sg", "class_only_sg", "direct_feedback_alignment"])
def test_operations_of_one_hidden_layer_counted_by_hand(estimator, batch_norm, optimiser):
    n, width, generator = 7, 5, torch.Generator().manual_seed(0)
    net = Network(Shape(INPUTS, CLASSES, hidden=1, width=width, batch_norm=batch_norm), generator=generator)
    module = members.load("estimators", estimator) if estimator else None
    gates = build_gates(net, module, [1], generator=lambda layer: generator) if module else {}
    settings = OptimiserSettings(optimiser, 0.1)
    learner = Trainer(net, gates, loss="mse", optimiser=settings, gate_optimiser=settings, update="simultaneous")
    x, y = torch.randn(n, INPUTS, generator=generator), torch.eye(CLASSES)[torch.arange(n) % CLASSES]
    _, operations = count_operations(lambda: learner.update(x, y))
    forward = multiply(n, INPUTS, width) + multiply(n, width, CLASSES)
    backward = forward + multiply(n, width, CLASSES)  # both weights' gradients, and h's: the input has none
    # A learned SG: forward, and its weights' gradients; a fixed one: forward.
    own = {
        None: 0,
        "linear_sg": 2 * (multiply(n, width, width) + multiply(n, CLASSES, width)),
        "class_only_sg": 2 * multiply(n, CLASSES, width),
        "direct_feedback_alignment": multiply(n, CLASSES, width),
    }[estimator]
    assert operations == forward + backward + own


def test_torchs_own_counter_agrees():
    a, b = torch.randn(7, 5, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        (a @ b).sum().backward()

    def update():
        (a @ b).sum().backward()
        return 0.0

    assert count_operations(update)[1] == counter.get_total_flops() == 3 * multiply(7, 5, 3)


def test_checkpoint_steps_are_geometric_and_hold_both_ends():
    assert checkpoint_steps(4000, count=6)[0] == 0
    assert checkpoint_steps(4000, count=6)[-1] == 4000
    assert len(checkpoint_steps(4000, count=6)) == 6
    assert checkpoint_steps(3, count=6) == [0, 3]
    assert checkpoint_steps(5, count=1) == [0, 5]
