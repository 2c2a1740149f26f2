"""A stack: runs of one shape, trained side by side in one process, each as it would be alone.

`pipeline.learning.trainer` says what an update is, for one run; tests hold the stack to it. What a stack can't do
(`why_separate`) is done by the runs' own trainers, one after the other.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from pipeline.learning.captured import Captured, CUDAGraphs
from pipeline.learning.losses import loss_of_runs
from pipeline.learning.optimisers import Optimiser, OptimiserSettings
from pipeline.learning.stacked_gates import StackedGates
from pipeline.learning.stacked_network import StackedNetwork
from pipeline.learning.trainer import Trainer, to_array, to_tensors
from pipeline.results import activations


def why_separate(trainer: Trainer) -> str:
    """Why runs like this one can't share their tensors; empty if they can."""
    if trainer.sequential:
        return "updates are sequential: each block of layers moves before the next one runs"
    if trainer.true_targets:
        return "the true gradient of each gate takes a backward pass of its own"
    return ""


class Stack:
    """Runs that differ only in their seeds, rates, losses and data, trained side by side.

    Their `trainers` keep the networks and gates, and always show the newest weights; they must not update themselves.
    """

    def __init__(self, trainers: Sequence[Trainer], *, per_run: str = "") -> None:
        """Take over the runs of `trainers`.

        Args:
            trainers: of networks of one shape, with gates of one kind after the same layers, at the same step.
            per_run: why their estimator can't be called for several runs at once; empty if it can.

        Raises:
            ValueError: for runs that can't share their tensors.
        """
        if reason := why_separate(trainers[0]):
            raise ValueError(f"these runs can't be stacked: {reason}")
        self.trainers, self.step = list(trainers), trainers[0].step
        self.network = StackedNetwork([trainer.network for trainer in trainers])
        self._losses = [trainer.loss for trainer in trainers]
        gates = [trainer.gates for trainer in trainers]
        self.gates = StackedGates(gates, units=self.network.shape.units, per_run=per_run) if gates[0] else None
        self._optimisers = [_Stacked(self.network.leaves, [trainer.settings for trainer in trainers])]
        if self.gates and self.gates.leaves:
            self._optimisers.append(_Stacked(self.gates.leaves, [trainer.gate_settings for trainer in trainers]))
        on = self.network.leaves[0].device
        self.captured = Captured(CUDAGraphs(on)) if on.type == "cuda" else None

    def update(
        self, x: Float[Tensor, "runs n inputs"], y: Float[Tensor, "runs n k"], *, frozen: Collection[int] = ()
    ) -> Float[Tensor, " runs"]:
        """One update of each run on its batch; returns the batches' losses before it, without waiting for a GPU.

        A run whose number is in `frozen` keeps its parameters. On a GPU the update is captured once and then replayed.
        """

        def work(x: Tensor, y: Tensor) -> Tensor:
            return self._update(x, y, frozen)

        found = self.captured(work, x, y, fixed=self._fixed(frozen)) if self.captured else work(x, y)
        self.step += 1
        return found

    def _fixed(self, frozen: Collection[int]) -> Hashable:
        """What decides an update beside its batch and the stack's tensors."""
        return frozenset(frozen), *(optimiser.rates(self.step) for optimiser in self._optimisers)

    def _update(self, x: Tensor, y: Tensor, frozen: Collection[int]) -> Float[Tensor, " runs"]:
        if self.gates:
            self.gates.begin(y)
        losses = loss_of_runs(self._losses, self.network(x, self.gates), y)
        losses.sum().backward()
        if self.gates:
            self.gates.learn()
        for optimiser in self._optimisers:
            optimiser.step(self.step, frozen=frozen)
        return losses.detach()

    def state(self) -> dict[str, ndarray]:
        """What the next update depends on, apart from the data: of each run, its model and its optimisers' moments."""
        found = {}
        for run, trainer in enumerate(self.trainers):
            found |= {f"{run}/{name}": array for name, array in trainer.model().items()}
        for number, optimiser in enumerate(self._optimisers):
            found |= {f"optimiser/{number}/{key}": to_array(value) for key, value in optimiser.state().items()}
        return found

    def restore(self, state: Mapping[str, ndarray], step: int) -> None:
        """Continue from what `state` returned after `step` updates."""
        for run, trainer in enumerate(self.trainers):
            trainer.load(activations.below(state, f"{run}/"))
        for number, optimiser in enumerate(self._optimisers):
            optimiser.restore(to_tensors(state, f"optimiser/{number}/"))
        self.step = step
        if self.captured:
            self.captured.forget()


class Separate:
    """The same for runs that can't share their tensors: each is updated by its own trainer."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        """Take over the runs of `trainers`, which are at the same step."""
        self.trainers, self.step = list(trainers), trainers[0].step

    def update(
        self, x: Float[Tensor, "runs n inputs"], y: Float[Tensor, "runs n k"], *, frozen: Collection[int] = ()
    ) -> Float[Tensor, " runs"]:
        """As `Stack.update`."""
        values = [
            float("nan") if run in frozen else trainer.update(x[run], y[run])
            for run, trainer in enumerate(self.trainers)
        ]
        self.step += 1
        return torch.tensor(values)

    def state(self) -> dict[str, ndarray]:
        """As `Stack.state`."""
        return {
            f"{run}/{name}": array
            for run, trainer in enumerate(self.trainers)
            for name, array in trainer.state().items()
        }

    def restore(self, state: Mapping[str, ndarray], step: int) -> None:
        """As `Stack.restore`."""
        for run, trainer in enumerate(self.trainers):
            trainer.restore(activations.below(state, f"{run}/"), step)
        self.step = step


def stacked(trainers: Sequence[Trainer], *, per_run: str = "") -> Stack | Separate:
    """A stack of the runs of `trainers` if they can share their tensors, else one that updates them separately."""
    return Separate(trainers) if why_separate(trainers[0]) else Stack(trainers, per_run=per_run)


class _Stacked:
    """Optimisers over the leaves, one for all runs that have the same settings; each run's part moves on its own."""

    def __init__(self, leaves: Sequence[Tensor], settings: Sequence[OptimiserSettings]) -> None:
        self.leaves = leaves
        self._parts = [[leaf.detach()[run] for leaf in leaves] for run in range(len(settings))]
        self._optimisers: dict[OptimiserSettings, Optimiser] = {}
        for each in settings:
            alike = [part for part, its in zip(self._parts, settings, strict=True) if its == each]
            self._optimisers.setdefault(each, each.build([tensor for part in alike for tensor in part]))

    def rates(self, step: int) -> tuple[float, ...]:
        """The rates of the update after `step` finished ones."""
        return tuple(settings.rate_at(step) for settings in self._optimisers)

    def step(self, step: int, *, frozen: Collection[int]) -> None:
        """Move every run that is not frozen along the leaves' gradients."""
        gradients = []
        for leaf in self.leaves:
            assert leaf.grad is not None
            gradients.append(leaf.grad.unbind(0))
            leaf.grad = None
        for run, parts in enumerate(self._parts):
            for part, of_leaf in zip(parts, gradients, strict=True):
                part.grad = None if run in frozen else of_leaf[run]
        for settings, optimiser in self._optimisers.items():
            optimiser.step(settings.rate_at(step))

    def state(self) -> dict[str, Tensor]:
        """The state of every optimiser."""
        return {
            f"{number}/{key}": value
            for number, optimiser in enumerate(self._optimisers.values())
            for key, value in optimiser.state().items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        for number, optimiser in enumerate(self._optimisers.values()):
            prefix = f"{number}/"
            mine = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            optimiser.restore(mine)
