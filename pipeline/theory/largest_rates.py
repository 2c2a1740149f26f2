"""The largest main rate at which a linear model still converges, by bisection (claims C5, C6)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline.theory.problems import Problems
from pipeline.theory.training import TrainingRule, converges


def largest_rates(
    given: Problems,
    rule: TrainingRule,
    converged: Bool[ndarray, "r rates"],
    *,
    after: int,
    rates: Sequence[float],
    iterations: int,
    halvings: int,
) -> Float[ndarray, " r"]:
    """Bisect, in the logarithm, between the largest of `rates` that converges and the next one.

    Args:
        given: the problems.
        rule: the training rule.
        converged: which of `rates` converge, by problem; see `pipeline.theory.training.converges`.
        after: the layer after which the SG is placed.
        rates: main rates in units of 1 / curvature, ascending.
        iterations: number of updates.
        halvings: rounds of bisection. The rate found is below the true one by a factor of at most
            `ratio ** (1 / 2**halvings)`, where `ratio` is that of the two rates.

    Returns:
        The largest rate found to converge, for each problem, in units of 1 / curvature. If the last of `rates`
        converges, it is that one, and the true one may be larger. NaN if no rate converges.
    """
    tried = np.asarray(rates, dtype=np.float64)
    place = len(tried) - 1 - converged[:, ::-1].argmax(axis=1)
    low, high = tried[place], tried[np.minimum(place + 1, len(tried) - 1)]
    open_ = np.flatnonzero(converged.any(axis=1) & (low < high))
    few = given.rows(open_)
    for _ in range(halvings if len(open_) else 0):
        middle = np.sqrt(low[open_] * high[open_])
        steps = (middle * few.unit)[:, None, None]
        good = converges(few.data, few.start, rule, after=after, steps=steps, iterations=iterations)
        low[open_], high[open_] = np.where(good, middle, low[open_]), np.where(good, high[open_], middle)
    return np.where(converged.any(axis=1), low, np.nan)
