"""Linear models and random data on which the convergence of synthetic gradients is tested (claims C5, C6, C7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.errors import SettingError
from pipeline.theory import models as linear


@dataclass(frozen=True)
class Model:
    """A linear model of `hidden` hidden layers with an SG after layer `after`. With none, it is linear regression."""

    inputs: int
    outputs: int
    hidden: int = 0
    width: int = 0
    after: int = 1

    def __post_init__(self) -> None:
        """Check that the SG's layer exists and that the model can express the least-squares solution.

        Raises:
            ValueError: if the first check fails.
            SettingError: if the second one does.
        """
        if not 1 <= self.after <= self.hidden + 1:
            raise ValueError(f"an SG after layer {self.after}: expected 1 to {self.hidden + 1}")
        rank = min(self.inputs + 1, self.outputs)
        if self.hidden and self.width < rank:
            raise SettingError(
                f"hidden layers of {self.width} units can't express least squares from {self.inputs} inputs to "
                f"{self.outputs} outputs: expected a width of at least {rank}"
            )

    def start(self, generator: np.random.Generator) -> list[Float[ndarray, "_ _"]]:
        """Random starting weights that keep the signal's variance."""
        sizes = [self.inputs + 1, *[self.width] * self.hidden, self.outputs]
        return [generator.normal(size=(a, b)) / np.sqrt(a) for a, b in pairwise(sizes)]


@dataclass(frozen=True)
class Problems:
    """One training's data and start for each row of `plan`."""

    plan: pd.DataFrame  # columns seed, condition, noise
    data: linear.Regression
    start: list[Float[ndarray, "r _ _"]]
    unit: Float[ndarray, " r"]  # unit of the main rates: 1 / curvature

    def rows(self, chosen: Int[ndarray, " s"]) -> "Problems":
        """The problems at these indices, which may repeat."""
        x, y, best = (part[chosen] for part in (self.data.x, self.data.y, self.data.best))
        return Problems(
            self.plan.iloc[chosen].reset_index(drop=True),
            linear.Regression(x=x, y=y, best=best),
            [weight[chosen] for weight in self.start],
            self.unit[chosen],
        )


def problems(
    generator: np.random.Generator,
    model: Model,
    *,
    seeds: int,
    samples: int,
    conditions: Sequence[float],
    noises: Sequence[float],
) -> Problems:
    """All combinations of seeds, conditions and noises. Problems of one seed share all random numbers.

    Args:
        generator: draws data and starting weights, seed by seed.
        model: the model to train.
        seeds: number of repetitions.
        samples: points in each data set.
        conditions: condition numbers of the covariance from which the inputs are drawn, see `deviations`. The
            sample covariance has a larger one, especially for few samples.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.

    Raises:
        ValueError: if a setting is out of range.
    """
    require_positive(seeds=seeds, samples=samples)
    if len(noises) == 0 or min(noises) < 0:
        raise ValueError(f"noises: found {noises}; expected one or more standard deviations, none below 0")
    if len(conditions) == 0 or min(conditions) < 1:
        raise ValueError(f"conditions: found {conditions}; expected one or more condition numbers, none below 1")
    drawn = [_draw(generator, model, samples) for _ in range(seeds)]
    plan = pd.DataFrame(product(range(seeds), conditions, noises), columns=["seed", "condition", "noise"])
    x, truth, unit_noise, *start = (np.stack(parts)[plan["seed"].to_numpy()] for parts in zip(*drawn, strict=True))
    scales = np.stack([deviations(model.inputs, condition) for condition in plan["condition"]])
    x = np.concatenate([x * scales[:, None], np.ones_like(x[:, :, :1])], axis=2)
    noise = plan["noise"].to_numpy()[:, None, None] * unit_noise
    data = linear.regression(*linear.condense(x, x @ truth + noise))
    return Problems(plan, data, start, 1 / linear.curvature(x, model.outputs))


def deviations(inputs: int, condition: float) -> Float[ndarray, " inputs"]:
    """Standard deviations of independent inputs: spaced geometrically, with a mean square of 1.

    Args:
        inputs: number of inputs.
        condition: ratio of the largest variance to the smallest.
    """
    spread = np.geomspace(1, 1 / np.sqrt(condition), inputs)
    return spread / np.sqrt(np.square(spread).mean())


def _draw(generator: np.random.Generator, model: Model, samples: int) -> list[Float[ndarray, "_ _"]]:
    """Inputs of deviation 1, the weights of the targets' signal, noise of deviation 1, and starting weights."""
    x = generator.normal(size=(samples, model.inputs))
    truth = generator.normal(size=(model.inputs + 1, model.outputs)) / np.sqrt(model.inputs + 1)
    return [x, truth, generator.normal(size=(samples, model.outputs)), *model.start(generator)]


def require_positive(**settings: int | float | Sequence[int | float]) -> None:
    """Check that settings (numbers, or lists of them) are above 0 and that no list is empty.

    Raises:
        ValueError: with the setting's name, if one is not.
    """
    for name, value in settings.items():
        values = value if isinstance(value, Sequence) else [value]
        if len(values) == 0 or min(values) <= 0:
            raise ValueError(f"{name}: found {value}; expected above 0" + (", one or more" if values is value else ""))
