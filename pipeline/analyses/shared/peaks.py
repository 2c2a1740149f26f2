"""Decline since a peak, for curves that rise before they fall (C10)."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline.analyses.shared.curves import LATE


def since_peak(curves: pd.DataFrame) -> pd.Series:
    """How far each run's curve lies late in training from its value at the peak: negative if it declined.

    The peak of a run is where the mean of the *other* runs is highest. A run's own highest value would be picked
    because of its noise, and so be followed by lower ones even if nothing declines. A trend of what follows a run's own
    peak has that fault too where neighbouring values are alike: right after a peak they still are high.

    Args:
        curves: a row for each run, a column for each step, ascending; step 0 doesn't count.

    Returns:
        By run, the mean of the last fifth of the steps minus the value at the peak. NaN with a single run, or if the
        others' peak lies in that last fifth: such curves haven't come down yet.
    """
    steps = curves.columns.to_numpy(dtype=np.float64)
    values = curves.to_numpy(dtype=np.float64)[:, steps > 0]
    steps = steps[steps > 0]
    late = steps >= LATE * steps.max(initial=0)
    found = [_fall(values[run], np.delete(values, run, axis=0), late) for run in range(len(values))]
    return pd.Series(found, index=curves.index, dtype=float)


def _fall(own: Float[ndarray, " steps"], others: Float[ndarray, "runs steps"], late: ndarray) -> float:
    known = np.isfinite(others).all(axis=0)
    if not len(others) or not known.any():
        return np.nan
    peak = int(np.argmax(np.where(known, others.mean(axis=0), -np.inf)))
    return np.nan if late[peak] else float(own[late].mean() - own[peak])
