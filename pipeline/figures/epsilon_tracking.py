"""Both sides of the paper's condition for convergence during training, and the share of steps at which it holds."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.figures.shared.style import COLOURS, DASHES, LABEL_LETTERS, Style, blank, few_ticks, legend, panels
from pipeline.figures.shared.tables import SUMMARY, by_setting, geometric, pick, summarise

READS = ("epsilon_tracking",)
BY_SETTING = True
TITLE = "Tracking of the true gradient"
CATEGORY = "Convergence"
CLAIMS = ("C7",)
NORMS = {
    "gradient": "true gradient $g$",
    "bound": "bound of the error $eK$",
    "parameter_error": "error itself",
}
SHARES = {"holds": "$eK < g$ at all gates", "sharp": "error $< g$ at all gates", "falls": "batch loss falls"}
LOOKS = {  # colour and dash: a bound and the share of steps at which it holds look the same
    "gradient": (COLOURS[0], DASHES[0]),
    "bound": (COLOURS[1], DASHES[1]),
    "parameter_error": (COLOURS[2], DASHES[0]),
    "holds": (COLOURS[1], DASHES[1]),
    "sharp": (COLOURS[2], DASHES[0]),
    "falls": (COLOURS[3], DASHES[2]),
}
BY = ["quantity", "hidden", "varied", "method", "layer", "step"]
PERIODS = 8  # number of parts of training, for the shares
MARGIN = 2  # of a logarithmic axis, as a factor
SLIGHT = 0.05  # margin above and below the shares
ROW = 1.9  # inches


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """A row per method (and depth): the norms at its lowest, middle and highest gate by step, and the shares of steps.

    The table has the norms of every gate as geometric means over seeds, and the shares (layer 0) as means over seeds,
    with intervals and n. A share is taken over each of `PERIODS` equal parts of training, at the middle of the part.
    """
    table = tables["epsilon_tracking"]
    if not table.empty:
        table = table[(table["layer"] > 0) & table["method"].isin(list(style.methods))]
    if table.empty:
        return blank("no run with gates logged its tracking"), pd.DataFrame(columns=[*BY, *SUMMARY])
    shown = pd.concat([_norms(table), _shares(table)], ignore_index=True)
    rows = [
        (title, style.label(method), pick(part, method=method))
        for title, part in by_setting(shown).items()
        for method in style.present(part["method"])
    ]
    gates = [_chosen(part["layer"]) for _, _, part in rows]
    columns = max(map(len, gates)) + 1
    figure, axes = panels(len(rows), columns, height=0.7 + ROW * len(rows), sharex=True)
    for line, layers, (title, method, part) in zip(axes, gates, rows, strict=True):
        for panel, layer in zip(line, layers, strict=False):
            _curves(panel, pick(part, layer=layer), NORMS)
            panel.set(yscale="log", ylim=_limits(part), title=f"gate after layer {layer}")
        for panel in line[len(layers) : -1]:
            panel.set_axis_off()
        for panel in line[1 : len(layers)]:
            panel.sharey(line[0])
            panel.tick_params(labelleft=False)
        _curves(line[-1], pick(part, layer=0), SHARES)
        line[-1].set(ylim=(-SLIGHT, 1 + SLIGHT), title="share of steps")
        line[-1].yaxis.set_major_formatter(PercentFormatter(1))
        line[0 if layers else -1].set_ylabel(f"{textwrap.fill(method, LABEL_LETTERS)}\n{title}\nnorm / (loss / weight)")
    _finish(axes)
    legend(figure, style, columns=3)
    return figure, shown


def _norms(table: pd.DataFrame) -> pd.DataFrame:
    """Geometric means of the norms over seeds, at every gate and logged step."""
    long = table.melt([name for name in BY if name != "quantity"], list(NORMS), "quantity", "norm")
    positive = long[long["norm"] > 0]
    return geometric(summarise(positive.assign(log=np.log10(positive["norm"])), BY, "log"))


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of the share of steps in each period."""
    length = (table["step"].max() + 1) / PERIODS
    period = (table["step"] // length + 0.5) * length
    runs = ["hidden", "varied", "method", "run"]
    steps = table.groupby([*runs, "step", period.rename("period")], as_index=False)[list(SHARES)].min()
    shares = steps.groupby([*runs, "period"], as_index=False)[list(SHARES)].mean().rename(columns={"period": "step"})
    long = shares.melt([*runs, "step"], list(SHARES), "quantity", "share").assign(layer=0)
    return summarise(long, BY, "share", ranges={"": "share"})


def _chosen(layers: pd.Series) -> list[int]:
    """The lowest, the middle and the highest gate; none if all norms are zero."""
    there = sorted(set(layers) - {0})
    return sorted({there[0], there[len(there) // 2], there[-1]}) if there else []


def _limits(part: pd.DataFrame) -> tuple[float, float]:
    """From the smallest mean of a norm to the largest, since intervals of a few seeds can be much wider."""
    means = part.loc[part["layer"] > 0, "mean"].dropna()
    return (means.min() / MARGIN, means.max() * MARGIN) if len(means) else (1.0, MARGIN)


def _curves(axes: Axes, part: pd.DataFrame, labels: dict[str, str]) -> None:
    for quantity, label in labels.items():
        curve, (colour, dash) = pick(part, quantity=quantity), LOOKS[quantity]
        axes.plot(curve["step"], curve["mean"], color=colour, linestyle=dash, label=label, linewidth=1.2)
        axes.fill_between(curve["step"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)


def _finish(axes: np.ndarray) -> None:
    """Label the steps below the lowest panel of each column."""
    for column in axes.T:
        lowest = [panel for panel in column if panel.axison][-1]
        lowest.set_xlabel("step")
        lowest.tick_params(labelbottom=True)
        few_ticks(lowest.xaxis, axes.shape[1])
