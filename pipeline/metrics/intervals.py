"""Statistics of headline numbers: mean, t and bootstrap intervals, and rank correlation for trends over layers."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from pipeline import random_streams

CONFIDENCE = 0.95
RESAMPLES = 2000
UNDEFINED = (np.nan, np.nan)


class Interval(NamedTuple):
    """A mean, the bounds of its 95 % confidence interval (NaN if n < 2) and the number of values."""

    mean: float
    low: float
    high: float
    n: int


def finite(values: Float[ndarray, " n"] | Sequence[float]) -> Float[ndarray, " kept"]:
    """The finite values, in their order."""
    kept = np.asarray(values, dtype=np.float64)
    return kept[np.isfinite(kept)]


def interval(values: Float[ndarray, " n"] | Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean.

    It has the stated coverage if the values are roughly normal, even if they are few. Non-finite values are left out
    and not counted in n. Equal values have an interval of length zero.

    Args:
        values: one per seed.
        confidence: in (0, 1).
    """
    kept = finite(values)
    if len(kept) == 0:
        return Interval(np.nan, *UNDEFINED, 0)
    if len(kept) == 1:
        return Interval(float(kept[0]), *UNDEFINED, 1)
    if np.ptp(kept) == 0:  # rounding could change the last digit of their mean
        return Interval(float(kept[0]), float(kept[0]), float(kept[0]), len(kept))
    mean = float(kept.mean())
    half = float(stats.t.ppf(0.5 + confidence / 2, len(kept) - 1) * kept.std(ddof=1) / np.sqrt(len(kept)))
    return Interval(mean, mean - half, mean + half, len(kept))


def bootstrap(values: Float[ndarray, " n"] | Sequence[float]) -> tuple[float, float]:
    """The bounds of the mean's 95 % bootstrap interval; NaN with fewer than two values.

    It assumes no distribution, but with three to five values it is too narrow, because it never leaves their range. It
    is given in addition to Student's interval, never instead of it.
    """
    return bootstraps([values])[0]


def bootstraps(samples: Sequence[Float[ndarray, " n"] | Sequence[float]]) -> list[tuple[float, float]]:
    """The interval of `bootstrap` for each sample's mean. Samples of equal size are resampled together.

    Bias-corrected and accelerated (BCa; Efron, 1987), or plain percentiles where BCa is undefined. All samples use the
    same named stream, so an interval depends only on its own values.
    """
    kept = [finite(sample) for sample in samples]
    found = [UNDEFINED] * len(kept)
    for n in {len(values) for values in kept} - {0, 1}:
        places = [place for place, values in enumerate(kept) if len(values) == n]
        bounds = _bootstraps(np.stack([kept[place] for place in places]))
        for place, (low, high) in zip(places, bounds, strict=True):
            found[place] = (float(low), float(high))
    return found


def _bootstraps(samples: Float[ndarray, "samples n"]) -> Float[ndarray, "samples 2"]:
    found = _resampled(samples, "BCa")
    degenerate = np.isnan(found).any(axis=1)
    if degenerate.any():
        found[degenerate] = _resampled(samples[degenerate], "percentile")
    return found


def _resampled(samples: Float[ndarray, "samples n"], method: str) -> Float[ndarray, "samples 2"]:
    """The interval of each row's mean by one of scipy's methods."""
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # it also shows as NaN
        found = stats.bootstrap(
            (samples,),
            np.mean,
            axis=1,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method=method,
            rng=random_streams.numpy_stream("bootstrap"),
        ).confidence_interval
    bounds = np.stack([found.low, found.high], axis=1)
    return np.clip(bounds, samples.min(axis=1, keepdims=True), samples.max(axis=1, keepdims=True))  # undoes rounding


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
