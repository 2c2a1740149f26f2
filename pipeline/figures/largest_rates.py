"""The largest main rate at which linear models converge, and how closely their SGs track the gradient."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.figures.shared.style import COLOURS, MARKERS, Style, blank, legend, panels
from pipeline.figures.shared.tables import SUMMARY, geometric, pick, summarise

READS = ("linear_convergence", "deep_linear_convergence")
TITLE = "Largest rates and error tracking of linear models"
CATEGORY = "Convergence"
CLAIMS = ("C5", "C6", "C7")
LABELS = {"backprop": "backprop", "line_search": "SG, line search", "fixed": "SG, fixed rate"}
NAMES = {"linear_convergence": "linear regression", "deep_linear_convergence": "deep linear model"}
KINDS = ["condition", "noise"]  # kinds of data; models of all sizes are shown together
ONE = ["rule", "sg_rate", "inputs", "hidden", *KINDS, "seed"]  # a problem under a rule
COLUMNS = ["analysis", "quantity", *KINDS, "rule", "sg_rate", *SUMMARY, "lost"]
LIMIT = 2.0  # gradient descent on linear regression converges below this rate, in 1 / curvature
ROUND = (1, 2, 5)  # leading digits of ticks
SPREAD = 0.6  # width over which the rules are spread, in units of the distance between two kinds of data


def draw(tables: dict[str, pd.DataFrame], *, style: Style) -> tuple[Figure, pd.DataFrame]:
    """The largest rate that converges, and the share of steps at which the SG is close enough, by data and rule.

    Args:
        tables: the tables of the two analyses.
        style: not used for colours, since these are training rules, not methods.

    Returns:
        The figure and its numbers. Each seed's value is its mean over models, in the logarithm for rates; mean,
        interval and n are over seeds. `lost` is the number of problems for which no tried rate converges, or of steps
        of diverged trainings. They are left out of their seed's mean.
    """
    kept = {name: tables[name] for name in READS if not tables[name].empty}
    if not kept:
        return blank("no linear model was trained"), pd.DataFrame(columns=COLUMNS)
    figure, axes = panels(2, len(kept), height=5.4)
    shown = []
    for line, (name, table) in zip(axes.T, kept.items(), strict=True):
        table = table[table["rule"].isin(LABELS)].assign(sg_rate=table["sg_rate"].fillna(0.0))
        rates, shares = _rates(table), _shares(table[table["rule"] != "backprop"])
        shown += [found.assign(analysis=name) for found in (rates, shares)]
        for panel, found in zip(line, (rates, shares), strict=True):
            _dots(panel, found)
            panel.set_title(NAMES[name])
        line[0].set_ylabel("largest main rate, in 1 / curvature")
        if rates["n"].sum():
            line[0].set_yscale("log")
            line[0].yaxis.set_major_locator(LogLocator(subs=ROUND))
            line[0].yaxis.set_minor_locator(NullLocator())
            line[0].yaxis.set_major_formatter("{x:g}")
        if name == "linear_convergence":
            line[0].axhline(LIMIT, color="#777777", linestyle=":", label="limit of gradient descent")
        line[1].set(ylim=(-0.03, 1.03), ylabel="share of steps with e K < g")
    legend(figure, style, columns=3)
    numbers = pd.concat(shown, ignore_index=True)[COLUMNS]
    return figure, numbers.assign(sg_rate=numbers["sg_rate"].where(numbers["rule"] == "fixed"))


def _rates(table: pd.DataFrame) -> pd.DataFrame:
    one = table.groupby(ONE, as_index=False)["largest_rate"].first()
    found = _over_seeds(one.assign(value=np.log10(one["largest_rate"])))
    return geometric(found).assign(quantity="largest rate")


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Shares of the recorded steps before a training ends, over all models and main rates."""
    holds = (table["bound_ratio"] < 1).astype(float).where(table["bound_ratio"].notna())
    return _over_seeds(table.assign(value=holds), within="share").assign(quantity="bound share")


def _over_seeds(table: pd.DataFrame, *, within: str = "real") -> pd.DataFrame:
    by = [*KINDS, "rule", "sg_rate"]
    seeds = table.groupby([*by, "seed"])["value"].mean().reset_index()
    lost = table.assign(lost=table["value"].isna()).groupby(by)["lost"].sum().reset_index()
    return summarise(seeds, by, "value", ranges={"": within}).merge(lost, on=by)


def _dots(axes: Axes, table: pd.DataFrame) -> None:
    """Draw a group of markers for each kind of data, one per rule, with intervals over seeds."""
    kinds = table[KINDS].drop_duplicates().sort_values(KINDS).to_numpy().tolist()
    rules = [(rule, rate) for rule in LABELS for rate in sorted(set(pick(table, rule=rule)["sg_rate"]))]
    for place, (rule, rate) in enumerate(rules):
        found = pick(table, rule=rule, sg_rate=rate)
        shift = SPREAD * (place / max(1, len(rules) - 1) - 0.5)
        at = [kinds.index(kind) + shift for kind in found[KINDS].to_numpy().tolist()]
        look = list(LABELS).index(rule) + [each for name, each in rules if name == rule].index(rate)
        axes.errorbar(
            at,
            found["mean"],
            yerr=np.array([found["mean"] - found["low"], found["high"] - found["mean"]]),
            color=COLOURS[look % len(COLOURS)],
            marker=MARKERS[look % len(MARKERS)],
            markersize=4,
            linestyle="none",
            elinewidth=1,
            capsize=2,
            label=LABELS[rule] + (f" {rate:g}" if rule == "fixed" else ""),
        )
    names = [f"cond. {condition:g}\n" + (f"noise {noise:g}" if noise else "no noise") for condition, noise in kinds]
    axes.set_xticks(range(len(kinds)), names)
    axes.set_xlim(-0.5, len(kinds) - 0.5)
