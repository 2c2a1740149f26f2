"""Sequential updates: block by block from the input up, each block moved before the next one runs.

A block is the layers between two gates. It moves as soon as the gate above it has an estimate; the next block's input
is the moved block's output.

Departure: the order of updates is not known from the study. `sequential` is ours; batch normalisation's running
statistics are updated by the first of a block's two passes only.
"""

import itertools
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network
from pipeline.learning.optimisers import Optimiser


def blocks(network: Network, gates: Mapping[int, Gate]) -> list[range]:
    """The hidden layers between gates, from the input up; the output layer belongs to the last block."""
    edges = [0, *sorted(gates), len(network.layers)]
    return [range(a + 1, b + 1) for a, b in itertools.pairwise(edges)]


def check(network: Network, gates: Mapping[int, Gate], *, target: str) -> None:
    """Refuse what cannot be updated block by block.

    Raises:
        ValueError: if an estimator is to predict the true gradient, a gate's estimate is not available before the
            layers above it have run, or a gate stands on the output, above which there is no block.
    """
    if target == "true" and gates:
        raise ValueError("sequential updates never have the true gradient of all layers: use target: arrived")
    locked = [n for n, gate in gates.items() if not gate.applied or not set(gate.waits_for) <= {"h", "y"}]
    if locked:
        raise ValueError(
            f"sequential updates with gates after layers {locked} that are only observed or wait for more than h "
            "and y: use update: simultaneous"
        )
    top = len(network.layers) + 1
    if top in gates:
        raise ValueError(
            f"sequential updates with a gate on the output (key {top}, with {top - 1} hidden layers), above "
            "which nothing is left to be updated: use update: simultaneous"
        )


def update(
    network: Network,
    gates: Mapping[int, Gate],
    optimisers: Sequence[Optimiser],
    x: Float[Tensor, "n inputs"],
    y: Float[Tensor, "n k"],
    *,
    loss_name: str,
    rate: float,
) -> Float[Tensor, ""]:
    """Move every block once, and hand each gate its target.

    Args:
        network: its gradients are zero at the start.
        gates: by layer; their estimators are not moved.
        optimisers: one for each of `blocks`.
        x: the inputs of the batch.
        y: its targets.
        loss_name: the loss.
        rate: of this update.

    Returns:
        The loss of the last block before its move; all others have moved by then.
    """
    below: Gate | None = None
    *gated, top = blocks(network, gates)
    for block, optimiser in zip(gated, optimisers, strict=False):
        gate = gates[block[-1]]
        x = x.detach().requires_grad_(below is not None)
        h = network.span(x, block, mode="train")
        gate(h, y)
        assert gate.estimate is not None
        h.backward(gate.estimate.detach() / len(y))
        _deliver(below, x)
        optimiser.step(rate)
        with torch.no_grad():
            moved = network.span(x, block, mode="measure")
        below, x = gate, gate(moved, y)  # the estimator learns at the point at which its target will be taken
    x = x.detach().requires_grad_(below is not None)
    value = loss(loss_name, network.output(network.span(x, top, mode="train")), y)
    value.backward()
    _deliver(below, x)
    optimisers[-1].step(rate)
    return value


def _deliver(gate: Gate | None, x: Tensor) -> None:
    """Hand the gradient at a block's input, which is the target, to the gate below it."""
    if gate is not None:
        assert x.grad is not None
        gate.exchange(x.grad)
