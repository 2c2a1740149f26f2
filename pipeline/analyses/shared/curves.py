"""Numbers of one recorded curve: when it first crosses a level, its late slope, and its decay from a peak."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.metrics.intervals import rank_correlation

LATE = 0.8  # share of all steps from which on a curve is late: the last fifth
PER = 1000  # updates by which slopes are stated
PEAK = ("peak_time", "decay", "slope_after_peak")  # what `peak` tells
FEWEST = 3  # points for a rank correlation to say anything


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


def peak(steps: Float[ndarray, " n"], values: Float[ndarray, " n"]) -> dict[str, float]:
    """When a curve is highest, how far it falls from there, and whether what follows falls further.

    Step 0, before any update, doesn't count; nor do values that aren't finite.

    Returns:
        `peak_time`, the step of the highest value as a share of the last step. `decay`, the mean of the last fifth of
        the steps minus the highest value: never above 0 if both are means of the same, since the highest value is
        picked, noise and all; so how far it is below 0 shows the size of a decay, and its sign shows nothing.
        `slope_after_peak`, the rank correlation of value and step over the records after the peak, without it: picking
        the peak doesn't bias it. NaN with fewer than three of them, such as if the curve is highest at the end. All are
        NaN without a finite value.
    """
    kept = (steps > 0) & np.isfinite(values)
    last, x, y = steps.max(initial=0), steps[kept], values[kept]
    if not len(x):
        return dict.fromkeys(PEAK, np.nan)
    at, late = int(np.argmax(y)), x >= LATE * last
    after = y[at + 1 :]
    return {
        "peak_time": float(x[at] / last),
        "decay": float(y[late].mean() - y[at]) if late.any() else np.nan,
        "slope_after_peak": rank_correlation(x[at + 1 :], after) if len(after) >= FEWEST else np.nan,
    }
