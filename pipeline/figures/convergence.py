"""Convergence of linear models by backprop and with a linear SG, by exact line search or with fixed rates."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.shared.style import COLOURS, DASHES, MARKERS, Style, blank, legend, panels
from pipeline.figures.shared.tables import SUMMARY, geometric, pick, summarise
from pipeline.settings_types import Count, Positive
from pipeline.theory.training import CONVERGED, RESOLVED

READS = ("linear_convergence", "deep_linear_convergence")
TITLE = "Convergence of linear models"
CATEGORY = "Convergence"
CLAIMS = ("C5", "C6")
LABELS = {
    "backprop": "backprop",
    "line_search": "SG, line search",
    "fixed": "SG, fixed rate",
    "frozen": "no SG, layers below frozen",
}
BY = ["condition", "noise", "rate", "rule", "sg_rate"]
DATA = ("condition", "noise")
COLUMNS = ["problem", "quantity", *BY, "iteration", *SUMMARY, "lost"]
BOTTOM, TOP = 1e-16, 1e3  # bounds of the gap's axis
ROOM = 100  # factor above the curves of the iterations, for the crosses
HIGHEST, APART = 0.97, 0.05  # height of the crosses, as a share of the panel, and the distance between rules


def draw(
    tables: dict[str, pd.DataFrame],
    *,
    style: Style,
    inputs: Count = 10,
    hidden: Count = 4,
    rate: Positive = 0.03,
) -> tuple[Figure, pd.DataFrame]:
    """The gap to the optimum by iteration, on the easiest and the hardest data, and the time to converge by main rate.

    A row per theorem. The easiest data have the lowest noise and condition number in the table, the hardest the
    highest.

    Args:
        tables: the tables of the two analyses.
        style: not used for colours, since these are training rules, not methods.
        inputs: number of inputs of the models shown; the nearest in each table.
        hidden: number of hidden layers of the deep linear model shown; the nearest in the table.
        rate: main rate of the gap by iteration; the nearest in each table. The theorems are about small steps.

    Returns:
        The figure and its numbers: geometric means over seeds, interval and n of the relative gap, and of the first
        recorded iteration from which it stays below `CONVERGED`. `lost` is the number of seeds that diverged or did not
        converge in time.
    """
    wanted = {"linear_convergence": {"inputs": inputs}, "deep_linear_convergence": {"hidden": hidden, "inputs": inputs}}
    kept = {name: _nearest(tables[name], wanted[name]) for name in READS if not tables[name].empty}
    if not kept:
        return blank("no linear model was trained"), pd.DataFrame(columns=COLUMNS)
    figure, axes = panels(len(kept), 3, height=0.6 + 2.5 * len(kept))
    shown = []
    for line, (name, table) in zip(axes, kept.items(), strict=True):
        gaps, times = _gaps(_near(table, "rate", rate)), _times(table)
        shown += [found.assign(problem=_title(name, table)) for found in (gaps, times)]
        easiest, hardest = ({key: pick_from(table[key]) for key in DATA} for pick_from in (min, max))
        for panel, data in ((line[0], easiest), (line[1], hardest)):
            _curves(panel, pick(gaps, **data), "iteration")
            panel.set_title(f"{_title(name, table)}\n{_data(**data)}")
            panel.set(xlim=(1, max(2, table["iteration"].max())), ylim=(BOTTOM, TOP))
        line[0].set_ylabel(f"relative gap at main rate {gaps['rate'].iloc[0]:g}")
        line[1].tick_params(labelleft=False)
        _curves(line[2], pick(times, **hardest), "rate", marked=True)
        line[2].set_title(f"{_title(name, table)}\n{_data(**hardest)}")
        line[2].set_ylim(1, ROOM * table["iteration"].max())
        line[2].set_xlabel("main rate, in 1 / curvature")
        line[2].set_ylabel(f"iterations to a gap < $10^{{{np.log10(CONVERGED):.0f}}}$")
    legend(figure, style, columns=3)
    numbers = pd.concat(shown, ignore_index=True)[COLUMNS].astype({"iteration": "Int64"})
    return figure, numbers.assign(sg_rate=numbers["sg_rate"].where(numbers["rule"] == "fixed"))


def _near(table: pd.DataFrame, column: str, wanted: float) -> pd.DataFrame:
    """The rows whose value is nearest to `wanted`."""
    there = table[column].to_numpy(dtype=np.float64)
    return table[there == there[np.abs(there - wanted).argmin()]]


def _nearest(table: pd.DataFrame, wanted: dict[str, int]) -> pd.DataFrame:
    for column, value in wanted.items():
        table = _near(table, column, value)
    return table


def _title(name: str, table: pd.DataFrame) -> str:
    first = table.iloc[0]
    if name == "linear_convergence":
        return f"{first['inputs']} inputs, SG after output"
    return f"{first['hidden']} hidden layers, SG after {first['sg_after']}"


def _data(*, condition: float, noise: float) -> str:
    return f"condition {condition:g}, " + (f"noise {noise:g}" if noise else "no noise")


def _gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The gap at each iteration except the start, where it is 1."""
    late = table[table["iteration"] > 0]
    return _over_seeds(late.assign(value=late["gap"].clip(lower=RESOLVED)), "iteration").assign(quantity="gap")


def _times(table: pd.DataFrame) -> pd.DataFrame:
    """The recorded iteration from which a seed stays converged."""
    one = [*BY, "seed"]
    filled = table.assign(sg_rate=table["sg_rate"].fillna(0.0))
    outside = filled["iteration"].where(~(filled["gap"] < CONVERGED), -1)
    last = outside.groupby([filled[column] for column in one]).transform("max")
    filled["value"] = filled["iteration"].where(filled["iteration"] > last)
    firsts = filled.groupby(one)["value"].min().reset_index()
    return _over_seeds(firsts).assign(quantity="iterations to converge")


def _over_seeds(table: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Geometric mean and interval of `value`, and the number of seeds without one."""
    by = [*BY, *more]
    logs = table.assign(sg_rate=table["sg_rate"].fillna(0.0), log=np.log10(table["value"]), lost=table["value"].isna())
    return geometric(summarise(logs, by, "log")).merge(logs.groupby(by, as_index=False)["lost"].sum(), on=by)


def _curves(axes: Axes, table: pd.DataFrame, x: str, *, marked: bool = False) -> None:
    """Draw a line with a band for each rule where no seed is lost, and a cross where one is."""
    rates = sorted(set(table.loc[table["rule"] == "fixed", "sg_rate"]))
    height = HIGHEST
    for place, rule in enumerate(LABELS):
        for sg_rate, curve in pick(table, rule=rule).groupby("sg_rate"):
            label, dash, colour = LABELS[rule], DASHES[0], COLOURS[place]
            if rule == "fixed":
                label, dash = f"{label} {sg_rate:g}", DASHES[(rates.index(sg_rate) + 1) % len(DASHES)]
            whole, lost = curve[curve["lost"] == 0], curve.loc[curve["lost"] > 0, x]
            marker = MARKERS[place] if marked else None
            axes.plot(whole[x], whole["mean"], color=colour, linestyle=dash, label=label, marker=marker, markersize=4)
            # A band far outside the panel would break the layout.
            low, high = whole["low"].clip(lower=BOTTOM), whole["high"].clip(upper=1 / BOTTOM)
            axes.fill_between(whole[x], low, high, color=colour, alpha=0.15, linewidth=0)
            if marked:
                height -= APART
            else:
                lost = lost[:1]
            axes.plot(lost, [height] * len(lost), "x", color=colour, markersize=5, transform=axes.get_xaxis_transform())
    axes.set(xscale="log", yscale="log", xlabel=x)
