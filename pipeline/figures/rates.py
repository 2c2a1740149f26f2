"""Validation losses of the trials that chose each method's learning rates."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.style import Style, blank, legend, panels
from pipeline.figures.shared.tables import by_setting, pick

READS = ("rates",)
BY_SETTING = True
TITLE = "Choice of learning rates"
CATEGORY = "Learning"
CLAIMS = ("C11", "C12", "C18")
RATES = ["hidden", "varied", "method", "rung", "steps", "rate", "gate_factor", "gate_rate"]
COLUMNS = [*RATES, "validation_loss", "lowest", "highest", "trials", "lost", "chosen", "at_edge", "bracketed"]
HEIGHT = 2.6  # inches
RING = 11  # points: size of the mark around the chosen rate
FAINT = 0.35  # of rungs before the last


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """Mean validation loss of each rung's trials against the network's rate, with the chosen one ringed.

    A column per depth; the first rung is a faint line, the last one has markers. Of a rate that was tried with several
    rates of the modules, the best is drawn.

    The table has all that was tried: the mean over the trials that didn't diverge, their lowest, highest and number,
    and the number that diverged, `lost`.
    """
    table = tables["rates"]
    if table.empty:
        return blank("no rates were chosen"), pd.DataFrame(columns=COLUMNS)
    table = table[table["method"].isin(list(style.methods))]
    loss = "validation_loss"
    shown = table.groupby(RATES, as_index=False).agg(
        **{
            loss: (loss, "mean"),
            "lowest": (loss, "min"),
            "highest": (loss, "max"),
            "trials": (loss, "count"),
            "lost": (loss, lambda values: int(values.isna().sum())),
            "chosen": ("chosen", "any"),
            "at_edge": ("at_edge", "first"),
            "bracketed": ("bracketed", "first"),
        }
    )
    parts = by_setting(shown)
    figure, axes = panels(1, len(parts), height=HEIGHT, sharey=True)
    for panel, (title, part) in zip(axes[0], parts.items(), strict=True):
        panel.set_title(title.replace(" hidden layers", " layers") if len(parts) > 2 else title)
        for method in style.present(part["method"]):
            _curves(panel, pick(part, method=method), style, method)
        panel.set(xscale="log", xlabel="learning rate")
    axes[0, 0].set_ylabel("validation loss")
    legend(figure, style)
    return figure, shown[COLUMNS]


def _curves(axes: Axes, found: pd.DataFrame, style: Style, method: str) -> None:
    """One method's rungs; the first and the last are drawn, others are in the table."""
    colour, last = style.colour(method), found["rung"].max()
    for rung in sorted({found["rung"].min(), last}):
        curve = found[found["rung"] == rung].groupby("rate", as_index=False)["validation_loss"].min()
        ends = rung == last
        axes.plot(
            curve["rate"],
            curve["validation_loss"],
            linestyle=style.dash(method),
            linewidth=None if ends else 1,
            alpha=None if ends else FAINT,
            marker=style.marker(method) if ends else None,
            markersize=4,
            color=colour,
            label=style.label(method) if ends else None,
        )
    taken = found[found["chosen"]]
    axes.plot(
        taken["rate"],
        taken["validation_loss"],
        "o",
        markersize=RING,
        markerfacecolor="none",
        markeredgecolor=colour,
        clip_on=False,
    )
