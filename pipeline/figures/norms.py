"""Weight norms by layer: absolute, relative to the start, and distance from the start."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.style import Style, band, blank, layer_axis, legend, panels, points, title
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("norms",)
BY_SETTING = True
TITLE = "Weight norms by layer"
CATEGORY = "Representations"
CLAIMS = ("C15",)
ROWS = {
    "norm_end": "norm\n|W|",
    "norm_growth": "growth\n|W| / |W$_0$|",
    "distance_relative": "distance\n|W - W$_0$| / |W$_0$|",
}
START = "norm_start"
RELATIVE = ("norm_growth", "distance_relative")
BY = ["quantity", "hidden", "varied", "method", "layer"]
RANGES = {"norm": "positive", "distance": "positive"}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """By layer: the norm at the end (dotted: at the start), its growth, and the distance moved; a column per depth.

    The output layer has another shape, so it is unconnected and only in the relative rows. The table has the mean over
    seeds, its interval and n by quantity, depth, method and layer.
    """
    table = tables["norms"]
    if not table.empty:
        table = table[table["quantity"].isin([START, *ROWS]) & table["method"].isin(list(style.methods))]
    if table.empty:
        return blank("no weight norms: no run was logged"), pd.DataFrame(columns=[*BY, *SUMMARY])
    is_output = table["layer"] > table["hidden"]
    shown = summarise(table[~is_output | table["quantity"].isin(RELATIVE)], BY, "value", ranges=RANGES)
    parts = by_setting(shown)
    figure, axes = panels(len(ROWS), len(parts), height=5.2, sharex="col", sharey="row")
    for column, (words, part) in zip(axes.T, parts.items(), strict=True):
        title(column[0], words, columns=len(parts))
        for method in style.present(part["method"]):
            for panel, quantity in zip(column, ROWS, strict=True):
                _curve(panel, pick(part, quantity=quantity, method=method), style, method)
            start = pick(part, quantity=START, method=method)
            column[0].plot(
                start["layer"], start["mean"], color="grey", linestyle=":", linewidth=1.2, label="at the start"
            )
        column[1].axhline(1, color="grey", linewidth=0.8)
        layer_axis(column[-1], int(part["hidden"].iloc[0]), output=True)
        column[-1].set_xlabel("layer")
    for row, (quantity, label) in zip(axes, ROWS.items(), strict=True):
        row[0].set_ylabel(label)
        if (pick(shown, quantity=quantity)["mean"] > 0).any():  # else nothing could be drawn on such an axis
            row[0].set_yscale("log")
    legend(figure, style)
    return figure, shown


def _curve(axes: Axes, curve: pd.DataFrame, style: Style, method: str) -> None:
    is_output = curve["layer"] > curve["hidden"]
    band(axes, curve[~is_output], "layer", style=style, method=method, markers=True)
    points(axes, curve[is_output], "layer", style=style, method=method)
