"""A deep linear model with a linear SG between two of its hidden layers: does it find the global optimum?

Theorem 2 of the study, as the field recalls it: what Theorem 1 says of linear regression (see `linear_convergence`)
holds here too. The hidden layers are narrower than the input: were they not, the layers above the SG would find the
optimum alone, whatever the SG said. The rule `frozen`, which leaves the layers below where they started, shows how far
the layers above come by themselves.

Departure: sizes, rates, noises and numbers of iterations are ours, and so is the contrast with fixed SG rates.
"""

from itertools import product

import numpy as np
import pandas as pd

from pipeline.theory.comparison import compare, headline, rules
from pipeline.theory.problems import Model, require_positive

SCOPE = "study"
READS = None
CLAIMS = ("C6", "C7")


def analyse(
    *,
    generator: np.random.Generator,
    seeds: int = 3,
    samples: int = 200,
    inputs: tuple[int, ...] = (10, 20),
    outputs: int = 3,
    hidden: tuple[int, ...] = (2, 4),
    width: int = 5,
    conditions: tuple[float, ...] = (1.0, 100.0),
    noises: tuple[float, ...] = (0.0, 0.5),
    rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0),
    sg_rates: tuple[float, ...] = (0.01, 0.1, 0.5),
    iterations: int = 3000,
    points: int = 40,
    halvings: int = 6,
) -> pd.DataFrame:
    """Train `p = x W_1 … W_D` by backprop and with an SG in the middle, and follow the gap to least squares.

    Args:
        generator: gives data and starting weights.
        seeds: number of repetitions.
        samples: points in each data set.
        inputs: numbers of inputs, without the constant one.
        outputs: number of outputs.
        hidden: numbers of hidden layers, at least 2; the SG stands after layer ceil(hidden / 2).
        width: units of each hidden layer, at least as many as outputs.
        conditions: condition numbers of the covariance from which the inputs are drawn.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: main rates in units of 1 / the largest curvature of linear regression on the same inputs.
        sg_rates: fixed SG rates, for contrast.
        iterations: number of updates.
        points: number of recorded iterations, log-spaced, and as many again evenly spaced.
        halvings: rounds of the search for the largest main rate that converges.

    Returns:
        The columns of `linear_convergence`.

    Raises:
        ValueError: for a setting that is out of its range; if there are no two hidden layers to stand between; if they
            are too narrow for what least squares finds.
    """
    require_positive(inputs=inputs, outputs=outputs, hidden=hidden, width=width)
    if min(hidden) < 2:
        raise ValueError(f"hidden: found {hidden}; an SG between two hidden layers needs at least 2 of them")
    shapes, parts = list(product(inputs, hidden)), []
    for (size, number), stream in zip(shapes, generator.spawn(len(shapes)), strict=True):
        model = Model(inputs=size, outputs=outputs, hidden=number, width=width, after=(number + 1) // 2)
        parts.append(
            compare(
                stream, model, rules(sg_rates, frozen=True), seeds=seeds, samples=samples, conditions=conditions,
                noises=noises, rates=rates, iterations=iterations, points=points, halvings=halvings,
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Gaps, shares and largest rates by rule, one value per seed: see `pipeline.linear_comparison.headline`."""
    return headline(table)
