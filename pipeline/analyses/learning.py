"""Learning curves, final losses and accuracies, steps and samples to a given training loss, and the cost of an update.

Departure: what is known of the paper doesn't define "faster". Here it is the restricted mean time to a given loss, as
in survival analysis (Irwin 1949): a run that never reaches the loss counts with all its steps. So it is slower than any
run that does, and is neither left out nor extrapolated.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.names import per_seed
from pipeline.settings_types import DistinctOrNone, Positive

SCOPE = "runs"
READS = "history"
CLAIMS = ("C11", "C12", "C18")
BOUNDS = (("told_apart", "reach"),)
FINAL = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
COST = "update_flops"
SEEN = "samples"
CURVES = (*FINAL, "batch_loss", COST, SEEN)
STEPS_TO, SAMPLES_TO, REACHED = "steps_to_loss_", "samples_to_loss_", "reached_loss_"


def analyse(
    histories: dict[str, pd.DataFrame],
    *,
    generator: np.random.Generator,
    reach: DistinctOrNone[Positive] = (1.0, 0.5, 0.2, 0.1),
) -> pd.DataFrame:
    """Every curve of every run, and the steps and samples to each given training loss.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.
        reach: training losses, in the unit of the loss (nats under log loss).

    Returns:
        Columns run, step, quantity, value, final (the last step of a run that finished). For a curve, `value` is a loss
        or an accuracy (a share in [0, 1]) after `step` updates, or the number of training `samples` seen, with
        repetitions. For `steps_to_loss_<x>`, `value` is the first logged step at which the training loss is x or less,
        NaN if there is none, and `step` is the last logged step; `samples_to_loss_<x>` is the number of samples seen by
        then. For `update_flops`, `value` is the number of operations in all matrix products of the first update; a
        multiplication and an addition are two. The count is that of this implementation, which computes the gradient
        that arrives at a gate even if a method doesn't use it.
    """
    whole = stack(histories)
    curves = whole[(whole["layer"] == 0) & whole["quantity"].isin(CURVES)].drop(columns="layer")
    rows = [row for run, curves_of in curves.groupby("run", sort=False) for row in _times(str(run), curves_of, reach)]
    reached = pd.DataFrame(rows, columns=["run", "step", "quantity", "value", "final"]).astype(curves.dtypes.to_dict())
    return pd.concat([curves, reached], ignore_index=True)


def _times(run: str, curves: pd.DataFrame, reach: Sequence[float]) -> list[tuple[str, int, str, float, bool]]:
    """The rows of one run: steps and samples to each loss."""
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
    """Final losses and accuracies, and steps to given training losses, such as `steps_to_loss_0.5.one_sg.hidden20`.

    The final numbers of a run that diverged are NaN. `update_flops` is the number of operations of an update; a run
    that diverged has it too.

    `steps_to_loss_<x>` and `samples_to_loss_<x>` are the steps and samples until the training loss is x or less. A run
    that never reaches it, or diverges before, counts with all the steps that it was given. `reached_loss_<x>` is 1 for
    a run that reaches the loss, else 0.
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
        given = times["step"].where(times["final"], table["step"].max())  # diverged runs: all planned steps
        steps = times["value"].fillna(given)
        found |= per_seed(table, steps, quantity)
        found |= per_seed(table, steps * batch, f"{SAMPLES_TO}{level}")
        found |= per_seed(table, times["value"].notna().astype(float), f"{REACHED}{level}")
    return found
