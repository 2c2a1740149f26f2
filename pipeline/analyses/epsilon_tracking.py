"""Do synthetic gradients meet the study's condition for convergence, and does the loss fall where they do?

The statement, as the field recalls it: if at every step `e K <= g (1 - d) / (1 + d)` for one d in (0, 1), training
converges to a solution of the original problem. Here e is the SG's error, K the norm of the Jacobian of its layer in
the parameters below, and g the norm of their true gradient. Both sides are measured along real trainings.

Departure: the trainings use Adam and fresh batches, the statement speaks of plain gradient descent on one loss. So a
loss that rises over an update need not be the SG's fault; trainings without SGs say how often it does anyway.
"""

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C7",)
QUANTITIES = ["error", "jacobian", "gradient", "parameter_error", "cosine"]
PREFIX, FALLS = "tracking_", "tracking_falls"
COLUMNS = ["run", "step", "layer", *QUANTITIES, "bound", "holds", "sharp", "delta", "falls"]
TYPES = {"run": "str", "step": "int64", "layer": "int64"}


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Both sides of the inequality, by run, logged step and gate.

    Args:
        histories: by run name. A run that did not log its tracking has no rows; one without gates has rows of layer 0.
        generator: not used; nothing here is random.

    Returns:
        Columns run, step, layer; error (e), jacobian (K), gradient (g), parameter_error and cosine as in
        `pipeline.epsilon.track`; bound, that is `e K`; holds, 1 if `e K < g`, so that there is a d, else 0; sharp, the
        same of the parameters' own error, which `e K` bounds; delta, the largest d, `(g - e K) / (g + e K)`, NaN where
        there is none; falls, 1 if the loss of that batch falls over the update that starts here, else 0. In rows of
        layer 0 (no gate: backprop) all but falls are NaN. Where g is zero nothing holds: there is nothing to track.
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
        bound=bound, delta=delta,
        holds=(bound < gradient).astype("float64").where(gates),
        sharp=(table["parameter_error"] < gradient).astype("float64").where(gates),
    )  # fmt: skip
    return table[COLUMNS].astype({name: TYPES.get(name, "float64") for name in COLUMNS})


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Shares of the logged steps, by run; those of a run that diverged count as far as it came.

    `bound_share` and `sharp_share`: at every gate at once, `e K`, or the parameters' own error, is less than the true
    gradient. `falls_share`: the batch's loss falls; runs without gates have it too, as a measure. `falls_where_bound`,
    `falls_where_sharp` and `falls_elsewhere`: the same of the steps at which the one, the other, and not even the other
    holds; NaN if there are none.
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
    return found


def _mean(steps: pd.DataFrame, column: str) -> pd.Series:
    return steps.groupby("run")[column].mean()
