"""Training: one update by backprop or by synthetic gradients, and the trainer's state as plain arrays."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from pipeline.learning import blockwise
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, true_gradients
from pipeline.learning.optimisers import Optimiser, OptimiserSettings
from pipeline.results import activations


class Trainer:
    """A network, its gates, their optimisers and the number of finished updates.

    Updates are `simultaneous` (one pass, then everything moves) or `sequential` (see `pipeline.learning.blockwise`).
    """

    def __init__(
        self,
        network: Network,
        gates: Mapping[int, Gate],
        *,
        loss: str,
        optimiser: OptimiserSettings,
        gate_optimiser: OptimiserSettings,
        update: str,
        target: str = "arrived",
    ) -> None:
        """Start at step 0.

        Args:
            network: the network to train, in place.
            gates: by layer, as in `Network.forward`; none for backprop.
            loss: name of the loss.
            optimiser: of the network.
            gate_optimiser: of the estimators that learn.
            update: "simultaneous" or "sequential".
            target: what estimators learn to predict: the gradient that has "arrived" at their gate (bootstrapped, if
                another gate stands above), or the "true" one, which takes a backward pass of its own.

        Raises:
            ValueError: for sequential updates that `blockwise.check` refuses.
        """
        self.network, self.gates, self.loss = network, dict(gates), loss
        self.sequential, self.true_targets = update == "sequential", target == "true"
        self.settings, self.gate_settings = optimiser, gate_optimiser
        self.step = 0
        if self.sequential:
            blockwise.check(network, gates, target=target)
        blocks = blockwise.blocks(network, gates if self.sequential else {})
        parts = [network.parameters_of(layers, output=number == len(blocks)) for number, layers in enumerate(blocks, 1)]
        self.optimisers = [optimiser.build(part) for part in parts]  # one for each block that moves on its own
        learned = [parameter for _, gate in sorted(gates.items()) for parameter in gate.parameters()]
        self.gate_optimiser = gate_optimiser.build(learned) if learned else None

    def update(self, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"]) -> float:
        """One update on a batch; returns the batch's loss before it."""
        rate, gate_rate = self.settings.rate_at(self.step), self.gate_settings.rate_at(self.step)
        for optimiser in self._all_optimisers():
            optimiser.zero_grad()
        if self.sequential:  # blocks move here, before their estimators learn
            value = blockwise.update(self.network, self.gates, self.optimisers, x, y, loss_name=self.loss, rate=rate)
        else:
            value = loss(self.loss, self.network(x, mode="train", gates=self.gates, y=y), y)
            value.backward()
        if self.gate_optimiser:
            true = true_gradients(self.network, sorted(self.gates), x, y, self.loss) if self.true_targets else {}
            torch.stack([gate.loss(true.get(layer)) for layer, gate in self.gates.items()]).sum().backward()
            for layer, gate in self.gates.items():
                gate.clear_noise(true.get(layer))
            self.gate_optimiser.step(gate_rate)
        if not self.sequential:
            self.optimisers[0].step(rate)
        self.step += 1
        return value.item()

    def state(self) -> dict[str, ndarray]:
        """Everything that the next step depends on, apart from the data: the model and the optimisers' moments."""
        found = self.model()
        for number, optimiser in enumerate(self._all_optimisers()):
            found |= {f"optimiser/{number}/{key}": to_array(value) for key, value in optimiser.state().items()}
        return found

    def model(self) -> dict[str, ndarray]:
        """The parameters and buffers of the network and of its gates."""
        found = {f"{activations.NETWORK}{name}": to_array(v) for name, v in self.network.state_dict().items()}
        for layer, gate in self.gates.items():
            found |= {
                f"{activations.gate(layer)}{name}": to_array(v) for name, v in gate.estimator.state_dict().items()
            }
        return found

    def restore(self, state: Mapping[str, ndarray], step: int) -> None:
        """Continue from what `state` returned after `step` updates."""
        self.load(state)
        for number, optimiser in enumerate(self._all_optimisers()):
            optimiser.restore(to_tensors(state, f"optimiser/{number}/"))
        self.step = step

    def load(self, model: Mapping[str, ndarray]) -> None:
        """Put what `model` returned into the network and its gates."""
        load_model(self.network, model)
        for layer, gate in self.gates.items():
            gate.estimator.load_state_dict(to_tensors(model, activations.gate(layer)))

    def _all_optimisers(self) -> list[Optimiser]:
        return [*self.optimisers, *([self.gate_optimiser] if self.gate_optimiser else [])]


def load_model(network: Network, state: Mapping[str, ndarray]) -> None:
    """Put a checkpoint's parameters and buffers into a network of the same shape."""
    network.load_state_dict(to_tensors(state, activations.NETWORK))


def to_array(value: Tensor) -> ndarray:
    """A copy of a tensor on any device."""
    return value.detach().cpu().numpy().copy()


def to_tensors(state: Mapping[str, ndarray], prefix: str) -> dict[str, Tensor]:
    """Copies of the arrays whose names begin with `prefix`, by the rest of the name."""
    return {name: torch.from_numpy(np.array(array)) for name, array in activations.below(state, prefix).items()}
