"""Correction for several tests at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that hold all at once: Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979).

    The chance that any true null hypothesis has a corrected value below a level is at most that level, however the
    tests hang together. Undefined ones (NaN) count as tests and stay undefined.
    """
    given = np.array(p_values, dtype=np.float64)
    order = np.argsort(np.where(np.isnan(given), np.inf, given), kind="stable")
    factors = len(given) - np.arange(len(given))
    corrected = np.minimum(np.fmax.accumulate(factors * given[order]), 1.0) if len(given) else given
    found = np.empty_like(given)
    found[order] = corrected
    found[np.isnan(given)] = np.nan
    return found.tolist()
