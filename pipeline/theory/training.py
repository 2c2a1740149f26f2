"""Train linear models with a linear synthetic gradient by several rules, and measure each step (claims C5, C6, C7)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline.theory import models as linear

DIVERGED = 1e6  # relative gap above which a training counts as diverged
CONVERGED = 1e-4  # relative gap below which a training counts as converged
RESOLVED = 1e-20  # relative gap below which rounding determines a step's direction and the gap itself


@dataclass(frozen=True)
class TrainingRule:
    """How the layers below the SG are trained.

    `backprop`: by the true gradient. `line_search`: by the SG's estimate, where the SG learns by exact line search.
    `fixed`: the same with a fixed SG rate. `frozen`: not at all, which shows what the layers above can do alone.
    """

    name: str
    sg_rate: float | None = None

    @property
    def learns(self) -> bool:
        """Whether the rule has an SG that learns."""
        return self.name in ("line_search", "fixed")


@dataclass(frozen=True)
class Update:
    """One update: the state before it, its gradients, and the weights after it.

    `target` and `estimate` are the samples' gradients at the SG's layer: the true one, and the one that the layers
    below receive. `below` and `above` are the gradients by which the weights below and above the SG are updated.
    """

    signals: list[Float[ndarray, "r n _"]]
    weights: list[Float[ndarray, "r _ _"]]
    target: Float[ndarray, "r n u"]
    estimate: Float[ndarray, "r n u"]
    below: list[Float[ndarray, "r _ _"]]
    above: list[Float[ndarray, "r _ _"]]
    next_weights: list[Float[ndarray, "r _ _"]]

    def true_below(self) -> list[Float[ndarray, "r _ _"]]:
        """The gradient of the true loss with respect to the weights below the SG."""
        if self.estimate is self.target:
            return self.below
        after = len(self.below)
        return linear.backward(self.signals[: after + 1], self.weights[:after], self.target)[1]


def updates(
    data: linear.Regression,
    start: list[Float[ndarray, "r _ _"]],
    rule: TrainingRule,
    *,
    after: int,
    steps: Float[ndarray, "r 1 1"],
) -> Iterator[Update]:
    """Train without end and yield each update.

    The main model uses the SG's estimate from before the SG's own step, as in training with gates. The SG starts at
    zero.

    Args:
        data: one regression per training.
        start: the weights from the input up.
        rule: how the layers below the SG are trained.
        after: the layer after which the SG is placed, counted from 1.
        steps: the main model's rates, absolute.
    """
    units = start[after - 1].shape[2]
    weights, theta = start, np.zeros((len(data.x), units + data.y.shape[2] + 1, units))
    while True:
        signals = linear.forward(data.x, weights)
        target, above = linear.backward(signals[after:], weights[after:], linear.error(signals[-1], data.y))
        z = linear.features(signals[after], data.y, data.x[:, :, -1:]) if rule.learns else None
        told = target if rule.name == "backprop" else np.zeros_like(target) if z is None else z @ theta
        below = linear.backward(signals[: after + 1], weights[:after], told)[1]
        moved = [weight - steps * change for weight, change in zip(weights, [*below, *above], strict=True)]
        theta = theta if z is None else linear.sg_step(theta, z, target, rate=rule.sg_rate)
        yield Update(signals, weights, target, told, below, above, moved)
        weights = moved


def train(
    data: linear.Regression,
    start: list[Float[ndarray, "r _ _"]],
    rule: TrainingRule,
    *,
    after: int,
    steps: Float[ndarray, "r 1 1"],
    recorded: list[int],
) -> dict[int, dict[str, ndarray]]:
    """Train by one rule up to the last of the iterations `recorded`, and measure at each of them.

    Args:
        data: one regression per training.
        start: the weights from the input up.
        rule: how the layers below the SG are trained.
        after: the layer after which the SG is placed, counted from 1.
        steps: the main model's rates, absolute.
        recorded: numbers of finished updates, ascending.

    Returns:
        By iteration, arrays with an entry per training. `gap`: (L - L*) / (L_0 - L*), NaN once diverged.
        `sg_residual`: the estimate's squared error divided by the true gradient's square. `descent_share`: the share of
        the updates so far along which the true loss falls for small enough steps (NaN before the first). `diverged`.
        Four more describe the next update, and are NaN once a training has diverged or its gap is below `RESOLVED`:
        `bound_ratio` and `sharp_ratio`, see the functions (NaN without an SG that learns); `descends`, whether the true
        loss falls along the update for small enough steps; `falls`, whether the true loss is lower after it.
    """
    wanted, course = set(recorded), {}
    diverged, descents, counted = np.zeros(len(data.x), dtype=bool), np.zeros(len(data.x)), np.zeros(len(data.x))
    first = linear.excess(linear.forward(data.x, start)[-1], data.best)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # diverged trainings go on, and are marked
        sequence = updates(data, start, rule, after=after, steps=steps)
        for iteration, update in zip(range(recorded[-1] + 1), sequence, strict=False):
            gap = linear.excess(update.signals[-1], data.best) / first
            diverged = diverged | ~(gap < DIVERGED)
            counts, true = ~diverged & (gap > RESOLVED), update.true_below()
            descends = _descends([*update.below, *update.above], [*true, *update.above])
            if iteration in wanted:
                after_it = linear.excess(linear.forward(data.x, update.next_weights)[-1], data.best) / first
                step = {
                    "descends": descends,
                    "falls": after_it < gap,
                    "bound_ratio": _ratios(update, true, counts & rule.learns),
                    "sharp_ratio": np.where(rule.learns, sharp_ratio(update.below, true), np.nan),
                }
                course[iteration] = {
                    "gap": np.where(diverged, np.nan, gap),
                    "sg_residual": _square(update.estimate - update.target) / _square(update.target),
                    "descent_share": descents / counted,
                    "diverged": diverged,
                    **{name: np.where(counts, value, np.nan) for name, value in step.items()},
                }
            descents, counted = descents + (counts & descends), counted + counts
    return course


def converges(
    data: linear.Regression,
    start: list[Float[ndarray, "r _ _"]],
    rule: TrainingRule,
    *,
    after: int,
    steps: Float[ndarray, "r 1 1"],
    iterations: int,
) -> Bool[ndarray, " r"]:
    """Whether each training never diverges and has a gap below `CONVERGED` after `iterations` updates; see `train`."""
    alive, gap = np.ones(len(data.x), dtype=bool), np.ones(len(data.x))
    first = linear.excess(linear.forward(data.x, start)[-1], data.best)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sequence = updates(data, start, rule, after=after, steps=steps)
        for _, update in zip(range(iterations + 1), sequence, strict=False):
            gap = linear.excess(update.signals[-1], data.best) / first
            alive = alive & (gap < DIVERGED)
    return alive & (gap < CONVERGED)


def bound_ratio(
    x: Float[ndarray, "r n inputs"],
    weights: list[Float[ndarray, "r _ _"]],
    deviation: Float[ndarray, "r n u"],
    true: list[Float[ndarray, "r _ _"]],
) -> Float[ndarray, " r"]:
    """`e K / g`, the ratio of the two sides of the error-tracking condition (claim C7), which can hold below 1.

    `e = || SG - delta ||_F`, as gradients of the mean loss. `K` is the spectral norm of the Jacobian of h with respect
    to the weights below the SG, and `g` the norm of the true gradient of these weights. The condition is
    `e K <= g (1 - d) / (1 + d)` for a d in (0, 1). Where it holds, the update is a descent direction. The ratio is the
    same for condensed data.

    Departure: the condition is tested at each step separately, with the step's own e, K, g and d. The paper, as usually
    described, requires it of all steps with one e, K and d; its text was not at hand.

    Args:
        x: the inputs.
        weights: the weights below the SG.
        deviation: `SG - delta` for each sample's own loss: n times that for the mean loss.
        true: the true gradient in `weights`.
    """
    error = np.sqrt(_square(deviation)) / deviation.shape[1]
    gradient = np.sqrt(np.sum([_square(part) for part in true], axis=0))
    return error * linear.jacobian_norm(x, weights) / gradient


def sharp_ratio(below: list[Float[ndarray, "r _ _"]], true: list[Float[ndarray, "r _ _"]]) -> Float[ndarray, " r"]:
    """`|| J' (SG - delta) || / || J' delta ||`: the error of the parameters' own direction, relative to the true one.

    `e K` of `bound_ratio` bounds its numerator. Below 1, the update is a descent direction.

    Args:
        below: the gradient by which the weights below the SG are updated, `J' SG`.
        true: the true gradient in these weights, `J' delta`.
    """
    wrong = np.sum([_square(a - b) for a, b in zip(below, true, strict=True)], axis=0)
    return np.sqrt(wrong / np.sum([_square(part) for part in true], axis=0))


def _ratios(update: Update, true: list[Float[ndarray, "r _ _"]], chosen: Bool[ndarray, " r"]) -> Float[ndarray, " r"]:
    """`bound_ratio` of the chosen trainings; NaN for the others, whose weights may not be finite."""
    found = np.full(len(chosen), np.nan)
    weights = [weight[chosen] for weight in update.weights[: len(true)]]
    deviation = (update.estimate - update.target)[chosen]
    found[chosen] = bound_ratio(update.signals[0][chosen], weights, deviation, [part[chosen] for part in true])
    return found


def _square(gradient: Float[ndarray, "r n u"]) -> Float[ndarray, " r"]:
    return np.square(gradient).sum(axis=(1, 2))


def _descends(moved: list[Float[ndarray, "r _ _"]], true: list[Float[ndarray, "r _ _"]]) -> Bool[ndarray, " r"]:
    """Whether the loss whose gradient is `true` falls along `-moved`."""
    return np.sum([(a * b).sum(axis=(1, 2)) for a, b in zip(moved, true, strict=True)], axis=0) > 0
