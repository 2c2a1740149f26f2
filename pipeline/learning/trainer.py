"""Training: one step of backprop or of synthetic gradients, and its state as plain arrays."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

from pipeline import random_streams
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, true_gradients
from pipeline.learning.optimisers import Optimiser, Rule

__all__ = ["Batches", "Rule", "Trainer", "checkpoint_steps", "load_model"]


class Trainer:
    """A network, its gates, their optimisers and the number of finished updates.

    Updates are `simultaneous` (one pass; then everything moves) or `sequential`: block by block from the input up, each
    moved as soon as its gate speaks, the next one fed by what the moved block gives.

    Departure: the order of updates is not known from the study. `sequential` is ours; batch normalisation's running
    statistics are updated by the first of a block's two passes only.
    """

    def __init__(
        self, network: Network, gates: Mapping[int, Gate], *, loss: str, rule: Rule, gate_rule: Rule, update: str,
        target: str = "arrived",
    ) -> None:  # fmt: skip
        """Start at step 0.

        `target` says what a learned estimator is to predict: the gradient that has "arrived" at its gate
        (bootstrapped, where another gate stands above), or the "true" one, which takes a backward pass of its own.

        Raises:
            ValueError: for sequential updates with gates that can't speak before what is above them has run, or with a
                gate on the output, which has no block above it.
        """
        self.true_targets = target == "true"
        self.network, self.gates, self.loss = network, dict(gates), loss
        self.rule, self.gate_rule, self.sequential = rule, gate_rule, update == "sequential"
        self.step = 0
        locked = [n for n, gate in gates.items() if not gate.applied or not set(gate.waits_for) <= {"h", "y"}]
        if self.sequential and self.true_targets and gates:
            raise ValueError("sequential updates never have the true gradient of all layers: use target: arrived")
        if self.sequential and locked:
            raise ValueError(
                f"sequential updates with gates after layers {locked} that are only observed or wait for more than h "
                "and y: use update: simultaneous"
            )
        top = len(network.layers) + 1
        if self.sequential and top in gates:
            raise ValueError(
                f"sequential updates with a gate on the output (key {top}, with {top - 1} hidden layers), above "
                "which nothing is left to be updated: use update: simultaneous"
            )
        blocks = self._blocks() if self.sequential else [range(1, len(network.layers) + 1)]
        self.optimisers = [rule.build(self._parameters(block)) for block in blocks]
        learned = [p for _, gate in sorted(gates.items()) for p in gate.parameters()]
        self.gate_optimiser = gate_rule.build(learned) if learned else None

    def update(self, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"]) -> float:
        """One step on a batch; returns the batch's loss before it."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        # Before anything moves; and before the gates see the batch, whose signals it would overwrite.
        true = self._true_gradients(x, y) if self.true_targets and self.gate_optimiser else {}
        value = self._sequential(x, y) if self.sequential else self._simultaneous(x, y)
        for layer, gradient in true.items():
            self.gates[layer].signals["arrived"] = gradient
        if self.gate_optimiser:
            self.gate_optimiser.zero_grad()
            torch.stack([gate.loss() for gate in self.gates.values()]).sum().backward()
            self.gate_optimiser.step(self.gate_rule.rate_at(self.step))
        self.step += 1
        return value

    def _simultaneous(self, x: Tensor, y: Tensor) -> float:
        value = loss(self.loss, self.network(x, mode="train", gates=self.gates, y=y), y)
        value.backward()
        self.optimisers[0].step(self.rule.rate_at(self.step))
        return value.item()

    def _true_gradients(self, x: Tensor, y: Tensor) -> dict[int, Tensor]:
        return true_gradients(self.network, sorted(self.gates), x, y, self.loss)

    def _sequential(self, x: Tensor, y: Tensor) -> float:
        below: Gate | None = None
        *gated, top = self._blocks()
        for block, optimiser in zip(gated, self.optimisers, strict=False):
            gate = self.gates[block[-1]]
            x = x.detach().requires_grad_(below is not None)
            h = self.network.span(x, block, mode="train")
            gate(h, y)
            assert gate.estimate is not None
            h.backward(gate.estimate.detach() / len(y))
            _deliver(below, x)
            optimiser.step(self.rule.rate_at(self.step))
            with torch.no_grad():
                moved = self.network.span(x, block, mode="measure")
            below, x = gate, gate(moved, y)  # the gate learns at the point at which its target will be taken
        x = x.detach().requires_grad_(below is not None)
        value = loss(self.loss, self.network.output(self.network.span(x, top, mode="train")), y)
        value.backward()
        _deliver(below, x)
        self.optimisers[-1].step(self.rule.rate_at(self.step))
        return value.item()

    def _blocks(self) -> list[range]:
        """Layers between gates, from the input up; the last block (perhaps without layers) has the output layer."""
        edges = [0, *sorted(self.gates), len(self.network.layers)]
        return [range(a + 1, b + 1) for a, b in itertools.pairwise(edges)]

    def _parameters(self, block: range) -> list[nn.Parameter]:
        layers = [p for number in block for p in self.network.layers[number - 1].parameters()]
        last = block.stop == len(self.network.layers) + 1 and (not self.sequential or block == self._blocks()[-1])
        return [*layers, self.network.weight, self.network.bias] if last else layers

    def state(self) -> dict[str, ndarray]:
        """Everything that the next step depends on, but the data: parameters, buffers, optimisers' moments."""
        found = self.model()
        for number, optimiser in enumerate(self._all_optimisers()):
            found |= {f"optimiser/{number}/{key}": _array(value) for key, value in optimiser.state().items()}
        return found

    def model(self) -> dict[str, ndarray]:
        """The network's parameters and buffers, and its gates'."""
        found = {f"network/{name}": _array(v) for name, v in self.network.state_dict().items()}
        for layer, gate in self.gates.items():
            found |= {f"gate/{layer}/{name}": _array(v) for name, v in gate.estimator.state_dict().items()}
        return found

    def restore(self, state: Mapping[str, ndarray], step: int) -> None:
        """Go on from what `state` returned after `step` updates."""
        load_model(self.network, state)
        for layer, gate in self.gates.items():
            gate.estimator.load_state_dict(_below(state, f"gate/{layer}/"))
        for number, optimiser in enumerate(self._all_optimisers()):
            optimiser.restore(_below(state, f"optimiser/{number}/"))
        self.step = step

    def _all_optimisers(self) -> list[Optimiser]:
        return [*self.optimisers, *([self.gate_optimiser] if self.gate_optimiser else [])]


def load_model(network: Network, state: Mapping[str, ndarray]) -> None:
    """Put a checkpoint's parameters and buffers into a network of the same shape."""
    network.load_state_dict(_below(state, "network/"))


class Batches:
    """Which samples make the batch of a step: a fresh order every epoch, each drawn from a stream of its own.

    The order depends on the seed and the epoch alone, so that a resumed run goes on in the same order.
    """

    def __init__(self, samples: int, *, batch: int, seed: int) -> None:
        """Batches of exactly `batch`; the remainder of an epoch is left out.

        Raises:
            ValueError: if there are fewer samples than a batch has.
        """
        if samples < batch:
            raise ValueError(
                f"a batch of {batch} from {samples} training samples: make `batch` smaller or `train` larger"
            )
        self.samples, self.batch, self.seed = samples, batch, seed
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def indices(self, step: int) -> Int[ndarray, " batch"]:
        """The samples of the update after `step` finished ones."""
        epoch, position = divmod(step, self.samples // self.batch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = random_streams.numpy_stream("order", self.seed, epoch).permutation(self.samples)
        return self._order[position * self.batch : (position + 1) * self.batch]


def checkpoint_steps(steps: int, *, count: int) -> list[int]:
    """`count` steps at which to look: 0, the last one, and between them a geometric series from `FIRST_LOOK`."""
    series = np.geomspace(min(FIRST_LOOK, steps), steps, max(count - 1, 1)).round().astype(int)
    return sorted({0, steps, *series.tolist()})


FIRST_LOOK = 10


def _deliver(gate: Gate | None, x: Tensor) -> None:
    """Hand a block's input gradient, which is the target, to the gate below it."""
    if gate is not None:
        assert x.grad is not None
        gate.exchange(x.grad)


def _array(value: Tensor) -> ndarray:
    return value.detach().cpu().numpy().copy()


def _below(state: Mapping[str, ndarray], prefix: str) -> dict[str, Tensor]:
    found: Iterator[str] = (name for name in state if name.startswith(prefix))
    return {name.removeprefix(prefix): torch.from_numpy(np.array(state[name])) for name in found}
