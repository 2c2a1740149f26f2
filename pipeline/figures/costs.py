"""Test accuracy of each method against the cost of one of its updates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.accuracy_axis import set_accuracy_axis, shrink, stretch
from pipeline.figures.shared.style import Style, blank, panels
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("learning",)
BY_SETTING = True
TITLE = "Accuracy and cost of an update"
CATEGORY = "Learning"
CLAIMS = ("C18",)
BY = ["hidden", "varied", "method"]
COST, RESULT = "update_flops", "test_accuracy"
LINE = 0.19  # inches: the height of a label
MARGIN = 0.08  # on both axes, as a share
LABELS_AT, LEADER_ENDS = 1.06, 1.05  # in widths of the panel
LOWEST, AROUND = 1.6, 0.8  # inches: the smallest height of a panel, and the space for title and axis


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Test accuracy against the operations of an update relative to the first method's, a panel per setting.

    The table has the mean test accuracy over seeds, its interval and n; `operations`, the number of operations in the
    matrix products of an update; and `relative`, their ratio to those of the config's first method. A method without a
    finished run is in the table with n = 0, but not in the figure.
    """
    table = tables["learning"]
    if not table.empty:
        known = table["method"].isin(list(style.methods))
        table = table[known & ((table["quantity"] == COST) | (table["final"] & (table["quantity"] == RESULT)))]
    columns = [*BY, "operations", "relative", *SUMMARY]
    if table.empty or not (table["quantity"] == COST).any():
        return blank("no run counted the operations of an update"), pd.DataFrame(columns=columns)
    shown = _numbers(table, style)[columns]
    parts = by_setting(shown)
    tall = max(LOWEST, LINE * max(len(part) for part in parts.values()))
    figure, axes = panels(len(parts), 1, height=(AROUND + tall) * len(parts))
    for panel, (title, part) in zip(axes[:, 0], parts.items(), strict=True):
        first = style.label(style.present(part["method"])[0])
        panel.set(title=title, ylabel="test accuracy", xlabel=f"operations of an update / those of {first}")
        _points(panel, part[part["n"] > 0], style, gap=LINE / tall)
    return figure, shown


def _numbers(table: pd.DataFrame, style: Style) -> pd.DataFrame:
    """A row for each method in each setting."""
    operations = pick(table, quantity=COST).groupby(BY)["value"].mean().rename("operations").reset_index()
    wide = operations.merge(
        summarise(pick(table, quantity=RESULT), BY, "value", ranges={"": "share"}), on=BY, how="left"
    )
    place = wide["method"].map({method: place for place, method in enumerate(style.methods)})
    wide = wide.assign(place=place).sort_values(["hidden", "varied", "place"], ignore_index=True)
    first = wide.groupby(["hidden", "varied"])["operations"].transform("first")
    return wide.assign(relative=wide["operations"] / first, n=wide["n"].fillna(0).astype("int64"))


def _points(axes: Axes, part: pd.DataFrame, style: Style, *, gap: float) -> None:
    """Draw a marker with its interval for each method, and a thin line to its label beside the panel."""
    for row in part.to_dict("records"):
        low, high = (row["mean"] if np.isnan(row[side]) else row[side] for side in ("low", "high"))
        axes.errorbar(
            [row["relative"]],
            [row["mean"]],
            yerr=[[row["mean"] - max(low, 0)], [min(high, 1) - row["mean"]]],
            color=style.colour(row["method"]),
            marker=style.marker(row["method"]),
            markersize=5,
            capsize=2,
        )
    if part.empty:
        return
    axes.margins(MARGIN, 0)
    bounds = stretch(part[["mean", "low", "high"]].to_numpy(dtype=np.float64))
    least, most = np.nanmin(bounds), np.nanmax(bounds)
    room = MARGIN * max(most - least, MARGIN)
    low, high = shrink(np.array([least - room, most + room]))
    set_accuracy_axis(axes, float(low), float(high))
    heights = (stretch(part["mean"].to_numpy(dtype=np.float64)) - least + room) / (most - least + 2 * room)
    for row, height in zip(part.to_dict("records"), apart(heights, gap), strict=True):
        _label(axes, row, height, style)


def _label(axes: Axes, row: dict, height: float, style: Style) -> None:
    colour, beside = style.colour(row["method"]), axes.transAxes
    said = f"{style.label(row['method'])}, n = {row['n']}"
    axes.annotate(said, (LABELS_AT, height), xycoords=beside, va="center", annotation_clip=False)
    axes.annotate(
        "",
        (row["relative"], row["mean"]),
        xytext=(LEADER_ENDS, height),
        textcoords=beside,
        annotation_clip=False,
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6, "shrinkA": 0, "shrinkB": 3},
    )


def apart(heights: Sequence[float] | np.ndarray, gap: float) -> np.ndarray:
    """Move heights in [0, 1] at least `gap` apart, keeping their order and roughly their positions.

    There may be at most `1 / gap + 1` heights.
    """
    order = np.argsort(heights, kind="stable")
    found = np.array(heights, dtype=np.float64)
    for place, which in enumerate(order):
        found[which] = max(found[which], found[order[place - 1]] + gap if place else 0.0)
    for place, which in reversed(list(enumerate(order))):
        found[which] = min(found[which], 1.0 if place == len(order) - 1 else found[order[place + 1]] - gap)
    return found
