"""Class structure of RDMs by layer."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.shared.style import Style, band, blank, in_lines, layer_axis, legend, panels
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("rdm",)
BY_SETTING = True
TITLE = "Class structure by layer"
CATEGORY = "Representations"
CLAIMS = ("C13",)
COLUMNS = {
    "class_correlation": "class structure",
    "within": "within classes",
    "between": "between classes",
    "distance_to_last": "to the last layer",
}
BY = ["quantity", "hidden", "varied", "method", "layer"]
RANGES = {"class_correlation": "correlation", "within": "positive", "between": "positive", "distance": "positive"}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Correlation with the ideal class RDM, dissimilarity within and between classes, and distance; a row per depth.

    The table has the mean over seeds, its interval and n by quantity, depth, method and layer.
    """
    table = tables["rdm"]
    if not table.empty:
        table = table[table["quantity"].isin(list(COLUMNS)) & table["method"].isin(list(style.methods))]
    if table.empty:
        return blank("no RDMs: no run finished"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = summarise(table, BY, "value", ranges=RANGES)
    parts = by_setting(shown)
    figure, axes = panels(len(parts), len(COLUMNS), height=0.8 + 1.9 * len(parts), sharey="col")
    for row, (words, part) in zip(axes, parts.items(), strict=True):
        layers = int(part["hidden"].iloc[0])
        for panel, quantity in zip(row, COLUMNS, strict=True):
            panel.axvline((layers + 1) // 2, color="grey", linewidth=0.8, linestyle=":")
            for method in style.present(part["method"]):
                band(
                    panel,
                    pick(part, quantity=quantity, method=method),
                    "layer",
                    style=style,
                    method=method,
                    markers=True,
                )
            layer_axis(panel, layers)
        row[0].set_ylabel(f"{in_lines(words)}\nPearson r with ideal RDM")
        for panel in row[1:3]:
            panel.set_ylabel("mean 1 - Pearson r")
        row[3].set_ylabel("distance of the RDMs")
    for panel, quantity in zip(axes[0], COLUMNS.values(), strict=True):
        panel.set_title(quantity)
    for panel in axes[-1]:
        panel.set_xlabel("hidden layer")
    legend(figure, style)
    return figure, shown
