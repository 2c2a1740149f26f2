"""Do synthetic gradients meet the paper's condition for convergence, and does the loss fall where they do?

The statement, as usually described (the paper's text was not at hand): if at every step `e K <= g (1 - d) / (1 + d)`
for one d in (0, 1), training converges to a solution of the original problem. Here e is the SG's error, K the norm of
the Jacobian of its layer with respect to the parameters below, and g the norm of the true gradient of these parameters.
Both sides are measured during real trainings.

The product `e K` is a loose bound of what decides a step, the error of the parameters' own direction,
`|| J' (SG - delta) ||` with the Jacobian J. Where that is below g, the *sharp* form holds: the two directions have a
positive inner product. Whether the loss then falls also takes a small enough step, so shares of falling losses say
something about SGs only at rates at which backprop itself converges.

Departure: the trainings use Adam and a new batch at each step, while the statement is about plain gradient descent on
one loss. So a loss that rises over an update need not be due to the SG. Trainings without SGs show how often the loss
rises anyway.
"""

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.names import REFERENCE, per_seed
from pipeline.settings_types import Share

SCOPE = "runs"
READS = "history"
CLAIMS = ("C7",)
QUANTITIES = ["error", "jacobian", "gradient", "parameter_error", "cosine"]
RANGES = {
    "falls": "share",
    "bound_share": "share",
    "sharp_share": "share",
    "backprop_converges": "share",
}
PREFIX, FALLS = "tracking_", "tracking_falls"
COLUMNS = ["run", "step", "layer", *QUANTITIES, "bound", "holds", "sharp", "delta", "falls", "converged"]
TYPES = {"run": "str", "step": "int64", "layer": "int64"}


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator, left: Share = 0.1) -> pd.DataFrame:
    """Both sides of the inequality by run, logged step and gate.

    Args:
        histories: by run name. A run that did not log error tracking has no rows; one without gates has rows of
            layer 0.
        generator: not used; nothing here is random.
        left: the largest share of its starting training loss that a run may end with to count as converged.

    Returns:
        Columns run, step, layer; error (e), jacobian (K), gradient (g), parameter_error and cosine as in
        `pipeline.learning.error_bound`; bound, which is `e K`; holds, 1 if `e K < g`, so that a d exists, else 0;
        sharp, the same for the parameters' own error, which `e K` bounds; delta, the largest d,
        `(g - e K) / (g + e K)`, NaN if there is none; falls, 1 if the batch's loss falls over the update that starts
        here, else 0; converged, 1 if the run finished and its training loss ended at no more than the share `left` of
        its start, else 0. In rows of layer 0 (no gate: backprop) only the last two are defined. If g is zero, nothing
        holds.
    """
    whole = stack(histories)
    gated = whole[(whole["layer"] > 0) & whole["quantity"].str.startswith(PREFIX)]
    named = gated.assign(quantity=gated["quantity"].str.removeprefix(PREFIX))
    sides = named.pivot(index=["run", "step", "layer"], columns="quantity", values="value").reindex(columns=QUANTITIES)
    falls = whole[whole["quantity"] == FALLS].rename(columns={"value": "falls"})[["run", "step", "falls"]]
    table = falls.merge(sides.reset_index(), on=["run", "step"], how="left")
    table["layer"] = table["layer"].fillna(0)
    bound, gradient = table["error"] * table["jacobian"], table["gradient"]
    delta = ((gradient - bound) / (gradient + bound)).where(bound < gradient)
    gates = table["layer"] > 0
    table = table.assign(
        bound=bound,
        delta=delta,
        holds=(bound < gradient).astype("float64").where(gates),
        sharp=(table["parameter_error"] < gradient).astype("float64").where(gates),
        converged=table["run"].map(_left(whole) <= left).astype("float64"),
    )
    return table[COLUMNS].astype({name: TYPES.get(name, "float64") for name in COLUMNS})


def _left(whole: pd.DataFrame) -> pd.Series:
    """The share of its starting training loss that each run has left at its end; infinite if it diverged."""
    losses = whole[whole["quantity"] == "train_loss"]
    start = losses[losses["step"] == 0].set_index("run")["value"]
    end = losses[losses["final"]].set_index("run")["value"]
    return (end / start).reindex(whole["run"].unique()).fillna(np.inf)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Shares of the logged steps, by run; a run that diverged counts up to there.

    `bound_share` is the share of steps at which `e K` is less than the norm of the true gradient, at all gates at once.
    `sharp_share` is the same for the parameters' own error. `falls_share` is the share of steps at which the batch's
    loss falls; runs without gates have it too, for comparison.

    `falls_where_bound` is the share of falling losses among the steps that count in `bound_share`. `falls_where_sharp`
    is the same for `sharp_share`, and `falls_elsewhere` for the steps that don't count in `sharp_share`. NaN if there
    are no such steps.

    The sharp form without the start, where an SG is zero and its error is the gradient, at rates at which backprop
    converges: `sharp_share_trained` is the share of the steps after step 0 at which it holds at all gates at once,
    `falls_where_sharp_trained` the share of falling losses among these. `backprop_converges` is the premise: 1 if the
    backprop run of the same seed and setting converged, else 0. Without it, the first two have no value, nor if the
    analysis has no such run.
    """
    if table.empty:
        return {}
    steps = table.groupby(["run", "step"], as_index=False)[["holds", "sharp", "falls"]].min()
    gated = table[table["layer"] > 0]
    found = per_seed(table, _mean(steps, "falls"), "falls_share")
    for name, values in {
        "bound_share": _mean(steps, "holds"),
        "sharp_share": _mean(steps, "sharp"),
        "falls_where_bound": _mean(steps[steps["holds"] == 1], "falls"),
        "falls_where_sharp": _mean(steps[steps["sharp"] == 1], "falls"),
        "falls_elsewhere": _mean(steps[steps["sharp"] == 0], "falls"),
    }.items():
        found |= per_seed(gated, values, name)
    return found | _at_good_rates(gated, table, steps)


def _at_good_rates(gated: pd.DataFrame, table: pd.DataFrame, steps: pd.DataFrame) -> dict[str, list[float]]:
    """The sharp form after the start, for runs whose counterpart by backprop converged, and whether it did."""
    alike = ["seed", "hidden", "varied"]
    runs = table[["run", "method", *alike, "converged"]].drop_duplicates("run")
    plain = runs.loc[runs["method"] == REFERENCE, [*alike, "converged"]].rename(columns={"converged": "premise"})
    premise = runs.merge(plain, on=alike, how="left").set_index("run")["premise"]
    unmet = set(premise.index[premise != 1])
    after = steps[steps["step"] > 0]
    return {
        **per_seed(gated, premise, "backprop_converges"),
        **per_seed(gated, _mean(after, "sharp"), "sharp_share_trained", unmet=unmet),
        **per_seed(gated, _mean(after[after["sharp"] == 1], "falls"), "falls_where_sharp_trained", unmet=unmet),
    }


def _mean(steps: pd.DataFrame, column: str) -> pd.Series:
    return steps.groupby("run")[column].mean()
