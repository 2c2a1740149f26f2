"""What a number of seeds can show: power, the smallest effect, and the number of seeds that would decide.

All for the 95 % interval of a mean (Student's t, normal values); effects are in standard deviations of one value, or of
one paired difference if two numbers are compared. The mean of n values at a distance d from a bound has a t statistic
that follows the noncentral t distribution with n - 1 degrees of freedom and noncentrality d sqrt(n) (Cohen,
*Statistical Power Analysis*, 1988).
"""

import functools
import math

from scipy import optimize, stats

from pipeline.metrics.intervals import CONFIDENCE

POWER = 0.8
MOST = 10_000  # seeds: a larger number that would decide isn't searched for
LARGEST = 1000.0  # standard errors: no number of seeds from two on needs more
ROUNDING = 1e-9


def power(effect: float, n: int) -> float:
    """The chance that the whole interval of n values lies on the right side of a bound.

    Args:
        effect: distance of the true mean from the bound, in standard deviations; above 0 on the right side.
        n: number of values, at least 2.
    """
    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1))
    return float(stats.nct.sf(quantile, n - 1, effect * math.sqrt(n)))


@functools.cache
def smallest_effect(n: int) -> float:
    """The smallest effect that n values show with a chance of 80 %; infinite with fewer than two."""
    if n < 2:
        return math.inf
    found = optimize.root_scalar(lambda effect: power(effect, n) - POWER, bracket=(0.0, LARGEST / math.sqrt(n)))
    return float(found.root)


def deciding_n(effect: float) -> int | None:
    """The smallest number of values that shows an effect with a chance of 80 %; None if it is above `MOST`."""
    if not effect > 0:
        return None
    low, high = 1, 2
    while power(effect, high) < POWER - ROUNDING:
        low, high = high, 2 * high
        if low >= MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle) >= POWER - ROUNDING else (middle, high)
    return high if high <= MOST else None


def deciding_n_within(below: float, above: float) -> int | None:
    """The smallest number of values whose whole interval lies between two bounds, with a chance of at least 80 %.

    Two one-sided tests. The chance that one of them fails is bounded by the sum of both chances.

    Args:
        below: distance of the true mean from the lower bound, in standard deviations.
        above: distance from the upper bound.
    """
    nearest = min(below, above)
    n = deciding_n(nearest)
    while n is not None and power(below, n) + power(above, n) - 1 < POWER - ROUNDING:
        n = n + 1 if n < MOST else None
    return n
