"""RDMs of some layers of the deepest networks, a row per method."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.maps import background, narrow
from pipeline.figures.shared.style import HEAT, Style, blank, panels
from pipeline.figures.shared.tables import by_setting, pick, wide

READS = ("rdm",)
TITLE = "Representational dissimilarity matrices"
CATEGORY = "Representations"
CLAIMS = ("C13",)
COLUMNS = ["hidden", "varied", "method", "seed", "layer", "i", "j", "value"]
GRID, WIDEST = 5.2, 1.6  # inches: the width of all columns, and the largest side of a picture
MOST_CLASSES = 20  # that are numbered on the axes
SMALL: dict[str, Any] = {"labelsize": 5, "length": 0, "pad": 1}


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A row per method, a column per layer, of the deepest networks and each method's first seed that finished.

    All pictures share one colour scale. The table has the pixels on and above the diagonal, a row for each i and a
    column for each j.
    """
    table = tables["rdm"]
    if not table.empty:
        table = table[table["method"].isin(list(style.methods))]
    pictures = table if table.empty else pick(table, quantity="rdm")
    if pictures.empty:
        return blank("no RDMs: no run finished"), pd.DataFrame(columns=COLUMNS)
    deepest = pictures[pictures["hidden"] == pictures["hidden"].max()]
    title, part = next(iter(by_setting(deepest).items()))
    part = part[part["seed"] == part.groupby("method")["seed"].transform("min")]
    methods, layers = style.present(part["method"]), sorted(part["layer"].unique())
    side = min(WIDEST, GRID / len(layers))
    figure, axes = panels(len(methods), len(layers), height=0.8 + (side + 0.1) * len(methods))
    figure.suptitle(title, fontsize="medium")
    for row, method in zip(axes, methods, strict=True):
        chosen = pick(part, method=method)
        row[0].set_ylabel(f"{narrow(style.label(method))}\nseed {chosen['seed'].iloc[0]}")
        starts = pick(table, run=chosen["run"].iloc[0], quantity="class_start")["value"].to_numpy()
        for panel, layer in zip(row, layers, strict=True):
            _picture(panel, pick(chosen, layer=layer), float(part["value"].max()), starts)
    for panel, layer in zip(axes[0], layers, strict=True):
        panel.set_title(f"layer {layer}")
    for panel in axes[:-1].flat:
        panel.tick_params(labelbottom=False)
    for panel in axes[:, 1:].flat:
        panel.tick_params(labelleft=False)
    drawn = [panel.images[0] for panel in axes.flat if panel.images]
    label = "dissimilarity, 1 - Pearson r"
    figure.colorbar(drawn[0], ax=list(axes.flat), location="right", label=label, aspect=30, shrink=0.8)
    return figure, wide(part.loc[part["i"] <= part["j"], COLUMNS], across="j")


def _picture(axes: Axes, pixels: pd.DataFrame, highest: float, starts: np.ndarray) -> None:
    """Draw one RDM, with each class numbered at its middle. Grey where no dissimilarity is defined."""
    background(axes)
    axes.set_box_aspect(1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    if pixels.empty:
        return
    values = pixels.pivot(index="i", columns="j", values="value").to_numpy(dtype=np.float64)
    side = len(values)
    axes.imshow(values, cmap=HEAT, vmin=0, vmax=highest, extent=(0, side, side, 0))
    if len(starts) <= MOST_CLASSES:
        middles = (starts + np.append(starts[1:], side)) / 2
        axes.set_xticks(middles, [str(place) for place in range(len(starts))])
        axes.set_yticks(middles, [str(place) for place in range(len(starts))])
        axes.tick_params(**SMALL)
