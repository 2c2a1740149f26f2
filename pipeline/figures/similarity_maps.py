"""Similarity of all pairs of layers, averaged over pairs of networks: a map for each measure and kind of pair."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared import maps, pairs
from pipeline.figures.shared.pairs import BOTH, METHODS, SEEDS
from pipeline.figures.shared.style import ABSENT, Style, blank, layer_ticks, panels
from pipeline.figures.shared.tables import by_setting, measured, pick
from pipeline.metrics.formatting import words

READS = ("similarity",)
BY_SETTING = True
TITLE = "Similarity between layers"
CATEGORY = "Representations"
CLAIMS = ("C16",)
SEED = {SEEDS: "other seed", METHODS: "same seed", BOTH: "other seed"}
HEIGHT = 1.75  # inches a row


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A column per measure, a row per kind of pair: two seeds of a method, or a method and the config's first one.

    Only the deepest networks are shown. Each column has its own colour scale. The table has each cell's mean over pairs
    of networks, its interval and n, and the chance level (null_mean and null_high: means over the pairs of the mean and
    the maximum over permutations).
    """
    table = measured(tables["similarity"], by="measure")
    if not table.empty:
        table = table[table["hidden"] == table["hidden"].max()]
    shown = table if table.empty else pairs.shown(table, style)
    if shown.empty:
        return blank("no similarity: fewer than two runs finished"), pd.DataFrame(columns=pairs.COLUMNS)
    parts = by_setting(shown)
    rows = [(title, pair) for title, part in parts.items() for pair in _kinds(part, style)]
    measures = list(dict.fromkeys(table["measure"]))
    figure, axes = panels(len(rows), len(measures), height=0.9 + HEIGHT * len(rows))
    norms = {measure: maps.scale(pick(shown, measure=measure)["mean"]) for measure in measures}
    for row, (title, pair) in zip(axes, rows, strict=True):
        for panel, measure in zip(row, measures, strict=True):
            _map(panel, pick(pair, measure=measure), norms[measure])
        a, b, kind = pair[["method_a", "method_b", pairs.DIFFERENCE]].iloc[0]
        said = f"{title}: {style.label(a)} (up) with {style.label(b)} (across), {SEED[kind]}"
        maps.row_title(row, said)
        row[0].set_ylabel("hidden layer")
    for column, measure in zip(axes.T, measures, strict=True):
        column[-1].set_xlabel(f"{column[-1].get_xlabel()}\nhidden layer".strip())
        maps.colour_bar(figure, column, norms[measure], words(measure))
    return figure, shown


def _kinds(part: pd.DataFrame, style: Style) -> list[pd.DataFrame]:
    """The parts of a table with one kind of pair and one method each: seeds first, methods in the config's order."""
    found = []
    for kind in (SEEDS, BOTH, METHODS):
        rows = pick(part, other=kind)
        found += [pick(rows, method=method) for method in style.present(rows["method"])]
    return found


def _map(axes: Axes, cells: pd.DataFrame, norm: Normalize) -> None:
    """Draw one map, with n and the mean chance level below it."""
    if cells.empty:
        axes.set_facecolor(ABSENT)
        return
    maps.heat(axes, cells.pivot(index="layer_a", columns="layer_b", values="mean"), norm)
    axes.set_xticks(layer_ticks(int(cells["layer_b"].max())))
    said = f"{maps.chance(cells['null_mean'])}, n = {cells['n'].max()}"
    axes.set_xlabel(said, fontsize=maps.NOTE["fontsize"])  # beside the map, the note would take its width
