"""Train linear models with a linear synthetic gradient, by several rules and from the same starts (claims C5, C6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline import linear_models as linear

DIVERGED = 1e6  # a training whose relative gap passes this is given up
CONVERGED = 1e-4  # the relative gap below which a training counts as having found the optimum
RESOLVED = 1e-20  # below this relative gap, rounding decides on the direction of a step and on the gap itself


@dataclass(frozen=True)
class Rule:
    """What the layers below the SG move along.

    `backprop`: the true gradient. `line_search`: the SG's estimate, with the SG stepping by exact line search. `fixed`:
    the same with a fixed SG rate. `frozen`: nothing, which shows what the layers above can do alone.
    """

    name: str
    sg_rate: float | None = None

    @property
    def learns(self) -> bool:
        """Has it an SG that learns?"""
        return self.name in ("line_search", "fixed")


@dataclass(frozen=True)
class Model:
    """A linear model of `hidden` hidden layers with an SG after layer `after`; without any, it is linear regression."""

    inputs: int
    outputs: int
    hidden: int = 0
    width: int = 0
    after: int = 1

    def __post_init__(self) -> None:
        """Refuse an SG that has no place, and a model that can't express what least squares finds.

        Raises:
            ValueError: with what was found and what was expected.
        """
        if not 1 <= self.after <= self.hidden + 1:
            raise ValueError(f"an SG after layer {self.after}: expected 1 to {self.hidden + 1}")
        rank = min(self.inputs + 1, self.outputs)
        if self.hidden and self.width < rank:
            raise ValueError(
                f"hidden layers of {self.width} units can't express least squares from {self.inputs} inputs to "
                f"{self.outputs} outputs: take a width of at least {rank}"
            )

    def start(self, generator: np.random.Generator) -> list[Float[ndarray, "_ _"]]:
        """Random weights that keep the signal's variance."""
        sizes = [self.inputs + 1, *[self.width] * self.hidden, self.outputs]
        return [generator.normal(size=(a, b)) / np.sqrt(a) for a, b in pairwise(sizes)]


def rules(sg_rates: tuple[float, ...], *, frozen: bool) -> list[Rule]:
    """Backprop, line search, and a fixed SG rate at each of `sg_rates`; `frozen` if wanted.

    Raises:
        ValueError: for a rate that is not above 0.
    """
    if sg_rates:
        require_positive(sg_rates=sg_rates)
    fixed = [Rule("fixed", rate) for rate in sg_rates]
    return [Rule("backprop"), Rule("line_search"), *fixed, *([Rule("frozen")] if frozen else [])]


def compare(
    generator: np.random.Generator,
    model: Model,
    compared: list[Rule],
    *,
    seeds: int,
    samples: int,
    noises: tuple[float, ...],
    rates: tuple[float, ...],
    iterations: int,
    points: int,
) -> pd.DataFrame:
    """Train by every rule, for all combinations of seeds, noises and main rates, on the same data from the same start.

    Args:
        generator: gives data and starting weights, seed by seed.
        model: what is trained.
        compared: the rules.
        seeds: number of repetitions.
        samples: points in each data set.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: rates of the main model, in units of 1 / `linear_models.curvature`.
        iterations: number of updates.
        points: number of iterations, log-spaced, at which the training is recorded.

    Returns:
        A row for each rule, combination and recorded iteration; for the columns see `train`.

    Raises:
        ValueError: for a setting that is out of its range.
    """
    require_positive(seeds=seeds, samples=samples, rates=rates, iterations=iterations, points=points)
    if len(noises) == 0 or min(noises) < 0:
        raise ValueError(f"noises: found {noises}; expected one or more standard deviations, none below 0")
    drawn = [_draw(generator, model, samples) for _ in range(seeds)]
    plan = pd.DataFrame(product(range(seeds), noises, rates), columns=["seed", "noise", "rate"])
    x, signal, unit_noise, *start = (np.stack(parts)[plan["seed"].to_numpy()] for parts in zip(*drawn, strict=True))
    noise = plan["noise"].to_numpy()[:, None, None] * unit_noise
    data = linear.regression(*linear.condense(x, signal + noise))
    steps = (plan["rate"].to_numpy() / linear.curvature(x, model.outputs))[:, None, None]
    recorded = np.unique(np.r_[0, np.geomspace(1, iterations, points).round().astype(int), iterations]).tolist()
    parts = []
    for rule in compared:
        for iteration, found in train(data, start, rule, after=model.after, steps=steps, recorded=recorded).items():
            parts.append(plan.assign(rule=rule.name, sg_rate=_or_nan(rule.sg_rate), iteration=iteration, **found))
    shape = {"inputs": model.inputs, "outputs": model.outputs, "hidden": model.hidden, "sg_after": model.after}
    return pd.concat(parts, ignore_index=True).assign(**shape)


def require_positive(**settings: int | float | Sequence[int | float]) -> None:
    """Refuse settings (numbers, or lists of them) that are not above 0, or of which there are none.

    Raises:
        ValueError: with the name of the setting, what was found and what was expected.
    """
    for name, value in settings.items():
        values = value if isinstance(value, Sequence) else [value]
        if len(values) == 0 or min(values) <= 0:
            raise ValueError(f"{name}: found {value}; expected above 0" + (", one or more" if values is value else ""))


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _draw(generator: np.random.Generator, model: Model, samples: int) -> list[Float[ndarray, "_ _"]]:
    """Inputs with a constant column, the targets' signal, noise of deviation 1, and starting weights."""
    x = np.column_stack([generator.normal(size=(samples, model.inputs)), np.ones(samples)])
    signal = x @ generator.normal(size=(model.inputs + 1, model.outputs)) / np.sqrt(model.inputs + 1)
    return [x, signal, generator.normal(size=signal.shape), *model.start(generator)]


def train(
    data: linear.Regression,
    start: list[Float[ndarray, "r _ _"]],
    rule: Rule,
    *,
    after: int,
    steps: Float[ndarray, "r 1 1"],
    recorded: list[int],
) -> dict[int, dict[str, ndarray]]:
    """Train by one rule up to the last of the iterations `recorded`; what was found at each of them.

    The main model moves along what the SG said before its own step, as in training with gates.

    Args:
        data: one regression per training.
        start: the weights from the input up.
        rule: what the layers below the SG move along.
        after: the layer after which the SG stands, counted from 1.
        steps: the main model's rates, absolute.
        recorded: numbers of finished updates, ascending.

    Returns:
        By iteration, an array with an entry per training of: `gap`, (L - L*) / (L_0 - L*), NaN once it has diverged;
        `sg_residual`, the estimate's squared error in units of the true gradient's square; `descent_share`, the share
        of the updates so far along which the true loss falls if the step is small enough (NaN before the first);
        `diverged`.
    """
    weights, theta = start, np.zeros(())  # an SG of zeros, of whatever shape
    first = linear.excess(linear.forward(data.x, weights)[-1], data.best)
    diverged, descents, counted = np.zeros(len(first), dtype=bool), np.zeros(len(first)), np.zeros(len(first))
    course = {}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what diverges runs on to NaN, and is marked
        for iteration in range(recorded[-1] + 1):
            signals = linear.forward(data.x, weights)
            gap = linear.excess(signals[-1], data.best) / first
            diverged = diverged | ~(gap < DIVERGED)
            target, above = linear.backward(signals[after:], weights[after:], linear.error(signals[-1], data.y))
            z = linear.features(signals[after], data.y, data.x[:, :, -1:])
            theta = theta if theta.ndim else np.zeros((len(z), z.shape[2], target.shape[2]))
            estimate = target if rule.name == "backprop" else z @ theta
            if iteration in recorded:
                course[iteration] = {
                    "gap": np.where(diverged, np.nan, gap),
                    "sg_residual": _square(estimate - target) / _square(target),
                    "descent_share": descents / counted,
                    "diverged": diverged,
                }
            true = linear.backward(signals[: after + 1], weights[:after], target)[1]
            below = linear.backward(signals[: after + 1], weights[:after], estimate)[1]
            counts = ~diverged & (gap > RESOLVED)
            descents = descents + (counts & _descends([*below, *above], [*true, *above]))
            counted = counted + counts
            weights = [weight - steps * change for weight, change in zip(weights, [*below, *above], strict=True)]
            theta = linear.sg_step(theta, z, target, rate=rule.sg_rate) if rule.learns else theta
    return course


def _square(gradient: Float[ndarray, "r n u"]) -> Float[ndarray, " r"]:
    return np.square(gradient).sum(axis=(1, 2))


def _descends(moved: list[Float[ndarray, "r _ _"]], true: list[Float[ndarray, "r _ _"]]) -> Bool[ndarray, " r"]:
    """Does the loss whose gradient is `true` fall along `-moved`?"""
    return np.sum([(a * b).sum(axis=(1, 2)) for a, b in zip(moved, true, strict=True)], axis=0) > 0


def headline(table: pd.DataFrame) -> dict[str, list[float]]:
    """The results of `compare` in a few numbers per rule, each with one value per seed.

    `log10_gap`: the last relative gap with the best of the main rates, in the worst of the problems, at least
    `RESOLVED`; a diverged training counts as `DIVERGED`. `converged_share`: the share of the trainings that ended
    below `CONVERGED`. `descent_share`: its mean over all trainings. Names end like `by_line_search` or
    `by_fixed_sg.rate0.01`.
    """
    if table.empty:
        return {}
    last = table[table["iteration"] == table["iteration"].max()]
    gap = last["gap"].fillna(DIVERGED).clip(lower=RESOLVED)
    fixed = "by_fixed_sg.rate" + last["sg_rate"].map("{:g}".format)
    by = ("by_" + last["rule"]).where(last["rule"] != "fixed", fixed)
    last = last.assign(by=by, log10_gap=np.log10(gap), converged_share=gap < CONVERGED)
    found: dict[str, list[float]] = {}
    for name, part in last.groupby("by"):
        best = part.groupby(["seed", "inputs", "hidden", "noise"])["log10_gap"].min()
        found[f"log10_gap.{name}"] = best.groupby("seed").max().tolist()
        for share in ("converged_share", "descent_share"):
            found[f"{share}.{name}"] = part.groupby("seed")[share].mean().tolist()
    return found
