"""Agreement of the loss implied by each linear SG with the true one, by layer during training, in four cases."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.style import HEAT, LABELS, LOSSES, MARKERS, Style, blank, legend, panels
from pipeline.figures.shared.tables import SUMMARY, pick, summarise

READS = ("implied_loss",)
TITLE = "Implied against true loss"
CATEGORY = "Synthetic gradients"
CLAIMS = ("C9", "C10")
ROWS = {  # label of the axis, and its bounds
    "r2": ("$R^2$", (0, 1)),
    "r2_within": ("$R^2$ within\na class", (0, 1)),
    "rank": ("rank\ncorrelation", (-1, 1)),
    "accuracy": ("share of points\nright", (0, 1)),
}
BY = ["quantity", "loss", "labels", "layer", "step"]
RANGES = {"accuracy": "share", "r2": "share", "rank": "correlation"}
COLUMNS = [*BY, *SUMMARY]
HEIGHT = 1.5  # inches a row
MARGIN = 0.06  # beyond an axis's bounds, as a share of its length
BRIGHTEST = 0.9  # of the colour map, whose lightest yellow is hard to see on white
NET = "black"
GAP = 4  # looks between markers


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A column per case, a row per quantity: the mean over seeds against the step, a line for each layer with an SG.

    Args:
        tables: the analysis's table.
        style: not used for colours, since these are layers, not methods.

    Returns:
        The figure and its numbers: mean over seeds, interval and n. A seed without a value at a step (a surface was
        constant, or training diverged) is not counted in n. Step 0, where each SG is zero, is not shown.
    """
    table = tables["implied_loss"]
    if not table.empty:
        table = table[table["quantity"].isin(list(ROWS)) & (table["step"] > 0)]
    if table.empty:
        return blank("no SG was looked at"), pd.DataFrame(columns=COLUMNS)
    shown = summarise(table, BY, "value", ranges=RANGES)
    cases = [(loss, kind) for loss in LOSSES for kind in LABELS if len(pick(shown, loss=loss, labels=kind))]
    figure, axes = panels(len(ROWS), len(cases), height=1 + HEIGHT * len(ROWS), sharex=True, sharey="row")
    for column, (loss, kind) in zip(axes.T, cases, strict=True):
        for panel, quantity in zip(column, ROWS, strict=True):
            _curves(panel, pick(shown, loss=loss, labels=kind, quantity=quantity), int(shown["layer"].max()))
        column[0].set_title(f"{LOSSES[loss]},\n{LABELS[kind]}")
        column[-1].set(xscale="log", xlabel="update")
    for row, (label, (low, high)) in zip(axes, ROWS.values(), strict=True):
        room = MARGIN * (high - low)
        row[0].set(ylabel=label, ylim=(low - room, high + room))
    legend(figure, style, columns=6)
    return figure, shown


def _curves(axes: Axes, shown: pd.DataFrame, layers: int) -> None:
    """Draw a line with a band for each layer, brighter towards the loss; the whole net is black."""
    axes.axhline(0, color="grey", linewidth=0.8)
    colours = mpl.colormaps[HEAT](np.linspace(0, BRIGHTEST, layers))
    for layer, curve in shown.groupby("layer"):
        number = int(str(layer))
        colour, label = (colours[number - 1], f"layer {number}") if number else (NET, "whole net")
        axes.plot(
            curve["step"],
            curve["mean"],
            color=colour,
            linewidth=1.2,
            label=label,
            marker=MARKERS[number % len(MARKERS)] if number else None,
            markersize=3,
            markevery=(number % GAP, GAP),
        )
        axes.fill_between(curve["step"], curve["low"], curve["high"], color=colour, alpha=0.13, linewidth=0)
