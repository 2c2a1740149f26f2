"""Mean, interval and n: how every number of the study is shown. And rank correlation: how trends over layers are."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean, the bounds of its 95 % confidence interval (NaN if n < 2) and the number of values."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: Float[ndarray, " n"] | list[float]) -> Interval:
    """Student's t interval of the mean.

    With three to five seeds a bootstrap interval is far too narrow (it never leaves the range of the values); t has
    the stated coverage if the values are roughly normal. Non-finite values are left out, and n says so.
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[np.isfinite(kept)]
    if len(kept) == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(kept.mean())
    if len(kept) == 1:
        return Interval(mean, np.nan, np.nan, 1)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(kept) - 1) * kept.std(ddof=1) / np.sqrt(len(kept)))
    return Interval(mean, mean - half, mean + half, len(kept))


def rank_correlation(x: Float[ndarray, " n"], y: Float[ndarray, " n"]) -> float:
    """Spearman's rank correlation, in [-1, 1]: 1 if `y` always rises with `x`, ties sharing their mean rank.

    NaN where it has no meaning: fewer than two pairs, or one of the two never changes. Pairs with a non-finite value
    are left out.
    """
    kept = np.isfinite(x) & np.isfinite(y)
    a, b = stats.rankdata(x[kept]), stats.rankdata(y[kept])
    if len(a) == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])
