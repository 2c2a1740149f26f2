"""A deep linear model with a linear SG between two of its hidden layers: does it find the global optimum?

Theorem 2 of the paper, as usually described (its text was not at hand): what Theorem 1 states for linear regression
(see `linear_convergence`) also holds here. The hidden layers are narrower than the input. Otherwise the layers above
the SG would find the optimum alone, whatever the SG's estimate. The rule `frozen` doesn't train the layers below the
SG, and so shows how far the layers above get by themselves.

Departure: sizes, rates, noises and numbers of iterations are ours, and so is the comparison with fixed SG rates.
"""

from itertools import product

import numpy as np
import pandas as pd

from pipeline.metrics.by_seed import in_order
from pipeline.settings_types import (
    ConditionNumber,
    Count,
    Distinct,
    DistinctOrNone,
    Natural,
    NotNegative,
    Positive,
    TwoOrMore,
)
from pipeline.theory.comparison import compare, headline, rules
from pipeline.theory.problems import Model, require_positive

SCOPE = "study"
READS = None
CLAIMS = ("C6", "C7")
RANGES = {
    "converged_share": "share",
    "descent_share": "share",
    "rate_found_share": "share",
    "solved_share": "share",
    "clipped_share": "share",
    "diverged_share": "share",
    "bound_share": "share",
    "sharp_share": "share",
    "falls": "share",
}
BOUNDS = (("at_least", "width", "outputs"), ("told_apart", "sg_rates"))


def analyse(
    *,
    generator: np.random.Generator,
    seeds: Count = 3,
    samples: Count = 200,
    inputs: Distinct[Count] = (10, 20),
    outputs: Count = 3,
    hidden: Distinct[TwoOrMore] = (2, 4),
    width: Count = 5,
    conditions: Distinct[ConditionNumber] = (1.0, 100.0),
    noises: Distinct[NotNegative] = (0.0, 0.5),
    rates: Distinct[Positive] = (0.03, 0.1, 0.3, 1.0, 3.0),
    sg_rates: DistinctOrNone[Positive] = (0.01, 0.1, 0.5),
    iterations: Count = 3000,
    points: Count = 40,
    halvings: Natural = 6,
) -> pd.DataFrame:
    """Train `p = x W_1 … W_D` by backprop and with an SG in the middle, and record the gap to least squares.

    Args:
        generator: draws data and starting weights.
        seeds: number of repetitions.
        samples: points in each data set.
        inputs: numbers of inputs, not counting the constant.
        outputs: number of outputs.
        hidden: numbers of hidden layers, at least 2; the SG is placed after layer ceil(hidden / 2).
        width: units of each hidden layer, at least as many as outputs.
        conditions: condition numbers of the covariance from which the inputs are drawn.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: main rates in units of 1 / the largest curvature of linear regression on the same inputs.
        sg_rates: fixed SG rates, for comparison.
        iterations: number of updates.
        points: number of recorded iterations that are log-spaced; as many again are evenly spaced.
        halvings: rounds of the search for the largest main rate that converges.

    Returns:
        The columns of `linear_convergence`.

    Raises:
        ValueError: if a setting is out of range, there are fewer than two hidden layers, or they are too narrow to
            express the least-squares solution.
    """
    require_positive(inputs=inputs, outputs=outputs, hidden=hidden, width=width)
    if min(hidden) < 2:
        raise ValueError(f"hidden: found {hidden}; an SG between two hidden layers needs at least 2 of them")
    shapes, parts = list(product(inputs, hidden)), []
    for (size, number), stream in zip(shapes, generator.spawn(len(shapes)), strict=True):
        model = Model(inputs=size, outputs=outputs, hidden=number, width=width, after=(number + 1) // 2)
        parts.append(
            compare(
                stream,
                model,
                rules(sg_rates, frozen=True),
                seeds=seeds,
                samples=samples,
                conditions=conditions,
                noises=noises,
                rates=rates,
                iterations=iterations,
                points=points,
                halvings=halvings,
            )
        )
    return pd.concat(parts, ignore_index=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Gaps, shares and largest rates by training rule: the same numbers as in `linear_convergence`."""
    return in_order(headline(table), table["seed"]) if len(table) else {}
