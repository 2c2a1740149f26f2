"""Validation losses of the trials that chose each method's learning rate."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.style import Style, blank, legend, panels
from pipeline.figures.shared.tables import by_setting, pick

READS = ("rates",)
TITLE = "Choice of learning rates"
CATEGORY = "Learning"
CLAIMS = ("C11", "C12", "C18")
COLUMNS = ["hidden", "varied", "method", "rate", "validation_loss", "trials", "lost", "chosen", "at_edge"]
HEIGHT = 2.6  # inches
RING = 11  # points: size of the mark around the chosen rate


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Mean validation loss of the trials against the rate, with the chosen one ringed; a column per depth.

    The table has the mean over the trials that didn't diverge, their number, and the number that diverged, `lost`.
    """
    table = tables["rates"]
    if table.empty:
        return blank("no rates were chosen"), pd.DataFrame(columns=COLUMNS)
    table = table[table["method"].isin(list(style.methods))]
    by = ["hidden", "varied", "method", "rate"]
    shown = table.groupby(by, as_index=False).agg(
        validation_loss=("validation_loss", "mean"),
        trials=("validation_loss", "count"),
        lost=("validation_loss", lambda values: int(values.isna().sum())),
        chosen=("chosen", "first"),
        at_edge=("at_edge", "first"),
    )
    parts = by_setting(shown)
    figure, axes = panels(1, len(parts), height=HEIGHT, sharey=True)
    for panel, (title, part) in zip(axes[0], parts.items(), strict=True):
        panel.set_title(title.replace(" hidden layers", " layers") if len(parts) > 2 else title)
        _curves(panel, part, style)
    axes[0, 0].set_ylabel("validation loss")
    legend(figure, style)
    return figure, shown[COLUMNS]


def _curves(axes: Axes, part: pd.DataFrame, style: Style) -> None:
    for method in style.present(part["method"]):
        curve = pick(part, method=method)
        axes.plot(
            curve["rate"],
            curve["validation_loss"],
            linestyle=style.dash(method),
            markersize=4,
            label=style.label(method),
            color=style.colour(method),
            marker=style.marker(method),
        )
        taken = curve[curve["chosen"]]
        axes.plot(
            taken["rate"],
            taken["validation_loss"],
            "o",
            markersize=RING,
            markerfacecolor="none",
            markeredgecolor=style.colour(method),
            clip_on=False,
        )
    axes.set(xscale="log", xlabel="learning rate")
