"""Learning curves, final losses and accuracies, how many steps and samples a training loss takes, and an update's cost.

Departure: "faster" is not defined in what is known of the study. Here it is the restricted mean time to a stated loss,
as in the analysis of survival (Irwin 1949): a run that never reaches it counts with all the steps it was given, so that
it is slower than any run that does, and neither left out nor guessed at.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C11", "C12", "C18")
FINAL = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
COST = "update_flops"
SEEN = "samples"
CURVES = (*FINAL, "batch_loss", COST, SEEN)
STEPS_TO, SAMPLES_TO, REACHED = "steps_to_loss_", "samples_to_loss_", "reached_loss_"


def analyse(
    histories: dict[str, pd.DataFrame],
    *,
    generator: np.random.Generator,
    reach: list[float] | tuple[float, ...] = (1.0, 0.5, 0.2, 0.1),
) -> pd.DataFrame:
    """Every curve of every run, and the steps and samples that each stated training loss takes.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.
        reach: training losses, in the unit of the loss (nats under log loss).

    Returns:
        Columns run, step, quantity, value, final (the last step of a run that finished). For a curve, `value` is a loss
        or an accuracy (a share in [0, 1]) after `step` updates, or the training `samples` seen, repeated ones included.
        For `steps_to_loss_<x>`, `value` is the first logged step at which the training loss is x or less, NaN if there
        is none, and `step` how far was looked; `samples_to_loss_<x>` has the samples seen by then. For `update_flops`,
        `value` is the number of operations in the matrix products of the first update, everything that the method
        learns included; a multiplication and an addition are two. They are those of this implementation: the gradient
        that arrives at a gate is computed even where a method makes no use of it.
    """
    whole = stack(histories)
    curves = whole[(whole["layer"] == 0) & whole["quantity"].isin(CURVES)].drop(columns="layer")
    rows = [row for run, curves_of in curves.groupby("run", sort=False) for row in _times(str(run), curves_of, reach)]
    reached = pd.DataFrame(rows, columns=["run", "step", "quantity", "value", "final"]).astype(curves.dtypes.to_dict())
    return pd.concat([curves, reached], ignore_index=True)


def _times(run: str, curves: pd.DataFrame, reach: Sequence[float]) -> list[tuple[str, int, str, float, bool]]:
    """A run's steps and samples to each loss."""
    losses = curves[curves["quantity"] == "train_loss"]
    if losses.empty:
        return []
    seen = curves[curves["quantity"] == SEEN].set_index("step")["value"]
    looked, final = int(losses["step"].max()), bool(losses["final"].any())
    rows = []
    for level in reach:
        step = float(losses.loc[losses["value"] <= level, "step"].min())  # of none: NaN
        rows.append((run, looked, f"{STEPS_TO}{level:g}", step, final))
        rows.append((run, looked, f"{SAMPLES_TO}{level:g}", float(seen.get(step, np.nan)), final))
    return rows


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Final losses and accuracies, and steps to stated training losses, such as `steps_to_loss_0.5.one_sg.hidden20`.

    `update_flops` are the operations of an update, which a run that diverged has as well. A run that diverged has NaN
    for its final numbers.

    `steps_to_loss_<x>` and `samples_to_loss_<x>` are restricted to the steps that the runs were given: one that never
    reaches the loss, or diverges before, counts with all of them. `reached_loss_<x>` is 1 for a run that reaches it.
    """
    if table.empty:
        return {}
    at_end = table[table["final"] | table["quantity"].str.startswith(COST)]
    found: dict[str, list[float]] = {}
    for quantity in (*FINAL, COST):
        values = at_end[at_end["quantity"] == quantity].set_index("run")["value"]
        found |= per_seed(table, values, quantity)
    seen = table[(table["quantity"] == SEEN) & (table["step"] > 0)].groupby("run").last()
    batch = seen["value"] / seen["step"]
    for quantity in table.loc[table["quantity"].str.startswith(STEPS_TO), "quantity"].unique():
        level = quantity.removeprefix(STEPS_TO)
        times = table[table["quantity"] == quantity].set_index("run")
        given = times["step"].where(times["final"], table["step"].max())  # a run that diverged was to go on
        steps = times["value"].fillna(given)
        found |= per_seed(table, steps, quantity)
        found |= per_seed(table, steps * batch, f"{SAMPLES_TO}{level}")
        found |= per_seed(table, times["value"].notna().astype(float), f"{REACHED}{level}")
    return found
