"""Learning curves by depth, and final test accuracies."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.figures.shared.style import Style, band, blank, few_ticks, legend, panels, title
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("learning",)
BY_SETTING = True
TITLE = "Learning curves"
CATEGORY = "Learning"
CLAIMS = ("C11", "C12")
ROWS = ("train_loss", "validation_accuracy", "test_accuracy")
BY = ["quantity", "hidden", "varied", "method", "step"]
RANGES = {"train_loss": "positive", "validation_accuracy": "share", "test_accuracy": "share"}
MARGIN = 1.3  # of a logarithmic axis, as a factor
SPIKE = 10.0  # times the loss at the start: what is above would squeeze all curves, and lies above the axis
SMALL = 7  # points
ABOVE = 0.8  # of a row's height: the share above its marker, for the mean
SLIGHT = 0.001  # gives the axis a length even if all accuracies are 1
MOST_POINTS = 12  # seeds of a method up to which each has a point
EARLY = 0.1  # share of the accuracies, the lowest, that may be below the axis


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Training loss and validation accuracy against the step, and final test accuracies; a column per depth.

    The table has, by quantity, depth, method and step, the mean over seeds, its interval and n.
    """
    table = tables["learning"]
    if not table.empty:
        table = table[table["quantity"].isin(ROWS) & table["method"].isin(list(style.methods))]
    if table.empty:
        return blank("no learning curves: no run was logged"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = summarise(table, BY, "value", ranges=RANGES)
    parts, methods = by_setting(shown), style.present(shown["method"])
    lowest = 0.6 + 0.25 * len(methods)  # inches: a line of text per method
    figure, axes = panels(len(ROWS), len(parts), height=4.0 + lowest, sharey="row", height_ratios=[2.0, 1.5, lowest])
    for column, (words, part) in zip(axes.T, parts.items(), strict=True):
        title(column[0], words, columns=len(parts))
        for method in style.present(part["method"]):
            for panel, quantity in zip(column[:2], ROWS[:2], strict=True):
                band(panel, pick(part, quantity=quantity, method=method), "step", style=style, method=method)
        _final(column[2], part, methods, style)
        settings = part.iloc[0]
        ends = pick(table, quantity="test_accuracy", hidden=settings["hidden"], varied=settings["varied"])
        _seeds(column[2], ends, methods, style)
    _finish(axes, shown)
    legend(figure, style)
    return figure, shown


def _final(axes: Axes, part: pd.DataFrame, methods: list[str], style: Style) -> None:
    """Draw a line per method: test accuracy, interval, and the mean in words; nothing for a method that has no runs."""
    finals, present = pick(part, quantity="test_accuracy"), style.present(part["method"])
    for place, method in enumerate(methods):
        if place % 2 == 0:  # a mean stands above its marker: a shaded row shows which it belongs to
            axes.axhspan(place - ABOVE, place + 1 - ABOVE, color="0.95", zorder=0)
        said = "no run finished" if method in present else ""
        for end in pick(finals, method=method).to_dict("records"):
            axes.errorbar(
                [end["mean"]],
                [place],
                xerr=[[end["mean"] - end["low"]], [end["high"] - end["mean"]]],
                color=style.colour(method),
                marker=style.marker(method),
                markersize=4,
                capsize=2,
            )
            said = f"{100 * end['mean']:.2f} ({end['n']})"
        axes.annotate(
            said,
            (0.02, place),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=SMALL,
        )
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(methods)), [style.label(method) for method in methods])
    axes.set_ylim(len(methods) - ABOVE, -ABOVE)  # the config's first method on top


def _seeds(axes: Axes, ends: pd.DataFrame, methods: list[str], style: Style) -> None:
    """Draw each seed's test accuracy as a point, if they are few."""
    for place, method in enumerate(methods):
        values = pick(ends, method=method)["value"].dropna()
        if len(values) <= MOST_POINTS:
            axes.plot(values, [place] * len(values), ".", color=style.colour(method), markersize=2.5, alpha=0.6)


def _at_start(shown: pd.DataFrame) -> float:
    """The largest training loss at the first step."""
    losses = pick(shown, quantity="train_loss")
    return float(losses.loc[losses["step"] == losses["step"].min(), "mean"].max())


def _finish(axes: np.ndarray, shown: pd.DataFrame) -> None:
    """Set scales, ticks and labels."""
    losses = shown.loc[(shown["quantity"] == "train_loss") & (shown["mean"] > 0), "mean"]
    accuracies = shown.loc[shown["quantity"] == "validation_accuracy", "mean"].dropna()
    if len(losses):  # a logarithmic axis can't show zero alone
        axes[0, 0].set_yscale("log")
        highest = min(losses.max(), SPIKE * _at_start(shown))
        axes[0, 0].set_ylim(losses.min() / MARGIN, highest * MARGIN)
    if len(accuracies):
        wrong = 1 - float(np.quantile(accuracies, EARLY))
        axes[1, 0].set_ylim(1 - 1.05 * wrong - SLIGHT, 1 + 0.02 * wrong + SLIGHT)
    axes[1, 0].yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("validation accuracy")
    for panel in axes.flat:
        few_ticks(panel.xaxis, axes.shape[1])
    for panel in axes[:2].flat:
        panel.set_xlabel("step")
    axes[2, axes.shape[1] // 2].set_xlabel("test accuracy / %: mean (n)")
    for panel in axes[2]:
        panel.xaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        panel.tick_params(axis="x", labelsize=SMALL)
