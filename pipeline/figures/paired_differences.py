"""Test accuracy of each method minus that of the first one, seed by seed, at each depth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pipeline.figures.shared.style import Style, blank, legend, panels
from pipeline.figures.shared.tables import SUMMARY, pick, summarise
from pipeline.metrics.names import beyond_depth
from pipeline.settings_types import Positive

READS = ("learning",)
TITLE = "Test accuracy, each method minus backprop"
CATEGORY = "Learning"
CLAIMS = ("C11",)
BY = ["hidden", "method"]
RANGES = {"": "share_change"}
RESULT = "test_accuracy"
APART = 0.72  # the height that the methods of a depth share, of the distance between two depths
LINEAR = 1.0  # percentage points up to which the axis is linear; beyond, it is logarithmic
TICKS = (-80, -40, -20, -10, -5, -2, -1, -0.5, 0, 0.5, 1, 2, 5)


def draw(tables: dict[str, pd.DataFrame], *, style: Style, margin: Positive = 0.01) -> tuple[Figure, pd.DataFrame]:
    """Differences in percentage points: a dot for each seed, and their mean with its interval.

    The first method of the study is what the others are compared with. Seeds in which one of the two has no final
    accuracy are left out, and so are settings that vary beside the depth.

    Args:
        tables: the numbers of learning.
        style: the look of each method.
        margin: the share of accuracy below the first method that still counts as as good, drawn as a line.

    Returns:
        The figure, and mean, low, high and n of the differences, as shares, by depth and method.
    """
    table = tables["learning"]
    if not table.empty:
        wanted = table["final"] & (table["quantity"] == RESULT) & table["method"].isin(list(style.methods))
        depth_alone = np.array([not beyond_depth(str(varied)) for varied in table["varied"]])
        table = table[wanted & depth_alone]
    paired = differences(table, next(iter(style.methods)))
    if paired.empty:
        return blank("no seed has both methods"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = summarise(paired, BY, "value", ranges=RANGES)
    depths, methods = sorted(shown["hidden"].unique()), style.present(shown["method"])
    figure, axes = panels(1, 1, height=1.1 + 0.62 * len(depths))
    panel = axes[0, 0]
    panel.axvline(0, color="black", linewidth=0.8)
    panel.axvline(-100 * margin, color="black", linewidth=0.8, linestyle="--")
    for place, method in enumerate(methods):
        down = APART * ((place + 0.5) / len(methods) - 0.5)
        rows = {depth: number + down for number, depth in enumerate(depths)}
        _method(panel, pick(shown, method=method), pick(paired, method=method), rows, style, method)
    panel.set_yticks(range(len(depths)), [str(depth) for depth in depths])
    panel.set(ylabel="hidden layers", ylim=(len(depths) - 0.5, -0.5))
    panel.set_xlabel(f"percentage points of test accuracy (dashed: the margin of {100 * margin:g})")
    _axis(panel, 100 * paired["value"].to_numpy(dtype=np.float64))
    legend(figure, style)
    return figure, shown


def differences(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Each method's value minus the reference's of the same depth and seed: columns hidden, method, seed, value."""
    if table.empty:
        return pd.DataFrame(columns=[*BY, "seed", "value"])
    values = table.pivot_table(index=["hidden", "seed"], columns="method", values="value", aggfunc="mean")
    if reference not in values:
        return pd.DataFrame(columns=[*BY, "seed", "value"])
    minus = values.drop(columns=reference).sub(values[reference], axis="index")
    return minus.melt(ignore_index=False).dropna().reset_index()


def _method(
    panel: Axes, means: pd.DataFrame, seeds: pd.DataFrame, rows: dict[int, float], style: Style, method: str
) -> None:
    """One method: a dot for each seed, and the mean with its interval."""
    colour = style.colour(method)
    low, high = means["low"].fillna(means["mean"]), means["high"].fillna(means["mean"])
    panel.plot(
        100 * seeds["value"], seeds["hidden"].map(rows), color=colour, marker=".", markersize=4, alpha=0.4, linestyle=""
    )
    panel.errorbar(
        100 * means["mean"],
        means["hidden"].map(rows),
        xerr=100 * np.array([means["mean"] - low, high - means["mean"]]),
        color=colour,
        label=style.label(method),
        marker=style.marker(method),
        markersize=4.5,
        linestyle="none",
        capsize=2,
    )


def _axis(panel: Axes, values: np.ndarray) -> None:
    """An axis that is linear near zero and logarithmic beyond, with round ticks."""
    panel.set_xscale("symlog", linthresh=LINEAR, linscale=1.2)
    low, high = min(values.min(), -LINEAR) * 1.15, max(values.max(), LINEAR) * 1.15
    panel.set_xlim(low, high)
    panel.set_xticks([tick for tick in TICKS if low <= tick <= high])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.minorticks_off()
