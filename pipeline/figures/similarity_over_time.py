"""Similarity of each layer during training to itself at the end."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared import maps
from pipeline.figures.shared.style import ABSENT, Style, blank, panels
from pipeline.figures.shared.tables import NULLS, SUMMARY, by_setting, measured, pick, with_nulls
from pipeline.metrics.formatting import words

READS = ("similarity_over_time",)
BY_SETTING = True
TITLE = "Which layers converge first"
CATEGORY = "Representations"
CLAIMS = ("C16",)
BY = ["hidden", "varied", "measure", "method", "layer", "step"]
MOST_STEPS = 6  # with a number on the axis


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A column per measure, a row per method (and depth): maps of layer by checkpoint.

    The last checkpoint is left out, because all values there are 1. Each column has its own colour scale. The table has
    each cell's mean over seeds, its interval and n, and its chance level (null_mean and null_high: means over the seeds
    of the mean and the maximum over permutations).
    """
    table = measured(tables["similarity_over_time"], by="measure")
    if not table.empty:
        before = table["step"] < table.groupby("run")["step"].transform("max")
        table = table[before & table["method"].isin(list(style.methods))]
    if table.empty:
        columns = [*BY, *SUMMARY, *NULLS]
        return blank("no similarity over time: no run has checkpoints before the end"), pd.DataFrame(columns=columns)
    shown = with_nulls(table, BY)
    rows = [
        (f"{title}: {style.label(method)}", pick(part, method=method))
        for title, part in by_setting(shown).items()
        for method in style.present(part["method"])
    ]
    measures = list(dict.fromkeys(table["measure"]))
    figure, axes = panels(len(rows), len(measures), height=1.1 + 1.6 * len(rows))
    norms = {measure: maps.scale(pick(shown, measure=measure)["mean"]) for measure in measures}
    for row, (title, part) in zip(axes, rows, strict=True):
        for panel, measure in zip(row, measures, strict=True):
            _map(panel, pick(part, measure=measure), norms[measure])
        row[0].set_ylabel("hidden layer")
        maps.row_title(row, title)
    for column, measure in zip(axes.T, measures, strict=True):
        column[-1].set_xlabel("step")
        maps.colour_bar(figure, column, norms[measure], f"{words(measure)} with the end")
    return figure, shown


def _map(axes: Axes, cells: pd.DataFrame, norm: Normalize) -> None:
    """Draw one map with n and the mean chance level; all checkpoints are equally wide."""
    if cells.empty:
        axes.set_facecolor(ABSENT)
        return
    values = cells.pivot(index="layer", columns="step", values="mean")
    maps.heat(axes, values, norm)
    steps = list(values.columns)
    every = -(-len(steps) // MOST_STEPS)
    axes.set_xticks(range(1, len(steps) + 1, every), [str(step) for step in steps[::every]])
    said = f"{maps.chance(cells['null_mean'])}, n = {cells['n'].max()}"
    axes.annotate(said, (0.02, 0.98), color="white", **{**maps.NOTE, "va": "top"})
