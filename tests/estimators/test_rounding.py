"""A gradient that is zero in theory is exactly zero: Adam would turn rounding noise into steps of full size."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from pipeline import members
from pipeline.estimators import kickback
from pipeline.learning.build import build_gates
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.rounding import clear_noise
from pipeline.learning.trainer import Trainer

INPUTS, CLASSES, WIDTH, HIDDEN, N = 20, 10, 16, 3, 50
RATE, UPDATES = 0.003, 300
EPSILON = torch.finfo(torch.float32).eps


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def data(dtype=torch.float32):
    labels = torch.randint(CLASSES, (1000,), generator=drawn(1))
    x = torch.randn(len(labels), INPUTS, generator=drawn(2)) + torch.eye(CLASSES, INPUTS)[labels]
    return x.to(dtype), one_hot(labels, CLASSES).to(dtype)


def trainer(module, loss, *, batch_norm, dtype=torch.float32):
    """Gates after every hidden layer; Adam for the network and the gates."""
    shape = Shape(INPUTS, CLASSES, hidden=HIDDEN, width=WIDTH, batch_norm=batch_norm)
    net = Network(shape, generator=drawn(3)).to(dtype)
    gates = build_gates(net, module, range(1, HIDDEN + 1), generator=drawn)
    adam = OptimiserSettings("adam", RATE)
    return Trainer(net, gates, loss=loss, optimiser=adam, gate_optimiser=adam, update="simultaneous")


def train(learner, updates, dtype=torch.float32):
    (x, y), order = data(dtype), drawn(5)
    for _ in range(updates):
        batch = torch.randperm(len(x), generator=order)[:N]
        learner.update(x[batch], y[batch])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_kickback_moves_no_layer_below_its_gates_under_log_loss(batch_norm):
    learner = trainer(kickback, "cross_entropy", batch_norm=batch_norm)
    before = copy.deepcopy(learner.network)
    train(learner, UPDATES)
    for mine, start in zip(learner.network.layers.parameters(), before.layers.parameters(), strict=True):
        assert torch.equal(mine, start)
    assert (learner.network.weight - before.weight).abs().max() > RATE
    assert (learner.network.bias - before.bias).abs().max() > RATE


@pytest.mark.parametrize("batch_norm", [False, True])
def test_kickback_moves_every_layer_under_mse(batch_norm):
    learner = trainer(kickback, "mse", batch_norm=batch_norm)
    before = copy.deepcopy(learner.network)
    train(learner, UPDATES)
    for mine, start in zip(learner.network.parameters(), before.parameters(), strict=True):
        assert (mine - start).abs().max() > RATE


def log_loss_errors(logits, labels):
    """As a gate hears them: `n` times the gradient of the mean loss."""
    p = logits.requires_grad_()
    cross_entropy(p, one_hot(labels, p.shape[1]).to(p.dtype)).backward()
    return len(p) * p.grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_kickback_is_zero_under_log_loss_whatever_the_outputs(dtype, classes, scale, shift):
    """Also for samples that are right with certainty, whose errors are themselves as small as rounding."""
    logits = torch.randn(200, classes, generator=drawn(1)).to(dtype) * scale + shift
    error = log_loss_errors(logits, torch.randint(classes, (200,), generator=drawn(2)))
    assert torch.count_nonzero(kickback.Kickback(WIDTH)(error=error)) == 0
    certain = log_loss_errors(logits.detach(), logits.argmax(dim=1))
    assert torch.count_nonzero(kickback.Kickback(WIDTH)(error=certain)) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kickback_keeps_all_sums_of_a_batch_if_one_is_more_than_rounding(dtype):
    error = log_loss_errors(torch.randn(N, CLASSES, generator=drawn(1)).to(dtype), torch.arange(N) % CLASSES)
    error[7, 2] += 1e3 * torch.finfo(dtype).eps
    assert torch.equal(kickback.Kickback(WIDTH)(error=error), error.sum(dim=1, keepdim=True).expand(-1, WIDTH))
    assert torch.count_nonzero(error.sum(dim=1)) > 1


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_kickback_hides_no_divergence(value):
    error = torch.zeros(N, CLASSES)
    error[0, 0] = value
    assert not torch.isfinite(kickback.Kickback(WIDTH)(error=error)[0]).any()


# Adam moves a parameter whose gradient is zero in theory by less than STILL in double precision, where rounding noise is
# far below Adam's own epsilon, and by more than MOVED in single precision.
STILL, MOVED = 1e-9, 1e-6
LOOKED_AT = 20  # updates
LEARNED = [name for name in members.members("estimators") if members.load("estimators", name).LEARNED]


def moves(module, dtype, *, batch_norm):
    """How far each update moves each parameter: of the network, and of SGs after all of its layers."""
    learner = trainer(module, "cross_entropy", batch_norm=batch_norm, dtype=dtype)
    (x, y), order, found = data(dtype), drawn(5), []
    learned = [("network", learner.network), *((f"gate {layer}", gate) for layer, gate in learner.gates.items())]
    for _ in range(LOOKED_AT):
        batch = torch.randperm(len(x), generator=order)[:N]
        before = {f"{of} {name}": p.detach().clone() for of, part in learned for name, p in part.named_parameters()}
        learner.update(x[batch], y[batch])
        after = {f"{of} {name}": p.detach() for of, part in learned for name, p in part.named_parameters()}
        found.append({name: (after[name] - before[name]).abs().double() for name in after})
    return found


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("estimator", LEARNED)
def test_rounding_moves_no_parameter_whose_gradient_is_zero_in_theory(estimator, batch_norm):
    """Below batch normalisation the targets of a batch sum to zero: an SG's bias stays as long as the SG says zero."""
    module = members.load("estimators", estimator)
    singles, doubles = (moves(module, dtype, batch_norm=batch_norm) for dtype in (torch.float32, torch.float64))
    noise = [
        (update, name)
        for update, (single, double) in enumerate(zip(singles, doubles, strict=True), start=1)
        for name in single
        if ((double[name] < STILL) & (single[name] > MOVED)).any()
    ]
    assert noise == []


def errors(dtype, *, mean):
    """Errors of a batch, whose mean is `mean`, up to rounding."""
    drawn_errors = torch.randn(N, WIDTH, generator=drawn(1), dtype=torch.float64)
    return (drawn_errors - drawn_errors.mean(dim=0) + mean).to(dtype)


def cleared(error):
    """The gradient of a bias, as autograd has it and as it is then left."""
    total = error.sum(dim=0)
    left = total.clone()
    clear_noise(left, error)
    return total, left


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gradient_is_left_as_it_is_or_zero(dtype):
    assert torch.count_nonzero(cleared(errors(dtype, mean=0.0))[1]) == 0
    one_unit = errors(dtype, mean=0.0)
    one_unit[0, 3] += 1e4 * torch.finfo(dtype).eps
    for error in (errors(dtype, mean=0.1), one_unit):
        assert torch.equal(*cleared(error))


def test_each_run_is_judged_by_itself():
    parts = [errors(torch.float32, mean=mean) for mean in (0.0, 0.1)]
    total = torch.stack([error.sum(dim=0) for error in parts])
    clear_noise(total, torch.stack(parts))
    assert torch.equal(total, torch.stack([cleared(error)[1] for error in parts]))
    assert torch.count_nonzero(total[0]) == 0 < torch.count_nonzero(total[1])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
def test_divergence_is_not_hidden(value):
    """Squares of 1e30 are infinite in single precision."""
    error = errors(torch.float32, mean=0.0)
    error[0, 0] = value
    torch.testing.assert_close(*cleared(error), rtol=0, atol=0, equal_nan=True)
