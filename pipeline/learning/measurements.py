"""What is measured during a run: losses, accuracies, the quality of the estimates, the size of the weights."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pipeline.learning.gate import Gate
from pipeline.learning.losses import accuracy, loss
from pipeline.learning.network import Network, true_gradients

QUANTITIES = (
    "batch_loss",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
    "weight_norm",
    "distance_from_start",
    "sg_loss",
    "cosine",
    "norm_ratio",
    "tracking_error",
    "tracking_jacobian",
    "tracking_gradient",
    "tracking_parameter_error",
    "tracking_cosine",
    "tracking_falls",
    "update_flops",
    "samples",
)
T = TypeVar("T")
Rows = list[tuple[int, str, float]]  # layer (0: the whole network), quantity, value
EVALUATION_BATCH = 1000
MATRIX_PRODUCTS = frozenset({"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"})
FIRST_CHECKPOINT = 10  # the first step after 0 at which a model is kept, of runs that are long enough


def checkpoint_steps(steps: int, *, count: int) -> list[int]:
    """The `count` steps at which to keep a model (fewer in a short run): 0, and a geometric series up to the last."""
    between = max(count - 2, 0)  # beside the first and the last
    series = np.geomspace(min(FIRST_CHECKPOINT, steps), steps, between + 1)[:between].round().astype(int)
    return sorted({0, steps, *series.tolist()})


@torch.no_grad()
def evaluate(
    network: Network, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], labels: Int[Tensor, " n"], name: str
) -> tuple[float, float]:
    """Loss `name` and accuracy in evaluation mode, over all of `x`."""
    total, right = 0.0, 0.0
    for start in range(0, len(x), EVALUATION_BATCH):
        part = slice(start, start + EVALUATION_BATCH)
        p = network(x[part], mode="evaluate")
        total += loss(name, p, y[part]).item() * len(p)
        right += accuracy(p, labels[part]).item() * len(p)
    return total / len(x), right / len(x)


def estimates(
    network: Network, gates: Mapping[int, Gate], x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], name: str
) -> Rows:
    """How good each gate's estimate is on a batch, against the true end-to-end gradient of the loss `name`.

    `cosine` compares the two n x units matrices as vectors, `norm_ratio` is |estimate| / |true|, `sg_loss` is the
    squared error per sample against the gradient that arrives at the gate. The network and the gates are not changed.
    """
    if not gates:
        return []
    true = true_gradients(network, sorted(gates), x, y, name)
    loss(name, network(x, mode="measure", gates=gates, y=y), y).backward()
    rows: Rows = []
    for layer, gate in sorted(gates.items()):
        assert gate.estimate is not None
        estimate = gate.estimate.detach()
        size, right = estimate.norm().item(), true[layer].norm().item()
        # A zero estimate has no direction: its cosine is 0. A zero gradient gives no ratio.
        cosine = (estimate * true[layer]).sum().item() / (size * right) if size * right > 0 else 0.0
        rows += [(layer, "cosine", cosine), (layer, "sg_loss", gate.loss().item())]
        rows += [(layer, "norm_ratio", size / right)] if right > 0 else []
    for module in (network, *gates.values()):
        module.zero_grad()
    return rows


def weights(network: Network, start: list[Tensor]) -> Rows:
    """Frobenius norm of every layer's weights, and of their change from the `start` values."""
    rows: Rows = []
    for layer, (weight, before) in enumerate(zip(network.weights(), start, strict=True), start=1):
        rows.append((layer, "weight_norm", weight.detach().norm().item()))
        rows.append((layer, "distance_from_start", (weight.detach() - before).norm().item()))
    return rows


def count_operations(update: Callable[[], T]) -> tuple[T, int]:
    """What `update` returns, and the operations of its matrix products: two for each multiply-add.

    torch's own counter, `FlopCounterMode`, agrees, but it imports a compiler, which takes longer than many runs. The
    profiler's raw events are read, because turning them all into Python objects takes as long as a hundred updates.
    """
    with torch.autograd.profiler.profile(with_flops=True) as profile:
        value = update()
    events = profile.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
    products = [(each.start_ns(), each.end_ns(), each.flops()) for each in events if each.name() in MATRIX_PRODUCTS]
    return value, _innermost(products)


def _innermost(products: list[tuple[int, int, int]]) -> int:
    """The operations of the products (start, end, operations) that have no other product within.

    `torch.func.vmap` shows one sample's product around the batched one that is computed.
    """
    total, within = 0, 0
    for start, end, operations in sorted(products, key=lambda each: (-each[0], each[1])):
        # From the last start to the first: a product that ends after a later start has that one within.
        if not within or end <= within:
            total += operations
        within = start
    return total
