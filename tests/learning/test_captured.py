"""What a GPU replays is an update: its operations, written down once and done again, make the updates that follow.

A GPU's graph can't be captured here. Instead the operations themselves are written down on the CPU, each with the very
tensors that it reads and writes, and replayed in their order. So whatever an update takes from Python is found here as on a
GPU: a rate, a step's number, a frozen run. Not found here is what only a GPU refuses (`tests/gpu`).
"""

import pytest
import torch
from stacks import ADAM, HOW, SGD, batches, same_models, trainers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline import members
from pipeline.learning.captured import WARM_UP, Captured
from pipeline.learning.stack import Stack

RUNS, UPDATES = (0, 1, 2), WARM_UP + 5


class Operations(TorchDispatchMode):
    """Writes down each operation, its arguments and what it returned."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        returned = function(*args, **(kwargs or {}))
        self.found.append((function, args, kwargs or {}, returned))
        return returned

    def replay(self):
        """Do all again, into the same memory."""
        with torch.no_grad():
            for function, args, kwargs, returned in self.found:
                alias = [each.alias_info for each in function._schema.returns]
                if any(each and not each.is_write for each in alias):
                    continue  # a view: its memory is that of another tensor
                again = function(*args, **kwargs)
                if not any(alias):
                    for into, value in zip(tree_leaves(returned), tree_leaves(again), strict=True):
                        if isinstance(into, torch.Tensor):
                            into.copy_(value)


class Written:
    """A recorder that writes operations down; `captures` counts how often."""

    def __init__(self, refuse=""):
        self.captures, self.refuse = 0, refuse

    def waits(self, work):
        return work(), self.refuse

    def record(self, work):
        """As a GPU's capture, this leaves every number as it was."""
        self.captures += 1
        held = self.before()
        with Operations() as operations:
            found = work()
        for tensor, value in held:
            tensor.copy_(value)
        return operations.replay, found

    def before(self):
        """All tensors of the stack, and their values."""
        tensors = [
            *self.stack.network.leaves,
            *(each for pair in self.stack.network._statistics if pair for each in pair),
        ]
        tensors += self.stack.gates.leaves if self.stack.gates else []
        tensors += [value for optimiser in self.stack._optimisers for value in optimiser.state().values()]
        return [(tensor.detach(), tensor.detach().clone()) for tensor in tensors]


def recorded(*args, refuse="", **how):
    """A stack that replays its updates, and its recorder."""
    stack, recorder = Stack(trainers(RUNS, *args, **how)), Written(refuse)
    recorder.stack, stack.captured = stack, Captured(recorder)
    return stack, recorder


def updated(stack, frozen=lambda step: (), steps=UPDATES):
    each = enumerate(batches(RUNS, steps=steps))
    return torch.stack([stack.update(x, y, frozen=frozen(step)) for step, (x, y) in each])


def same(one, other):
    return all(same_models(*pair) for pair in zip(one.trainers, other.trainers, strict=True))


CONSTANT = {"optimiser": ADAM.__class__("adam", 0.003)}


@pytest.mark.parametrize("how", HOW, ids=["log loss", "mse", "observed", "shallow"])
@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_replayed_updates_have_the_bits_of_updates(estimator, how):
    plain = Stack(trainers(RUNS, estimator, **CONSTANT, **how))
    stack, recorder = recorded(estimator, **CONSTANT, **how)
    assert torch.equal(updated(stack), updated(plain))
    assert same(stack, plain)
    assert recorder.captures == 1


@pytest.mark.parametrize("optimiser", [SGD, ADAM.__class__("adam", 0.003, drops=(WARM_UP + 2,))], ids=["sgd", "drop"])
def test_so_do_those_of_other_optimisers(optimiser):
    plain = Stack(trainers(RUNS, optimiser=optimiser))
    stack, _ = recorded(optimiser=optimiser)
    assert torch.equal(updated(stack, steps=15), updated(plain, steps=15))
    assert same(stack, plain)


def test_an_update_is_captured_anew_if_its_rate_or_its_frozen_runs_change():
    drop, freeze, steps = 2 * WARM_UP, 4 * WARM_UP, 6 * WARM_UP
    optimiser = ADAM.__class__("adam", 0.003, drops=(drop,))

    def frozen(step):
        return (1,) if step >= freeze else ()

    plain = Stack(trainers(RUNS, optimiser=optimiser))
    stack, recorder = recorded(optimiser=optimiser)
    assert torch.equal(updated(stack, frozen, steps), updated(plain, frozen, steps))
    assert same(stack, plain)
    assert recorder.captures == 3


def test_and_after_a_restart():
    """The moments are new tensors then."""
    plain, (stack, recorder) = Stack(trainers(RUNS, **CONSTANT)), recorded(**CONSTANT)
    steps = list(batches(RUNS, steps=2 * UPDATES))
    for x, y in steps[:UPDATES]:
        plain.update(x, y)
        stack.update(x, y)
    stack.restore(plain.state(), UPDATES)
    for x, y in steps[UPDATES:]:
        assert torch.equal(stack.update(x, y), plain.update(x, y))
    assert same(stack, plain)
    assert recorder.captures == 2


def test_losses_that_were_returned_stay():
    stack, _ = recorded(**CONSTANT)
    found = [stack.update(x, y) for x, y in batches(RUNS, steps=UPDATES)]
    kept = [each.clone() for each in found]
    for x, y in batches(RUNS):
        stack.update(x, y)
    assert all(torch.equal(*pair) for pair in zip(found, kept, strict=True))


def test_an_update_that_waits_for_the_gpu_is_made_as_before(capsys):
    plain, (stack, recorder) = Stack(trainers(RUNS)), recorded(refuse="estimator.py, line 7, waits for the GPU")
    assert torch.equal(updated(stack), updated(plain))
    assert same(stack, plain)
    assert recorder.captures == 0
    assert capsys.readouterr().out.count("not captured as a CUDA graph: estimator.py, line 7, waits") == 1


def test_a_number_from_python_in_an_update_is_found(monkeypatch):
    """The test's own test: were a rate not part of what decides an update, replayed updates would keep the first."""
    stack, _ = recorded(optimiser=ADAM.__class__("adam", 0.003, drops=(WARM_UP + 2,)))
    plain = Stack(trainers(RUNS, optimiser=ADAM.__class__("adam", 0.003, drops=(WARM_UP + 2,))))
    monkeypatch.setattr(stack, "_fixed", lambda frozen: ())
    assert not torch.equal(updated(stack, steps=15), updated(plain, steps=15))
