"""Optimisers: torch's update rules, with their state kept here.

torch's own classes import a compiler when first used, which takes 2 s in every process. The functions that they call,
`torch.optim.adam.adam` and `torch.optim.sgd.sgd`, don't.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

BETAS = (0.9, 0.999)  # of Adam: its authors' and torch's default
EPSILON = 1e-8


@dataclass(frozen=True)
class OptimiserSettings:
    """Which optimiser, its rate, and the steps at which its rate is multiplied by `drop_factor`."""

    name: str  # "adam" or "sgd"
    rate: float
    momentum: float = 0.0
    drops: tuple[int, ...] = ()
    drop_factor: float = 0.1

    def build(self, parameters: Sequence[Tensor]) -> "Optimiser":
        """The optimiser for `parameters`."""
        return Adam(parameters) if self.name == "adam" else SGD(parameters, self.momentum)

    def rate_at(self, step: int) -> float:
        """The rate of the update after `step` finished ones."""
        return self.rate * self.drop_factor ** sum(step >= drop for drop in self.drops)


class Adam:
    """Adam (Kingma and Ba 2015), without weight decay."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        """Start with all moments zero."""
        self.parameters = parameters
        self.moments: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def zero_grad(self) -> None:
        """Drop the gradients."""
        _drop_gradients(self.parameters)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update of every parameter that has a gradient."""
        moved = _moving(self.parameters)
        for index, parameter in moved.items():
            if index not in self.moments:
                count = torch.zeros((), dtype=torch.float32, device=parameter.device)
                self.moments[index] = (count, torch.zeros_like(parameter), torch.zeros_like(parameter))
        counts, first, second = (list(each) for each in zip(*(self.moments[i] for i in moved), strict=True))
        adam(
            list(moved.values()),
            [_gradient(parameter) for parameter in moved.values()],
            first,
            second,
            [],
            counts,
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """The number of updates, and the first and second moments, of each parameter."""
        names = ("step", "exp_avg", "exp_avg_sq")
        return {f"{i}/{name}": v for i, each in self.moments.items() for name, v in zip(names, each, strict=True)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        for index in sorted({int(key.partition("/")[0]) for key in state}):
            on = self.parameters[index].device
            count, first, second = (state[f"{index}/{name}"].to(on) for name in ("step", "exp_avg", "exp_avg_sq"))
            self.moments[index] = (count, first.clone(), second.clone())


class SGD:
    """Gradient descent, with momentum unless it is 0."""

    def __init__(self, parameters: Sequence[Tensor], momentum: float) -> None:
        """Start with all velocities zero."""
        self.parameters, self.momentum = parameters, momentum
        self.velocities: dict[int, Tensor] = {}

    def zero_grad(self) -> None:
        """Drop the gradients."""
        _drop_gradients(self.parameters)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update of every parameter that has a gradient."""
        moved = _moving(self.parameters)
        velocities = [self.velocities.get(index) for index in moved]
        sgd(
            list(moved.values()),
            [_gradient(parameter) for parameter in moved.values()],
            velocities,
            weight_decay=0.0,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
        self.velocities |= {i: v for i, v in zip(moved, velocities, strict=True) if v is not None}

    def state(self) -> dict[str, Tensor]:
        """The velocities; none without momentum."""
        return {f"{index}/momentum_buffer": velocity for index, velocity in self.velocities.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        for key, velocity in state.items():
            index = int(key.partition("/")[0])
            self.velocities[index] = velocity.to(self.parameters[index].device).clone()


def _moving(parameters: Sequence[Tensor]) -> dict[int, Tensor]:
    return {index: parameter for index, parameter in enumerate(parameters) if parameter.grad is not None}


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _drop_gradients(parameters: Sequence[Tensor]) -> None:
    for parameter in parameters:
        parameter.grad = None


Optimiser = Adam | SGD
