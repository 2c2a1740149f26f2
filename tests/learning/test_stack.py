"""A stack is held to the trainers of its runs: the same updates, and bits that don't depend on who shares the stack."""

import itertools

import numpy as np
import pytest
import torch
from stacks import HOW, SGD, STEPS, batches, same_models, trained, trainers

from pipeline import members
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.stack import Separate, Stack, stacked


@pytest.mark.parametrize("how", HOW, ids=["log loss", "mse", "observed", "shallow"])
@pytest.mark.parametrize("placement", ["middle", "every"])
@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_a_stack_makes_the_same_updates_as_its_runs_own_trainers(estimator, placement, how):
    runs, how = (0, 1, 2), {"optimiser": SGD, "precision": torch.float64, **how}
    alone, together = (trainers(runs, estimator, placement, **how) for _ in range(2))
    stack = Stack(together)
    for x, y in batches(runs, precision=torch.float64):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-12)
    for one, other in zip(alone, together, strict=True):
        found, expected = other.model(), one.model()
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-13, err_msg=name)


LEARNED = [name for name in members.members("estimators") if members.load("estimators", name).LEARNED]


@pytest.mark.parametrize("estimator", LEARNED)
def test_a_stack_stays_with_the_trainers_in_single_precision_with_adam(estimator):
    """No gradient is rounding noise, which Adam would turn into steps of full size."""
    runs, shape = (0, 1), {"inputs": 50, "outputs": 10}
    alone, together = (trainers(runs, estimator, width=16, hidden=4, **shape) for _ in range(2))
    stack = Stack(together)
    for x, y in batches(runs, n=50, steps=100, **shape):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-4)
    for one, other in zip(alone, together, strict=True):
        for name, array in one.model().items():
            np.testing.assert_allclose(other.model()[name], array, rtol=0, atol=1e-4, err_msg=name)


class AboveSG(torch.nn.Module):
    """A learned SG with a bias that waits for the gradient above it, so gates are called one after the other."""

    WAITS_FOR = ("h", "y", "above")

    def __init__(self, units, classes):
        super().__init__()
        self.A = torch.nn.Parameter(torch.zeros(units, units))
        self.B = torch.nn.Parameter(torch.zeros(classes, units))
        self.c = torch.nn.Parameter(torch.zeros(units))

    @classmethod
    def build(cls, units, classes, *, above, generator):
        return cls(units, classes)

    def forward(self, h, y, above):
        return h @ self.A + y @ self.B + self.c + 0 * above.sum()


def test_noise_is_cleared_in_gates_that_are_called_one_after_the_other():
    """In the second update the third SG learns from targets that sum to zero, and its bias stays where it is."""
    runs, shape = (0, 1), {"inputs": 50, "outputs": 10}
    alone, together = (trainers(runs, AboveSG, width=16, hidden=4, **shape) for _ in range(2))
    stack = Stack(together)
    for step, (x, y) in enumerate(batches(runs, n=50, steps=40, **shape)):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-4)
        moved = [bool(together[0].gates[layer].estimator.c.any()) for layer in (1, 2, 3, 4)]
        if step == 1:
            assert together[0].gates[3].estimator.B.any()
            assert moved == [False, False, False, True]
    assert moved == [True, True, True, True]


def test_a_network_without_hidden_layers_is_stacked_too():
    alone, together = (trainers((0, 1), "backprop", "none", hidden=0, precision=torch.float64) for _ in range(2))
    stack = Stack(together)
    for x, y in batches((0, 1), precision=torch.float64):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize(("hidden", "layers"), [(0, [1]), (3, [4]), (3, [2, 3, 4])])
@pytest.mark.parametrize("estimator", ["linear_sg", "sigmoid_sg", "mlp_sg", "kickback"])
def test_a_gate_on_the_output_is_stacked_too(estimator, hidden, layers):
    how = {"hidden": hidden, "layers": layers, "precision": torch.float64}
    alone, together = (trainers((0, 1), estimator, **how) for _ in range(2))
    stack = Stack(together)
    for x, y in batches((0, 1), precision=torch.float64):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [("mse", "cross_entropy"), ("cross_entropy", "mse", "mse")])
def test_each_run_has_its_own_loss(order):
    alone, together = (
        [trainers((run,), loss=name, precision=torch.float64)[0] for run, name in enumerate(order)] for _ in range(2)
    )
    stack = Stack(together)
    for x, y in batches(range(len(order)), precision=torch.float64):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_sizes_that_are_all_equal_hide_no_wrong_broadcasting(estimator):
    """Runs, layers, batch, inputs, units and classes are all four."""
    runs, shape = range(4), {"inputs": 4, "outputs": 4}
    how = {"hidden": 4, "width": 4, "optimiser": SGD, "precision": torch.float64, **shape}
    alone, stack = trainers(runs, estimator, **how), Stack(trainers(runs, estimator, **how))
    for x, y in batches(runs, n=4, precision=torch.float64, **shape):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        np.testing.assert_allclose(stack.update(x, y), expected, rtol=1e-10)


# The widths and batches of the three studies, with the inputs and classes of their images.
SHAPES = ((16, 50), (64, 100), (256, 256))
METHODS = (
    ("backprop", "none"),
    ("linear_sg", "middle"),
    ("linear_sg", "every"),
    ("sigmoid_sg", "every"),
    ("mlp_sg", "every"),
    ("unconditioned_sg", "every"),
    ("class_only_sg", "every"),
    ("feedback_alignment", "every"),
    ("direct_feedback_alignment", "every"),
    ("kickback", "every"),
    ("noprop", "middle"),
    ("sg_and_prop", "every"),
)


@pytest.mark.parametrize(("width", "n"), SHAPES)
@pytest.mark.parametrize(("estimator", "placement"), METHODS)
def test_a_run_has_the_same_bits_alone_and_in_any_stack(estimator, placement, width, n):
    shape = {"inputs": 784, "outputs": 10}
    every, found = range(5), {}
    for runs in ((0,), (3,), (1, 3, 4), every, (4, 3, 2, 1, 0)):
        own = trainers(
            runs, estimator, placement, width=width, loss="mse" if estimator == "kickback" else "cross_entropy", **shape
        )
        losses = trained(Stack(own), runs, n=n, **shape)
        for column, (run, trainer) in enumerate(zip(runs, own, strict=True)):
            first_losses, first = found.setdefault(run, (losses[:, column], trainer))
            assert torch.equal(losses[:, column], first_losses), (runs, run)
            assert same_models(trainer, first), (runs, run)


def test_a_run_that_diverges_or_is_frozen_leaves_the_others_alone():
    wild, tame = OptimiserSettings("sgd", 1e30), OptimiserSettings("sgd", 0.01)
    runs, how = (0, 1, 2), {"batch_norm": False}
    expected = trainers(runs, optimiser=tame, **how)
    trained(Stack(expected), runs)
    mixed = [trainers([run], optimiser=wild if run == 1 else tame, **how)[0] for run in runs]
    losses = trained(Stack(mixed), runs)
    assert not torch.isfinite(losses[-1, 1])
    assert [same_models(*pair) for pair in zip(mixed, expected, strict=True)] == [True, False, True]
    frozen, untouched = trainers(runs, optimiser=tame, **how), trainers(runs, optimiser=tame, **how)
    trained(Stack(frozen), runs, frozen=[1])
    assert [same_models(*pair) for pair in zip(frozen, expected, strict=True)] == [True, False, True]
    weights = zip(frozen[1].network.parameters(), untouched[1].network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def test_each_run_has_its_own_rate():
    rates = (0.1, 0.01)
    settings = [OptimiserSettings("adam", rate) for rate in rates]
    together = [trainers([run], optimiser=each)[0] for run, each in enumerate(settings)]
    trained(Stack(together), (0, 1))
    for run, each in enumerate(settings):
        alone = trainers([run], optimiser=each)
        trained(Stack(alone), (run,))
        assert same_models(alone[0], together[run])


@pytest.mark.parametrize(("placement", "how"), [("every", {}), ("every", {"update": "sequential"}), ("none", {})])
def test_a_stack_goes_on_from_its_state_to_the_bit(placement, how):
    runs = (0, 1, 2)
    whole, first, second = (trainers(runs, placement=placement, **how) for _ in range(3))
    stacks = [stacked(each) for each in (whole, first, second)]
    for number, (x, y) in enumerate(batches(runs)):
        stacks[0].update(x, y)
        if number < STEPS // 2:
            stacks[1].update(x, y)
            continue
        if number == STEPS // 2:
            stacks[2].restore(stacks[1].state(), stacks[1].step)
        stacks[2].update(x, y)
    assert stacks[2].step == STEPS
    assert all(same_models(*pair) for pair in zip(whole, second, strict=True))


@pytest.mark.parametrize(
    ("how", "reason"), [({"update": "sequential"}, "sequential"), ({"target": "true"}, "true gradient")]
)
def test_what_cannot_share_tensors_is_updated_by_its_own_trainers(how, reason):
    with pytest.raises(ValueError, match=reason):
        Stack(trainers((0, 1), **how))
    alone, together = trainers((0, 1), **how), trainers((0, 1), **how)
    stack = stacked(together)
    assert isinstance(stack, Separate)
    for x, y in batches((0, 1)):
        expected = [trainer.update(x[run], y[run]) for run, trainer in enumerate(alone)]
        assert stack.update(x, y).tolist() == torch.tensor(expected).tolist()
    assert all(same_models(*pair) for pair in itertools.chain(zip(alone, together, strict=True)))


def test_estimators_called_one_by_one_give_the_same_updates():
    runs, how = (0, 1, 2), {"estimator": "mlp_sg", "optimiser": SGD, "precision": torch.float64}
    vmapped, separate = trainers(runs, **how), trainers(runs, **how)
    trained(Stack(vmapped), runs, precision=torch.float64)
    trained(Stack(separate, per_run="a test"), runs, precision=torch.float64)
    for one, other in zip(vmapped, separate, strict=True):
        for name, array in one.model().items():
            np.testing.assert_allclose(other.model()[name], array, rtol=1e-9, atol=1e-13)


def test_an_estimator_that_cannot_be_batched_says_what_to_do():
    class Branching(torch.nn.Module):
        def forward(self, h, y):
            return h if h.sum() > 0 else -h

    together = trainers((0, 1))
    for trainer in together:
        for gate in trainer.gates.values():
            gate.estimator = Branching()
    x, y = next(batches((0, 1)))
    with pytest.raises(TypeError, match=r"Branching .* PER_RUN"):
        Stack(together).update(x, y)
    Stack(together, per_run="it branches on its input").update(x, y)
