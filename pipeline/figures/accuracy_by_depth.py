"""Test accuracy of each method at the end of training against the number of hidden layers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.accuracy_axis import set_accuracy_axis, shrink, stretch
from pipeline.figures.shared.style import Style, blank, legend, panels
from pipeline.figures.shared.tables import SUMMARY, pick, summarise

READS = ("learning",)
TITLE = "Test accuracy against depth"
CATEGORY = "Learning"
CLAIMS = ("C11",)
BY = ["hidden", "method"]
RANGES = {"": "share"}
RESULT = "test_accuracy"
APART = 0.7  # the width that the methods of a depth share, of the distance between two depths
MOST_POINTS = 12  # seeds that are drawn one by one
MARGIN = 0.06  # above and below, as a share of the axis


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Mean test accuracy over seeds with its interval, a marker for each method at each depth, and each seed's value.

    Settings that vary beside the depth are left out. The table has mean, low, high and n for each depth and method.
    """
    table = tables["learning"]
    if not table.empty:
        finished = table["final"] & (table["quantity"] == RESULT) & table["method"].isin(list(style.methods))
        depth_alone = table["varied"] == "network.hidden=" + table["hidden"].astype("str")
        table = table[finished & (depth_alone | (table["varied"] == ""))]
    if table.empty:
        return blank("no run has finished"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = summarise(table, BY, "value", ranges=RANGES)
    methods, depths = style.present(shown["method"]), sorted(shown["hidden"].unique())
    figure, axes = panels(1, 1, height=3.4)
    panel = axes[0, 0]
    for place, method in enumerate(methods):
        across = APART * ((place + 0.5) / len(methods) - 0.5)
        _method(panel, pick(shown, method=method), pick(table, method=method), depths, across, style, method)
    ends = stretch(table["value"].to_numpy(dtype=np.float64))
    room = MARGIN * max(float(np.ptp(ends)), MARGIN)
    low, high = shrink(np.array([ends.min() - room, ends.max() + room]))
    set_accuracy_axis(panel, max(0.0, float(low)), float(high))
    panel.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    panel.grid(visible=False, axis="x")
    for place in range(0, len(depths), 2):  # methods stand side by side: a shaded column shows whose depth it is
        panel.axvspan(place - 0.5, place + 0.5, color="0.95", zorder=0)
    panel.set(xlabel="hidden layers", ylabel="test accuracy", xlim=(-0.5, len(depths) - 0.5))
    legend(figure, style)
    return figure, shown


def _method(
    panel: Axes,
    means: pd.DataFrame,
    values: pd.DataFrame,
    depths: list[int],
    across: float,
    style: Style,
    method: str,
) -> None:
    """Draw one method: its means with intervals, and its seeds beside them."""
    place = {depth: number + across for number, depth in enumerate(depths)}
    colour = style.colour(method)
    low, high = means["low"].fillna(means["mean"]), means["high"].fillna(means["mean"])
    panel.errorbar(
        means["hidden"].map(place),
        means["mean"],
        yerr=np.array([means["mean"] - low, high - means["mean"]]),
        color=colour,
        label=style.label(method),
        marker=style.marker(method),
        markersize=5,
        linestyle="none",
        capsize=2,
    )
    few = values.groupby("hidden")["value"].transform("size") <= MOST_POINTS
    panel.plot(
        values.loc[few, "hidden"].map(place),
        values.loc[few, "value"],
        color=colour,
        marker=".",
        markersize=3,
        alpha=0.45,
        linestyle="none",
    )
