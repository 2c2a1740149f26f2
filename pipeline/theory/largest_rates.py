"""The largest main rate at which a linear model still converges, by bisection (claims C5, C6)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline.theory.problems import Problems
from pipeline.theory.training import Rule, converges


def largest_rates(
    given: Problems,
    rule: Rule,
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
        rule: how they are trained.
        converged: which of `rates` converge (`linear_training.converges`), by problem.
        after: the layer after which the SG stands.
        rates: main rates in units of 1 / curvature, ascending.
        iterations: number of updates.
        halvings: rounds; the found rate lies below the true one by a factor of at most `ratio ** (1 / 2**halvings)`,
            where `ratio` is that of the two rates.

    Returns:
        In units of 1 / curvature, for each problem: the largest rate found to converge; the last of `rates`, if that
        does (so that the true one may be larger); NaN, if none does.
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
