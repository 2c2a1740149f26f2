"""Numbers of one recorded curve: when it first crosses a level, when it is highest, and its late slope."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

LATE = 0.8  # share of all steps from which on a curve is late: the last fifth
PER = 1000  # updates by which slopes are stated


def first_crossing(steps: Float[ndarray, " n"], values: Float[ndarray, " n"], level: float) -> float:
    """The time at which a curve first rises to a level, linear between two records.

    Args:
        steps: of the records, ascending.
        values: the curve; fall to a level by handing over both with the other sign.
        level: what is to be reached.

    Returns:
        The time in steps: the first record's if it is there already, NaN if no record is. Where the value before isn't
        finite, the time of the record that is there.
    """
    reached = np.flatnonzero(values >= level)
    if not len(reached):
        return np.nan
    at = reached[0]
    if at == 0 or not np.isfinite([values[at - 1], values[at]]).all():
        return float(steps[at])
    share = (level - values[at - 1]) / (values[at] - values[at - 1])
    return float(steps[at - 1] + share * (steps[at] - steps[at - 1]))


def late_slope(steps: Float[ndarray, " n"], values: Float[ndarray, " n"]) -> float:
    """The least-squares slope over the last fifth of the steps, per 1,000 updates; NaN with fewer than two values."""
    kept = (steps >= LATE * steps.max(initial=0)) & np.isfinite(values)
    x, y = steps[kept] / PER, values[kept]
    if len(x) < 2:
        return np.nan
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def peak_time(steps: Float[ndarray, " n"], values: Float[ndarray, " n"]) -> float:
    """The step at which a curve is highest, as a share of the last step; of equal values, the first.

    Step 0, before any update, doesn't count; nor do values that aren't finite. NaN if none is left. How far a curve
    falls from its peak is in `pipeline.analyses.shared.peaks`.
    """
    kept = (steps > 0) & np.isfinite(values)
    return float(steps[kept][np.argmax(values[kept])] / steps.max()) if kept.any() else np.nan
