"""The style of all figures: colours, sizes, panels and axes, and how a mean and its interval are drawn."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # set before pyplot is imported: needs no screen

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito (2008): distinguishable with all common forms of colour blindness. Black is for the first method.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HEAT = "viridis"
DIVERGING = "RdBu_r"  # for values on both sides of zero
ABSENT = "0.85"  # grey of a map where there is no value
LOSSES = {"cross_entropy": "log loss", "mse": "MSE"}  # names for readers, in the order shown
LABELS = {"separable": "separable", "random": "random labels"}  # the same for the labels of the grid
WIDTH = 7.2  # inches: the report's column
LEGEND_LETTERS, HANDLE_LETTERS = 104, 8  # letters that fit in a row, and the width of a handle in letters
LABEL_LETTERS = 16  # of a line beside a low panel
TITLE_LETTERS = 84  # that fit above a figure's panels
LINE_LETTERS = 130  # of the line below a figure
SMALL_TITLE, MANY = 8, 4  # points of titles above more than this number of columns
TICKS = 8  # number on an axis as wide as the figure
RC = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "font.size": 9,
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # the second has the same widths, where a reader lacks the first
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text, which can be searched, read out and selected
    "image.interpolation": "nearest",
}


@dataclass(frozen=True)
class Style:
    """The look of each method, the same in all figures. Colour, dash and marker follow from its place in the config."""

    methods: dict[str, str]  # label by name, in the order of the config

    def _place(self, method: str) -> int:
        return list(self.methods).index(method)

    def label(self, method: str) -> str:
        """The method's name for readers."""
        return self.methods[method]

    def colour(self, method: str) -> str:
        """The method's colour."""
        return COLOURS[self._place(method) % len(COLOURS)]

    def dash(self, method: str) -> str:
        """The method's line style, which changes when the colours repeat."""
        return DASHES[self._place(method) // len(COLOURS) % len(DASHES)]

    def marker(self, method: str) -> str:
        """The method's marker; no two methods have the same colour and marker while there are at most 64."""
        place = self._place(method)
        return MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]

    def present(self, found: Sequence[str] | pd.Series) -> list[str]:
        """The methods that occur in `found`, in the order of the config."""
        there = set(found)
        return [method for method in self.methods if method in there]


def band(axes: Axes, curve: pd.DataFrame, x: str, *, style: Style, method: str, markers: bool = False) -> None:
    """Draw a method's mean as a line and its interval as a band; `curve` has columns x, mean, low, high."""
    colour = style.colour(method)
    axes.plot(
        curve[x],
        curve["mean"],
        color=colour,
        linestyle=style.dash(method),
        label=style.label(method),
        marker=style.marker(method) if markers else None,
        markersize=3.5,
    )
    axes.fill_between(curve[x], curve["low"], curve["high"], color=colour, alpha=0.18, linewidth=0)


def panels(rows: int, columns: int, *, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of the report's width with a grid of axes, always a 2-D array."""
    return plt.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, **options)


def points(axes: Axes, curve: pd.DataFrame, x: str, *, style: Style, method: str) -> None:
    """Draw a method's means as unconnected markers with their intervals as bars, for values that aren't a curve."""
    below, above = curve["mean"] - curve["low"], curve["high"] - curve["mean"]
    axes.errorbar(
        curve[x],
        curve["mean"],
        yerr=np.array([below, above]),
        color=style.colour(method),
        label=style.label(method),
        marker=style.marker(method),
        markersize=4,
        linestyle="none",
        elinewidth=1,
        capsize=2,
    )


def blank(message: str) -> Figure:
    """A figure with a message instead of data."""
    figure, axes = panels(1, 1, height=1.2)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, message, ha="center", va="center", transform=axes[0, 0].transAxes)
    return figure


def say(figure: Figure, shown: str) -> None:
    """Write under a figure what it shows runs of, so that it can be read alone."""
    if shown:
        lines = textwrap.fill(shown, LINE_LETTERS)
        figure.supxlabel(lines, x=0.005, ha="left", fontsize=7, color="0.35")


def legend(figure: Figure, style: Style, *, columns: int = 4) -> None:
    """One legend above all panels, with each label once: methods first, in the order of the config."""
    found = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    first = [label for label in style.methods.values() if label in found]
    labels = [*first, *(label for label in found if label not in first)]
    if labels:
        handles = [found[label] for label in labels]
        fit = max(1, LEGEND_LETTERS // (max(map(len, labels)) + HANDLE_LETTERS))
        figure.legend(handles, labels, loc="outside upper center", ncols=min(columns, fit, len(labels)))


def in_lines(words: str) -> str:
    """The parts of a panel's title, a line each."""
    return words.replace(", ", "\n")


def title(axes: Axes, words: str, *, columns: int) -> None:
    """Set the title of one of `columns` panels side by side: a line for each setting where one line is too narrow."""
    narrow = len(words) > TITLE_LETTERS // columns
    axes.set_title(in_lines(words) if narrow else words, fontsize=SMALL_TITLE if columns > MANY else None)


def few_ticks(axis: Axis, columns: int) -> None:
    """Set round ticks, few enough for `columns` panels that share the figure's width."""
    axis.set_major_locator(MaxNLocator(max(2, TICKS // columns), steps=[1, 2, 5, 10]))


def layer_ticks(layers: int) -> list[int]:
    """The first layer, the last and a few round ones between, so far apart that their numbers don't touch."""
    between = MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]).tick_values(1, layers)
    far = [int(tick) for tick in between if min(tick - 1, layers - tick) >= layers / TICKS]
    return sorted({1, *far, layers})


def layer_axis(axes: Axes, layers: int, *, output: bool = False) -> None:
    """Set an x axis of hidden layers 1 to `layers`; with `output`, the output layer follows them as "out"."""
    ticks = layer_ticks(layers)
    if output:
        ticks = [tick for tick in ticks if tick < layers or layers == 1]  # the last number would touch "out"
        axes.set_xticks([*ticks, layers + 1], [*map(str, ticks), "out"])
    else:
        axes.set_xticks(ticks)
    axes.set_xlim(0.5, layers + (1.5 if output else 0.5))
