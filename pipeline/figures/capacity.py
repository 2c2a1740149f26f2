"""Final loss and accuracy of nets of growing depth on random labels, by backprop, SGs and controls."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline import members
from pipeline.figures.shared.style import LOSSES, Style, blank, legend, panels, points
from pipeline.figures.shared.tables import SUMMARY, geometric, pick, summarise

READS = ("capacity",)
TITLE = "Random labels, fitted with and without what an SG passes down"
CATEGORY = "Synthetic gradients"
CLAIMS = ("C4",)
CONTROLS = {"one_frozen": "lower half frozen", "every_frozen": "all hidden layers frozen"}
BY = ["loss", "method", "hidden"]
COLUMNS = ["quantity", *BY, *SUMMARY, "lost"]
SMALLEST = 1e-38  # lower bound under a logarithm: a loss in single precision may be 0
SPREAD = 0.4  # share of the space between two depths over which the methods are spread
WIDEST = 1e3  # largest factor between the drawn bounds of an interval and the mean: keeps the axis readable
ROOM = 0.05  # margin above and below the accuracies


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Final training loss above final training accuracy by number of hidden layers, a column per loss.

    Args:
        tables: the table of `capacity`.
        style: not used for colours, since the analysis has its own methods.

    Returns:
        The figure and its numbers by quantity, loss, method and depth: the mean over seeds (geometric for the loss),
        its interval and n, and the number of seeds that diverged, `lost`.
    """
    table = tables["capacity"]
    if table.empty:
        return blank("no net was trained"), pd.DataFrame(columns=COLUMNS)
    own = Style({method: _label(method) for method in table["method"].unique()})
    shown = pd.concat([_losses(table), _accuracies(table)], ignore_index=True)[COLUMNS]
    depths, losses = sorted(set(table["hidden"])), [loss for loss in LOSSES if loss in set(table["loss"])]
    figure, axes = panels(2, len(losses), height=4.2, sharex=True, sharey="row")
    for (upper, lower), loss in zip(axes.T, losses, strict=True):
        upper.set_title(LOSSES[loss])
        for panel, quantity in ((upper, "train_loss"), (lower, "accuracy")):
            _lines(panel, pick(shown, quantity=quantity, loss=loss), depths, style=own)
        upper.set_yscale("log")
        lower.set_xticks(range(len(depths)), [str(depth) for depth in depths])
        lower.set(ylim=(-ROOM, 1 + ROOM), xlim=(-0.5, len(depths) - 0.5), xlabel="number of hidden layers")
        lower.yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("final training loss\n(nats; MSE has no unit)")
    axes[1, 0].set_ylabel("final accuracy\non the training points")
    legend(figure, own)
    return figure, shown


def _label(method: str) -> str:
    if method in CONTROLS or method == "backprop":
        return CONTROLS.get(method, method)
    place, _, name = method.partition("_")
    label = members.constants("estimators", name)["LABEL"]
    return f"one {label}" if place == "one" else f"{label} everywhere"


def _losses(table: pd.DataFrame) -> pd.DataFrame:
    """Geometric means: losses differ by orders of magnitude."""
    found = _over_seeds(table.assign(value=np.log10(table["train_loss"].clip(lower=SMALLEST))))
    return geometric(found).assign(quantity="train_loss")


def _accuracies(table: pd.DataFrame) -> pd.DataFrame:
    return _over_seeds(table.assign(value=table["accuracy"]), within="share").assign(quantity="accuracy")


def _over_seeds(table: pd.DataFrame, *, within: str = "real") -> pd.DataFrame:
    lost = table.assign(lost=table["diverged"]).groupby(BY, as_index=False)["lost"].sum()
    return summarise(table, BY, "value", ranges={"": within}).merge(lost, on=BY)


def _lines(axes: Axes, table: pd.DataFrame, depths: list[int], *, style: Style) -> None:
    """Draw a line per method, with points side by side so that equal values stay visible."""
    methods = list(style.methods)
    for place, method in enumerate(methods):
        curve = pick(table, method=method).sort_values("hidden").dropna(subset="mean")
        beside = ((place + 0.5) / len(methods) - 0.5) * SPREAD
        curve = curve.assign(
            x=[depths.index(depth) + beside for depth in curve["hidden"]],
            low=np.maximum(curve["low"], curve["mean"] / WIDEST),
            high=np.minimum(curve["high"], curve["mean"] * WIDEST),
        )
        points(axes, curve, "x", style=style, method=method)
        dash = ":" if method in CONTROLS else style.dash(method)
        axes.plot(curve["x"], curve["mean"], color=style.colour(method), linestyle=dash, linewidth=0.8)
