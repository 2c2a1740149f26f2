"""Linear regression with a linear SG between output and loss: does it find the global optimum?

Theorem 1 of the study, as the field recalls it: if the SG steps by exact line search, then in every iteration there is
a small enough positive step of the main model such that the system converges to the global solution.

Departure: sizes, rates, noises and numbers of iterations are ours, and so is the contrast with fixed SG rates.
"""

import numpy as np
import pandas as pd

from pipeline.theory.comparison import compare, headline, rules
from pipeline.theory.problems import Model, require_positive

SCOPE = "study"
READS = None
CLAIMS = ("C5", "C7")


def analyse(
    *,
    generator: np.random.Generator,
    seeds: int = 3,
    samples: int = 200,
    inputs: tuple[int, ...] = (2, 10, 50),
    outputs: int = 3,
    conditions: tuple[float, ...] = (1.0, 100.0),
    noises: tuple[float, ...] = (0.0, 0.5),
    rates: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0),
    sg_rates: tuple[float, ...] = (0.01, 0.1, 0.5),
    iterations: int = 4000,
    points: int = 40,
    halvings: int = 6,
) -> pd.DataFrame:
    """Train `p = x W + b` by backprop and by SGs, and follow the gap to least squares.

    Args:
        generator: gives data and starting weights.
        seeds: number of repetitions.
        samples: points in each data set.
        inputs: numbers of inputs, without the constant one.
        outputs: number of outputs.
        conditions: condition numbers of the covariance from which the inputs are drawn.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: main rates in units of 1 / the loss's largest curvature; gradient descent converges below 2.
        sg_rates: fixed SG rates, for contrast.
        iterations: number of updates.
        points: number of recorded iterations, log-spaced, and as many again evenly spaced.
        halvings: rounds of the search for the largest main rate that converges.

    Returns:
        Columns seed, condition, noise, rate, largest_rate, iteration, gap, sg_residual, descent_share, diverged,
        descends, falls, bound_ratio, rule, sg_rate, inputs, outputs, hidden, sg_after: see
        `pipeline.linear_comparison.compare`.

    Raises:
        ValueError: for a setting that is out of its range.
    """
    require_positive(inputs=inputs, outputs=outputs)
    parts = []
    for size, stream in zip(inputs, generator.spawn(len(inputs)), strict=True):
        parts.append(
            compare(
                stream, Model(inputs=size, outputs=outputs), rules(sg_rates, frozen=False), seeds=seeds,
                samples=samples, conditions=conditions, noises=noises, rates=rates, iterations=iterations,
                points=points, halvings=halvings,
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Gaps, shares and largest rates by rule, one value per seed: see `pipeline.linear_comparison.headline`."""
    return headline(table)
