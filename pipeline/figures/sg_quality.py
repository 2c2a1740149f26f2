"""Agreement of synthetic with true gradients: by layer at the end, and during training."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared.maps import background
from pipeline.figures.shared.style import (
    DIVERGING,
    LABEL_LETTERS,
    Style,
    band,
    blank,
    few_ticks,
    layer_axis,
    layer_ticks,
    legend,
    panels,
    points,
    title,
)
from pipeline.figures.shared.tables import SUMMARY, by_setting, pick, summarise

READS = ("sg_quality",)
BY_SETTING = True
TITLE = "Synthetic against true gradients"
CATEGORY = "Synthetic gradients"
CLAIMS = ("C9", "C18")
BY = ["quantity", "hidden", "varied", "method", "layer", "step"]
RANGES = {"cosine": "correlation", "norm_ratio": "positive"}
AT_END = {"cosine_end": 0, "norm_ratio_end": 1}  # with the value of a grey line: no agreement, and the right size
HEIGHT = 1.6  # inches a row
MARGIN = 1.6  # of the logarithmic axis, as a factor


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Cosine and norm ratio by layer at the end, and the cosine against the step; a column per depth.

    Methods with one gated layer share a panel of curves. Those with several have a row of maps each, layer by step. The
    table has the mean over seeds, its interval and n: `cosine` at every step, `cosine_end` and `norm_ratio_end` at the
    end of the runs that finished.
    """
    table = tables["sg_quality"]
    if not table.empty:
        table = table[table["method"].isin(list(style.methods))]
        at_end = table[table["final"] & table["quantity"].isin(["cosine", "norm_ratio"])]
        at_end = at_end.assign(quantity=at_end["quantity"] + "_end")
        table = pd.concat([pick(table, quantity="cosine"), at_end])
    if table.empty:
        return blank("no gates: no gradient was estimated"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = summarise(table, BY, "value", ranges=RANGES)
    parts, single, several = by_setting(shown), *_by_gates(shown, style)
    heights = [HEIGHT] * (2 + bool(single) + len(several))
    figure, axes = panels(len(heights), len(parts), height=sum(heights) + 1.2)
    curves, maps = axes[: len(axes) - len(several)], axes[len(axes) - len(several) :]
    for column, (words, part) in zip(curves.T, parts.items(), strict=True):
        title(column[0], words, columns=len(parts))
        _at_end(column[:2], part, style)
        if single:
            _along(column[2], part, single, style)
    _align(curves, shown.loc[shown["quantity"] == "norm_ratio_end", "mean"].dropna())
    _maps(figure, maps, list(parts.values()), several, style)
    legend(figure, style)
    return figure, shown


def _by_gates(shown: pd.DataFrame, style: Style) -> tuple[list[str], list[str]]:
    """The methods with one gated layer at every depth, and those with several at some."""
    cosines = shown[shown["quantity"] == "cosine"]
    most = cosines.groupby(["method", "hidden", "varied"])["layer"].nunique().groupby("method").max()
    methods = style.present(cosines["method"])
    return [method for method in methods if most[method] == 1], [method for method in methods if most[method] > 1]


def _at_end(column: np.ndarray, part: pd.DataFrame, style: Style) -> None:
    """Draw cosine and norm ratio by layer at the last step, for the runs that finished."""
    for axes, (quantity, landmark) in zip(column, AT_END.items(), strict=True):
        axes.axhline(landmark, color="grey", linewidth=0.8)
        for method in style.present(part["method"]):
            curve = pick(part, quantity=quantity, method=method)
            if len(curve) == 1:
                points(axes, curve, "layer", style=style, method=method)
            else:
                band(axes, curve, "layer", style=style, method=method, markers=True)
        layer_axis(axes, int(part["hidden"].iloc[0]))
        axes.set_xlabel("hidden layer")


def _along(axes: Axes, part: pd.DataFrame, methods: list[str], style: Style) -> None:
    """Draw the cosine of methods with one gated layer against the step."""
    axes.axhline(0, color="grey", linewidth=0.8)
    for method in methods:
        band(axes, pick(part, quantity="cosine", method=method), "step", style=style, method=method)
    axes.set_xlabel("step")


def _align(curves: np.ndarray, ratios: pd.Series) -> None:
    """Give each row one scale and a label."""
    labels = ("cosine\nat the end", "|estimate| / |true|\nat the end", "cosine\nat the one gate")
    for row, label in zip(curves, labels, strict=False):
        row[0].set_ylabel(label)
        for axes in row[1:]:
            axes.sharey(row[0])
            axes.tick_params(labelleft=False)
        row[0].autoscale(axis="y")
    positive = ratios[ratios > 0]
    if len(positive):  # a logarithmic axis can't show zero: such an estimate lies below it
        curves[1, 0].set_yscale("log")
        curves[1, 0].set_ylim(min(1, positive.min()) / MARGIN, max(1, positive.max()) * MARGIN)
    for row in curves[2:]:
        for axes in row:
            few_ticks(axes.xaxis, curves.shape[1])


def _maps(figure: Figure, rows: np.ndarray, parts: list[pd.DataFrame], methods: list[str], style: Style) -> None:
    """Draw the cosine by layer and step, a row per method, on one colour scale centred on zero."""
    if not methods:
        return
    cosines = [pick(part, quantity="cosine") for part in parts]
    largest = pd.concat(cosines).set_index("method")["mean"].abs().loc[methods].max()
    limit = largest if largest > 0 else 1.0
    for row, method in zip(rows, methods, strict=True):
        row[0].set_ylabel(f"{textwrap.fill(style.label(method), LABEL_LETTERS)}\nhidden layer")
        for axes, part in zip(row, cosines, strict=True):
            _map(axes, pick(part, method=method), limit)
            axes.set_xlim(right=max(part["step"]))
            few_ticks(axes.xaxis, len(row))
    scale = ScalarMappable(Normalize(-limit, limit), DIVERGING)
    figure.colorbar(scale, ax=list(rows[-1]), location="bottom", label="cosine", aspect=40, shrink=0.6)


def _map(axes: Axes, cosines: pd.DataFrame, limit: float) -> None:
    """Draw one map; grey where a layer has no gate or no run got that far."""
    background(axes)
    axes.set_xlabel("step")
    if cosines.empty:
        return
    layers, steps = np.arange(1, cosines["hidden"].iloc[0] + 1), np.sort(cosines["step"].unique())
    values = cosines.pivot(index="layer", columns="step", values="mean").reindex(index=layers, columns=steps)
    axes.pcolormesh(_edges(steps), _edges(layers), values, cmap=DIVERGING, vmin=-limit, vmax=limit)
    axes.set_yticks(layer_ticks(len(layers)))


def _edges(centres: np.ndarray) -> np.ndarray:
    """The edges of cells around ascending centres: half-way between, and symmetric around the outermost ones."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.array([2 * centres[0] - between[0], *between, 2 * centres[-1] - between[-1]])
