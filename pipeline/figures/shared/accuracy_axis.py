"""An axis of accuracies on which errors have a logarithmic scale, so that 98 and 99 % can be told apart."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

FINEST = 1e-3  # the smallest share of errors that the axis distinguishes from none
TICKS = (0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
FEWEST_TICKS = 3


def stretch(accuracy: np.ndarray) -> np.ndarray:
    """Scale accuracies by the logarithm of the error: 98 % is as far from 99 % as 96 % from 98 %."""
    return -np.log10(np.maximum(1 - np.asarray(accuracy, dtype=np.float64), FINEST))


def shrink(height: np.ndarray) -> np.ndarray:
    """The inverse of `stretch`."""
    return 1 - 10 ** -np.asarray(height, dtype=np.float64)


def set_accuracy_axis(axes: Axes, low: float, high: float) -> None:
    """Give the y axis that scale, from accuracy `low` to `high`, with round ticks in per cent."""
    axes.set_yscale("function", functions=(stretch, shrink))
    axes.set_ylim(low, high)
    few = sum(low <= tick <= high for tick in TICKS) < FEWEST_TICKS
    axes.yaxis.set_major_locator(MaxNLocator(FEWEST_TICKS + 1, steps=[1, 2, 5, 10]) if few else FixedLocator(TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
    axes.yaxis.minorticks_off()
