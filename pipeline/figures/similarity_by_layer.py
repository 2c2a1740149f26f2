"""Similarity of corresponding layers of two networks, by layer, with its chance level."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared import pairs
from pipeline.figures.shared.pairs import BOTH, METHODS, SEEDS
from pipeline.figures.shared.style import Style, band, blank, in_lines, layer_axis, legend, panels
from pipeline.figures.shared.tables import by_setting, measured, pick
from pipeline.metrics.formatting import words

READS = ("similarity",)
BY_SETTING = True
TITLE = "Similarity layer by layer"
CATEGORY = "Representations"
CLAIMS = ("C16",)
SMALL = 8  # points of the labels of rows
WORDS = {SEEDS: "two seeds of a method", METHODS: "with {}, same seed", BOTH: "with {}, other seed"}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A row per measure (and depth), a column per kind of pair: layer l of one network against layer l of the other.

    Columns of different methods compare with the config's first method, and repeat the similarity of its seeds. The
    table has the mean over pairs of networks, its interval and n, and the chance level (null_mean and null_high: means
    over the pairs of the mean and the maximum over permutations).
    """
    table = measured(tables["similarity"], by="measure")
    shown = table if table.empty else pairs.shown(table[table["layer_a"] == table["layer_b"]], style)
    if shown.empty:
        return blank("no similarity: fewer than two runs finished"), pd.DataFrame(columns=pairs.COLUMNS)
    first = style.present(pd.concat([shown["method_a"], shown["method_b"]]))[0]
    measures, parts = list(dict.fromkeys(table["measure"])), by_setting(shown)
    kinds = [kind for kind in (SEEDS, BOTH, METHODS) if kind in set(shown[pairs.DIFFERENCE])]
    split = [(title, pick(part, measure=measure), measure) for title, part in parts.items() for measure in measures]
    rows = [each for each in split if len(each[1])]
    figure, axes = panels(len(rows), len(kinds), height=1.4 + 1.25 * len(rows), sharey="row")
    for row, (title, part, measure) in zip(axes, rows, strict=True):
        for panel, kind in zip(row, kinds, strict=True):
            _curves(panel, pick(part, other=kind), style)
            if kind != SEEDS:
                _curves(panel, pick(part, other=SEEDS, method=first), style)
            layer_axis(panel, int(part["layer_a"].max()) if len(part) else 1)
        row[0].set_ylabel(f"{words(measure)}\n{in_lines(title)}", fontsize=SMALL)
    for panel in axes[-1]:
        panel.set_xlabel("hidden layer")
    for panel, kind in zip(axes[0], kinds, strict=True):
        count = pick(shown, other=kind)["n"].max()
        panel.set_title(f"{WORDS[kind].format(style.label(first))}\nn = {count} pair{'' if count == 1 else 's'}")
    axes[0, 0].plot([], [], color="grey", linestyle=":", linewidth=1, label="chance")
    legend(figure, style)
    return figure, shown


def _curves(axes: Axes, part: pd.DataFrame, style: Style) -> None:
    """Draw the methods' similarities, and their chance levels dotted in the same colour."""
    for method in style.present(part["method"]):
        curve = pick(part, method=method)
        band(axes, curve, "layer_a", style=style, method=method, markers=True)
        axes.plot(curve["layer_a"], curve["null_mean"], color=style.colour(method), linestyle=":", linewidth=1)
