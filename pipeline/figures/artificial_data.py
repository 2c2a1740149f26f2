"""Gaps to the optimum of trainings on artificial data, as coloured cells."""

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.figures.shared.maps import background
from pipeline.figures.shared.style import COLOURS, DIVERGING, Style, blank, legend, panels
from pipeline.figures.shared.tables import pick, summarise
from pipeline.theory.optima import CONVERGED

READS = ("artificial_data",)
TITLE = "Optima on artificial data"
CATEGORY = "Convergence"
CLAIMS = ("C8",)
FIELD = ["dataset", "inputs", "hidden", "loss", "method"]
COLUMNS = [*FIELD, "mean", "low", "high", "n", "seeds", "converged", "diverged", "above", "exception"]
# Names for readers, in the order shown; other names come last.
METHODS = {
    "backprop": "backprop",
    "one_linear_sg": "one linear SG",
    "one_sigmoid_sg": "one sigmoid SG",
    "every_linear_sg": "linear SG everywhere",
    "every_sigmoid_sg": "sigmoid SG everywhere",
}
DATASETS = {
    "linearly_separable": "separable",
    "noisy_linear": "noisy linear",
    "xor": "xor",
    "random_labels": "random labels",
}
LOSSES = {"mse": "MSE", "cross_entropy": "log loss"}
LEAST = 1e-12  # lower bound of a gap under the logarithm
LOWEST, HIGHEST = -6.0, 2.0  # bounds of the colours, in log10 of the gap
ROW, REST = 0.27, 2.5  # inches
MARK, NAME = 6, 7.5  # points
FRAME = {"fill": False, "edgecolor": COLOURS[5], "linewidth": 2, "zorder": 3}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A row per data set and dimension, a panel per model and loss, a cell per method.

    Args:
        tables: the analysis's table.
        style: not used for colours, since each method has its own column.

    Returns:
        The figure and its numbers: `mean` over seeds of log10 of the relative gap with its interval and n (a training
        that diverged has no gap); and how many of the `seeds` converged, diverged, and ended above their start,
        including those that diverged.
    """
    table = tables["artificial_data"]
    if table.empty:
        return blank("nothing was trained on artificial data"), pd.DataFrame(columns=COLUMNS)
    shown, norm = _numbers(table), TwoSlopeNorm(np.log10(CONVERGED), LOWEST, HIGHEST)
    rows = list(itertools.product(_ordered(shown["dataset"], DATASETS), sorted(set(shown["inputs"]))))
    found = itertools.product(sorted(set(shown["hidden"])), _ordered(shown["loss"], LOSSES))
    parts = {(hidden, loss): pick(shown, hidden=hidden, loss=loss) for hidden, loss in found}
    fields = [_ordered(part["method"], METHODS) for part in parts.values()]
    figure, axes = panels(1, len(parts), height=REST + ROW * len(rows), width_ratios=[len(each) for each in fields])
    for panel, ((hidden, loss), part), methods in zip(axes[0], parts.items(), fields, strict=True):
        _map(panel, part, rows, methods, norm)
        panel.set_title(f"{f'deep linear, {hidden} layers' if hidden else 'linear'}\n{LOSSES.get(loss, loss)}")
        panel.tick_params(labelleft=panel is axes[0, 0])
    figure.colorbar(
        ScalarMappable(norm, DIVERGING),
        ax=axes[0].tolist(),
        location="bottom",
        aspect=50,
        extend="both",
        ticks=range(int(LOWEST), int(HIGHEST) + 1, 2),
        label=r"$\log_{10}$ of the gap to the optimum: 0 at the start, blue where it counts as reached",
    )
    legend(figure, style)
    return figure, shown


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell of the figure."""
    above = (table["gap"] > 1) | table["diverged"]
    logs = table.assign(log=np.log10(table["gap"].clip(lower=LEAST)), above=above)
    counts = logs.groupby(FIELD, as_index=False).agg(
        seeds=("seed", "nunique"),
        converged=("converged", "sum"),
        diverged=("diverged", "sum"),
        above=("above", "sum"),
        exception=("exception", "first"),
    )
    return summarise(logs, FIELD, "log").merge(counts, on=FIELD)[COLUMNS]


def _ordered(found: Iterable[str], known: dict[str, str]) -> list[str]:
    there = set(found)
    return [*(name for name in known if name in there), *sorted(there - set(known))]


def _map(axes: Axes, part: pd.DataFrame, rows: list[tuple], methods: list[str], norm: TwoSlopeNorm) -> None:
    """Draw one model under one loss: colours for gaps, a dot if all seeds converged, a cross if one got worse."""
    values = np.full((len(rows), len(methods)), np.nan)
    mark = {"color": COLOURS[0], "markeredgecolor": "white", "markersize": MARK, "linestyle": "none"}
    for cell in part.to_dict("records"):
        y, x = rows.index((cell["dataset"], cell["inputs"])), methods.index(cell["method"])
        values[y, x] = cell["mean"]
        if cell["converged"] == cell["seeds"]:
            axes.plot(x, y, marker="o", label="all seeds converged", **mark)
        if cell["above"]:
            axes.plot(x, y, marker="X", label="a seed ended above its start", **mark)
        if cell["exception"]:
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, label="the paper's exception", **FRAME))
    background(axes)
    axes.imshow(values, cmap=DIVERGING, norm=norm, aspect="auto")
    axes.set_xticks(range(len(methods)), [METHODS.get(name, name) for name in methods], rotation=90, fontsize=NAME)
    axes.set_yticks(range(len(rows)), [f"{DATASETS.get(name, name)}, {inputs}-d" for name, inputs in rows])
