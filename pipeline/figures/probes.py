"""Accuracy of linear probes on each hidden layer, on their training points and on held-out ones."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.figures.shared.style import Style, band, blank, layer_axis, legend, panels, title
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("probes",)
BY_SETTING = True
TITLE = "Linear classifier probes"
CATEGORY = "Representations"
CLAIMS = ("C14",)
ROWS = {"train_accuracy": "on the probe's\ntraining points", "test_accuracy": "on held-out points"}
BY = ["quantity", "hidden", "varied", "method", "layer"]
RANGES = {"": "share"}
# Chance is drawn as a line only if it is this near to the lowest accuracy. Else it would squeeze the curves.
NEAR = 0.3
HIGHEST = 1.01  # an interval may exceed 100 %, the axis doesn't
ROOM = 0.12  # share of the axis for chance below the curves
NOTE = {"ha": "right", "va": "bottom", "fontsize": 7, "color": "0.4"}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Probe accuracy by hidden layer, training points above held-out ones; a column per depth.

    The table has the mean over seeds, its interval and n by quantity, depth, method and layer, and the chance level.
    """
    table = tables["probes"]
    if not table.empty:
        table = table[table["quantity"].isin(list(ROWS)) & table["method"].isin(list(style.methods))]
    if table.empty:
        return blank("no probes: no run finished"), pd.DataFrame(columns=[*BY, *SUMMARY, "chance"])
    shown = summarise(table, BY, "value", ranges=RANGES)
    chance = table.groupby("quantity")["chance"].mean()
    shown["chance"] = shown["quantity"].map(chance)
    parts = by_setting(shown)
    figure, axes = panels(len(ROWS), len(parts), height=4.6, sharex="col", sharey="row")
    for column, (words, part) in zip(axes.T, parts.items(), strict=True):
        title(column[0], words, columns=len(parts))
        for panel, quantity in zip(column, ROWS, strict=True):
            for method in style.present(part["method"]):
                curve = pick(part, quantity=quantity, method=method)
                band(panel, curve, "layer", style=style, method=method, markers=True)
        layer_axis(column[-1], int(part["hidden"].iloc[0]))
        column[-1].set_xlabel("hidden layer")
    for row, (quantity, label) in zip(axes, ROWS.items(), strict=True):
        row[0].set_ylabel(f"probe accuracy\n{label}")
        row[0].yaxis.set_major_formatter(PercentFormatter(1))
        _chance(row, shown.loc[shown["quantity"] == quantity, "mean"], float(chance.get(quantity, np.nan)))
    legend(figure, style)
    return figure, shown


def _chance(row: np.ndarray, means: pd.Series, chance: float) -> None:
    """Draw the chance level: a line if it is near the curves, else a note at the lower end of the axis."""
    far = means.min() - chance > NEAR
    low, high = row[0].get_ylim()
    low, high = low if far else min(low, chance), min(high, HIGHEST)
    row[0].set_ylim(low - ROOM * (high - low), high)
    for axes in row:
        if far:
            axes.annotate(f"chance: {chance:.0%}, far below", (0.98, 0.02), xycoords="axes fraction", **NOTE)
        else:
            axes.axhline(chance, color="grey", linestyle=":", linewidth=1)
            axes.annotate(f"chance: {chance:.0%}", (0.98, chance), xycoords=("axes fraction", "data"), **NOTE)
