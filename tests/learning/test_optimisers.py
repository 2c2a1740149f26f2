"""The optimisers move parameters exactly as torch's own classes do, and go on from their state."""

import copy

import pytest
import torch
from torch import nn

from pipeline.learning.optimisers import OptimiserSettings

STEPS, RATE = 12, 0.05
THEIRS = {
    ("adam", 0.0): lambda p: torch.optim.Adam(p, lr=RATE, fused=True),
    ("sgd", 0.0): lambda p: torch.optim.SGD(p, lr=RATE),
    ("sgd", 0.9): lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9),
}
RULES = pytest.mark.parametrize(("name", "momentum"), list(THEIRS))


def parameters():
    generator = torch.Generator().manual_seed(5)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 3), (3,), (2, 2))]


def differentiate(moved, step):
    """The gradients of a loss that changes from step to step; the last parameter takes no part in it."""
    loss = (moved[0] @ moved[1] - step).square().sum() + (moved[0] ** 4).sum() / 10
    for parameter in moved:
        parameter.grad = None
    loss.backward()


@RULES
def test_they_agree_with_torchs_own_to_the_bit(name, momentum):
    mine, theirs = parameters(), parameters()
    one, other = OptimiserSettings(name, RATE, momentum=momentum).build(mine), THEIRS[name, momentum](theirs)
    for step in range(STEPS):
        differentiate(mine, step)
        differentiate(theirs, step)
        one.step(RATE)
        other.step()
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)), step
    assert not torch.equal(mine[0], parameters()[0])
    assert torch.equal(mine[2], parameters()[2]), "no gradient, no move"


@RULES
@pytest.mark.parametrize("stop", [1, 5])
def test_they_go_on_from_their_state_to_the_bit(name, momentum, stop):
    settings, whole = OptimiserSettings(name, RATE, momentum=momentum), parameters()
    first = settings.build(whole)
    for step in range(stop):
        differentiate(whole, step)
        first.step(RATE)
    resumed = [nn.Parameter(p.detach().clone()) for p in whole]
    second = settings.build(resumed)
    second.restore(copy.deepcopy(first.state()))
    for step in range(stop, STEPS):
        differentiate(whole, step)
        differentiate(resumed, step)
        first.step(RATE)
        second.step(RATE)
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


@RULES
def test_gradients_are_forgotten(name, momentum):
    moved = parameters()
    differentiate(moved, 0)
    OptimiserSettings(name, RATE, momentum=momentum).build(moved).zero_grad()
    assert all(parameter.grad is None for parameter in moved)


def test_a_rate_drops_at_its_steps():
    settings = OptimiserSettings("adam", 1.0, drops=(10, 20), drop_factor=0.5)
    assert [settings.rate_at(step) for step in (0, 9, 10, 19, 20)] == [1.0, 1.0, 0.5, 0.5, 0.25]
