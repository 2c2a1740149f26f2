"""The true loss over the plane and the losses implied by linear SGs, early and late, in four cases."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared.maps import background
from pipeline.figures.shared.style import HEAT, LABELS, LOSSES, Style, blank, panels
from pipeline.figures.shared.tables import pick, wide

READS = ("implied_loss",)
TITLE = "True and implied loss over the plane"
CATEGORY = "Synthetic gradients"
CLAIMS = ("C9", "C10")
SURFACES = ("true_loss", "implied_loss")
COLUMNS = ["loss", "labels", "step", "layer", "quantity", "x1", "x2", "value", "r2", "rank"]
LOW, HIGH = 2, 98  # percentiles of a surface that bound its colours, so single points don't dominate them
HEIGHT = 1.12  # inches a row
SMALL = 7  # points


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A row per case and step: the true loss, then the implied loss of each layer with an SG, with its R² above.

    The constant and the unit of an implied loss are arbitrary, so each panel has its own colour scale.

    Args:
        tables: the analysis's table.
        style: not used, since there are no methods here.

    Returns:
        The figure and the surfaces of seed 0: a row for each x2 with the value at each x1 in columns such as `x1=-0.5`,
        and r2 and rank of each implied loss.
    """
    table = tables["implied_loss"]
    surfaces = table if table.empty else table[table["quantity"].isin(SURFACES)]
    if surfaces.empty:
        return blank("no surface was kept"), pd.DataFrame(columns=COLUMNS)
    shown = _with_agreement(table, surfaces)
    layers = sorted(shown["layer"].unique())
    rows = [
        (loss, kind, step)
        for loss in LOSSES
        for kind in LABELS
        for step in sorted(pick(shown, loss=loss, labels=kind)["step"].unique())
    ]
    figure, axes = panels(len(rows), len(layers), height=1.2 + HEIGHT * len(rows))
    for row, (loss, kind, step) in zip(axes, rows, strict=True):
        for panel, layer in zip(row, layers, strict=True):
            _surface(panel, pick(shown, loss=loss, labels=kind, step=step, layer=layer))
        row[0].set_ylabel(f"{LOSSES[loss]},\n{LABELS[kind]},\nupdate {step}", fontsize=SMALL)
    for panel, layer in zip(axes[0], layers, strict=True):
        name = f"implied, layer {layer}" if layer else "true loss"
        panel.set_title(f"{name}\n{panel.get_title()}", fontsize=SMALL)
    for panel in axes[-1]:
        panel.set_xlabel("$x_1$", fontsize=SMALL)
    _colours(figure, axes)
    return figure, wide(shown, across="x1")


def _with_agreement(table: pd.DataFrame, surfaces: pd.DataFrame) -> pd.DataFrame:
    """The surfaces with their r2 and rank correlation, which the true loss doesn't have."""
    one = ["loss", "labels", "seed", "step", "layer"]
    numbers = table[table["quantity"].isin(["r2", "rank"])].pivot(index=one, columns="quantity", values="value")
    return surfaces.merge(numbers.reset_index(), on=one, how="left")[COLUMNS]


def _surface(axes: Axes, points: pd.DataFrame) -> None:
    """Draw one surface between its own percentiles; grey where there is no finite value."""
    background(axes)
    axes.set(xticks=[], yticks=[], box_aspect=1)
    if points.empty:
        return
    plane = points.pivot(index="x2", columns="x1", values="value")
    finite = points["value"][np.isfinite(points["value"])]
    low, high = np.percentile(finite, [LOW, HIGH]) if len(finite) else (0, 1)
    values = plane.to_numpy(dtype=np.float64)
    edges = (*np.percentile(points["x1"], [0, 100]), *np.percentile(points["x2"], [0, 100]))
    axes.imshow(values, cmap=HEAT, vmin=low, vmax=high if high > low else low + 1, origin="lower", extent=edges)
    r2, rank = points[["r2", "rank"]].iloc[0]
    if points["quantity"].iloc[0] == "implied_loss":
        axes.set_title(rf"$R^2$ {r2:.2f}, $\rho$ {rank:.2f}", fontsize=SMALL)


def _colours(figure: Figure, axes: np.ndarray) -> None:
    """Draw the colour bar, below all panels."""
    scale = ScalarMappable(Normalize(0, 1), HEAT)
    label = "loss of a sample, from low to high within each panel"
    bar = figure.colorbar(scale, ax=list(axes[-1]), location="bottom", aspect=50, shrink=0.6, label=label, ticks=[0, 1])
    bar.set_ticklabels(["low", "high"])
