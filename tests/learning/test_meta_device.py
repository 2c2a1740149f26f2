"""Updates on torch's `meta` device, which has shapes and no numbers: a tensor made on another device is an error.

It stands for a GPU where there is none. It can't show what a GPU computes, how fast, or that something waits for it.
"""

import pytest
import stacks
import torch

from pipeline import members
from pipeline.learning.batches import Batches, rows
from pipeline.learning.stack import Stack
from pipeline.members import load

SAMPLES, BATCH = 40, 9
META = torch.device("meta")


def stack(estimator, placement="every", losses=("cross_entropy", "cross_entropy"), **how):
    found = [stacks.trainers((run,), estimator, placement, loss=loss, **how)[0] for run, loss in enumerate(losses)]
    for trainer in found:
        for module in (trainer.network, *trainer.gates.values()):
            module.to(META)
    return Stack(found, per_run=how.pop("per_run", ""))


def updated(learner):
    x, y = torch.empty(SAMPLES, 7, device=META), torch.empty(SAMPLES, 3, device=META)
    batches = Batches(SAMPLES, batch=BATCH, seeds=(0, 1), on=META)
    for step in range(3):
        chosen = batches.chosen(step)
        losses = learner.update(rows(x, chosen), rows(y, chosen), frozen=[1] if step else [])
    return losses


@pytest.mark.parametrize("how", stacks.HOW, ids=["log loss", "mse", "observed", "shallow"])
@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_an_update_makes_no_tensor_on_another_device(estimator, how):
    losses = (how.get("loss", "cross_entropy"),) * 2
    learner = stack(estimator, losses=losses, **{key: value for key, value in how.items() if key != "loss"})
    assert updated(learner).device == META
    leaves = [*learner.network.leaves, *(learner.gates.leaves if learner.gates else [])]
    assert all(leaf.device == META for leaf in leaves)


def test_nor_do_two_losses():
    assert updated(stack("linear_sg", losses=("mse", "cross_entropy"))).device == META


def test_nor_sgd():
    assert updated(stack("linear_sg", optimiser=stacks.SGD)).device == META


def test_a_tensor_on_the_cpu_is_found(monkeypatch):
    module = load("estimators", "linear_sg")
    forward = module.LinearSG.forward
    monkeypatch.setattr(module.LinearSG, "forward", lambda self, h, y: forward(self, h, y) + torch.ones(5))
    with pytest.raises(RuntimeError, match="device"):
        updated(stack("linear_sg"))
