"""Intervals for means that stay within the possible range, and rank correlation for trends over layers.

One rule for all numbers: Student's t interval of the mean, on a scale on which the mean can't leave its range. That
scale is the logarithm for positive numbers and Fisher's z for numbers between two ends, with the standard error carried
over by its first-order approximation (the delta method; van der Vaart, *Asymptotic Statistics*, 1998, chapter 3). So
the interval is still one for the arithmetic mean, always contains it, and equals the plain t interval where the ends
are far away. Shares have Wilson's interval (1927) with an effective number of items, as for clustered samples (Dean and
Pagano, *Survey Methodology* 41, 2015): it also holds where every value is 0 or 1.

Discrete values can be equal without being certain. A number that is known in steps of `resolution` has at least the
standard deviation of its rounding, `resolution / sqrt(12)`. Equal values whose resolution isn't known have no interval.
"""

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from pipeline.metrics.ranges import REAL, SHARE, Range

CONFIDENCE = 0.95
UNDEFINED = (np.nan, np.nan)
SLACK = 1e-6  # how far single precision may take a share or a correlation out of its range
FINEST = 10_000  # largest number of items that is read from a share's digits

Values = Float[ndarray, " n"] | Sequence[float]
Real = Callable[[float], float]


class Interval(NamedTuple):
    """A mean, the bounds of its 95 % confidence interval (NaN if there is none) and the number of values."""

    mean: float
    low: float
    high: float
    n: int


class Location(NamedTuple):
    """What is known of a mean.

    Attributes:
        mean: of the finite values.
        spread: the standard deviation of one value, at least that of rounding.
        n: number of finite values.
        range: in which a value can lie.
        items: of a share, the number of yes-or-no items that have the same certainty; NaN for other numbers.
        pull: least distance of the mean from an end of its range at which Fisher's z is taken.
    """

    mean: float
    spread: float
    n: int
    range: Range
    items: float = math.nan
    pull: float = 0.0

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The bounds of the mean's interval; NaN with fewer than two values, or without a spread."""
        if self.n < 2 or not self.spread > 0:
            return UNDEFINED
        t = _t_quantile(self.n - 1, confidence)
        if self.range == SHARE:
            return _wilson(self.mean, self.items, t)
        link, slope, back = _scale(self.range)
        at = self._inside()
        centre, half = link(at), t * slope(at) * self.spread / math.sqrt(self.n)
        low, high = back(centre - half), back(centre + half)
        return min(low, self.mean), max(high, self.mean)

    def p_value(self, bound: float) -> float:
        """Two-sided p-value of the mean being `bound`: below 1 - confidence where the interval doesn't contain it."""
        if self.n < 2 or not self.spread > 0:
            return math.nan
        if not self.range.low < bound < self.range.high:
            return 1.0 if bound == self.mean else 0.0
        if self.range == SHARE:
            t = (self.mean - bound) / math.sqrt(bound * (1 - bound) / self.items)
        else:
            link, slope, _ = _scale(self.range)
            at = self._inside()
            t = (link(at) - link(bound)) / (slope(at) * self.spread / math.sqrt(self.n))
        return float(2 * stats.t.sf(abs(t), self.n - 1))

    def _inside(self) -> float:
        """The mean, pulled off the ends of its range, where a scale would be infinite."""
        return min(max(self.mean, self.range.low + self.pull), self.range.high - self.pull)


def locate(values: Values, *, range: Range = REAL, resolution: float | None = None) -> Location:
    """What is known of a mean; non-finite values are left out and not counted in n.

    Args:
        values: one per seed.
        range: in which a value can lie.
        resolution: the step in which values are known; of a share of m items 1/m. None if they are continuous. Of a
            share without one it is read from the values: the coarsest that allows them all.

    Raises:
        ValueError: if a value lies outside its range by more than rounding.
    """
    kept = finite(values)
    if len(kept) == 0:
        return Location(math.nan, math.nan, 0, range)
    if kept.min() < range.low - SLACK or kept.max() > range.high + SLACK:
        raise ValueError(
            f"found values from {kept.min():g} to {kept.max():g}; expected them from {range.low:g} to {range.high:g}"
        )
    kept = np.clip(kept, *range)
    n = len(kept)
    if np.ptp(kept) == 0:  # rounding could change the last digit of their mean
        mean, spread = float(kept[0]), 0.0
    else:
        mean, spread = float(kept.mean()), float(kept.std(ddof=1))
    if range == SHARE:
        return _share(mean, spread, n, resolution or coarsest(kept))
    if resolution:
        spread = max(spread, resolution / math.sqrt(12))
    # Half a step more in one further value would take the mean this far off its end.
    pull = resolution / (2 * (n + 1)) if resolution else 0.0
    if spread == 0 or (_at_end(mean, range) and not pull):
        return Location(mean, 0.0, n, range)
    return Location(mean, spread, n, range, pull=pull)


def interval(
    values: Values, *, range: Range = REAL, resolution: float | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """The mean with its interval; see `locate`."""
    found = locate(values, range=range, resolution=resolution)
    return Interval(found.mean, *found.interval(confidence), found.n)


def finite(values: Values) -> Float[ndarray, " kept"]:
    """The finite values, in their order."""
    kept = np.asarray(values, dtype=np.float64)
    return kept[np.isfinite(kept)]


def rank_interval(
    values: Values, *, resolution: float | None = None, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """The median and its distribution-free interval, for values of which some are infinite (runs without an outcome).

    The interval has order statistics as bounds, as in the sign test (Conover, *Practical Nonparametric Statistics*,
    1999, section 3.2). With fewer than six values it doesn't exist, and its bounds are infinite. So are equal bounds
    whose resolution isn't known.

    Args:
        values: at least one; infinite ones rank last on their side. No NaN.
        resolution: the step in which values are known; half of it is added on both sides.
        confidence: in (0, 1).
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    middle = ordered[(n - 1) // 2], ordered[n // 2]
    median = float(middle[0] if middle[0] == middle[1] else np.mean(middle)) if np.isfinite(middle).any() else middle[0]
    place = int(stats.binom.ppf(0.5 - confidence / 2, n, 0.5))
    low, high = (ordered[place - 1], ordered[n - place]) if place > 0 else (-math.inf, math.inf)
    if low == high and math.isfinite(low) and not resolution:
        low, high = -math.inf, math.inf
    more = (resolution or 0.0) / 2
    return float(median), float(low - more), float(high + more)


def sign_p_value(values: Values, bound: float) -> float:
    """Two-sided p-value of the median being `bound`, by the sign test; values at the bound are left out."""
    different = np.asarray(values, dtype=np.float64) != bound
    if not different.any():
        return 1.0
    above = int((np.asarray(values)[different] > bound).sum())
    return float(stats.binomtest(above, int(different.sum())).pvalue)


def coarsest(shares: Float[ndarray, " n"]) -> float | None:
    """The largest step of which all shares are multiples: of 0.75 and 0.5 it is 1/4. None if there is no such step.

    A share of 1 alone is one of one, so that equal shares at an end count as few items: the careful reading.
    """
    fractions = [Fraction(float(share)).limit_denominator(FINEST) for share in shares]
    if any(abs(float(each) - share) > 1e-9 for each, share in zip(fractions, shares, strict=True)):
        return None
    items = math.lcm(*(each.denominator for each in fractions))
    return 1 / items if items <= FINEST else None


def _share(mean: float, spread: float, n: int, resolution: float | None) -> Location:
    """A mean of shares, with as many items as give its standard error.

    Equal shares are as certain as all of their items together. Others have their own spread, which may be smaller than
    that of independent items, because all seeds are tested on the same ones.
    """
    most = n / resolution if resolution else math.inf
    variance = mean * (1 - mean)
    if variance == 0:
        near = 0.5 / (most + 1)  # half an item more of the other kind
        return Location(mean, math.sqrt(n * near * (1 - near) / most), n, SHARE, items=most)
    error = max(spread, (resolution or 0.0) / math.sqrt(12)) ** 2 / n if spread > 0 else variance / most
    if error == 0:
        return Location(mean, 0.0, n, SHARE)
    return Location(mean, math.sqrt(n * error), n, SHARE, items=variance / error)


def _wilson(p: float, items: float, t: float) -> tuple[float, float]:
    """Wilson's interval for a share `p` of so many items, with the quantile `t`."""
    centre, scale = p + t**2 / (2 * items), 1 + t**2 / items
    half = t * math.sqrt(p * (1 - p) / items + (t / (2 * items)) ** 2)
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _scale(range: Range) -> tuple[Real, Real, Real]:
    """A scale without ends for a number in `range`: the function, its slope and its inverse."""
    if range == REAL:
        return float, lambda _: 1.0, float
    if range.is_bounded:
        middle, half = (range.low + range.high) / 2, (range.high - range.low) / 2
        return (
            lambda x: math.atanh((x - middle) / half),
            lambda x: 1 / (half * (1 - ((x - middle) / half) ** 2)),
            lambda z: middle + half * math.tanh(z),
        )
    if range.low == 0:
        return math.log, lambda x: 1 / x, lambda z: math.exp(min(z, 700.0))  # larger ones overflow
    raise ValueError(f"found a range from {range.low:g} to {range.high:g}; expected two ends, none, or from 0 upwards")


def _at_end(mean: float, range: Range) -> bool:
    return mean in (range.low, range.high)


@functools.cache
def _t_quantile(freedom: int, confidence: float) -> float:
    return float(stats.t.ppf(0.5 + confidence / 2, freedom))


def rank_correlation(x: Float[ndarray, " n"], y: Float[ndarray, " n"]) -> float:
    """Spearman's rank correlation, in [-1, 1]: 1 if `y` always rises with `x`. Ties get their mean rank.

    Pairs with a non-finite value are left out. NaN if fewer than two pairs are left, or `x` or `y` is constant.
    """
    kept = np.isfinite(x) & np.isfinite(y)
    a, b = stats.rankdata(x[kept]), stats.rankdata(y[kept])
    if len(a) == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def layer_trend(rows: pd.DataFrame) -> float:
    """The rank correlation of the columns `layer` and `value`: 1 if the value rises with each layer."""
    layer, value = rows[["layer", "value"]].to_numpy(dtype=np.float64).T
    return rank_correlation(layer, value)
