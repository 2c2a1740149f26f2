"""Learning curves, final losses and accuracies, how many steps a training loss takes, and what an update costs."""

import numpy as np
import pandas as pd

from pipeline.histories import stack
from pipeline.naming import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C11", "C12", "C18")
FINAL = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
COST = "update_flops"
CURVES = (*FINAL, "batch_loss", COST)
STEPS_TO = "steps_to_loss_"


def analyse(
    histories: dict[str, pd.DataFrame],
    *,
    generator: np.random.Generator,
    reach: list[float] | tuple[float, ...] = (1.0, 0.5, 0.2, 0.1),
) -> pd.DataFrame:
    """Every curve of every run, and the steps that each stated training loss takes.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.
        reach: training losses, in the unit of the loss (nats under log loss).

    Returns:
        Columns run, step, quantity, value, final (the last step of a run that finished). For a curve, `value` is a loss
        or an accuracy (a share in [0, 1]) after `step` updates. For `steps_to_loss_<x>`, `value` is the first logged
        step at which the training loss is x or less, NaN if there is none, and `step` how far was looked. For
        `update_flops`, `value` is the number of operations in the matrix products of the first update, everything that
        the method learns included; a multiplication and an addition are two. They are those of this implementation: the
        gradient that arrives at a gate is computed even where a method makes no use of it.
    """
    whole = stack(histories)
    curves = whole[(whole["layer"] == 0) & whole["quantity"].isin(CURVES)].drop(columns="layer")
    losses = curves[curves["quantity"] == "train_loss"]
    rows = [
        (run, losses_of["step"].max(), f"{STEPS_TO}{level:g}", _first(losses_of, level), losses_of["final"].any())
        for run, losses_of in losses.groupby("run", sort=False)
        for level in reach
    ]
    reached = pd.DataFrame(rows, columns=["run", "step", "quantity", "value", "final"]).astype(curves.dtypes.to_dict())
    return pd.concat([curves, reached], ignore_index=True)


def _first(losses: pd.DataFrame, level: float) -> float:
    return float(losses.loc[losses["value"] <= level, "step"].min())  # of none: NaN


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Final losses and accuracies, and steps to stated training losses, such as `steps_to_loss_0.5.one_sg.hidden20`.

    `update_flops` are the operations of an update, which a run that diverged has as well.

    A run that diverged has NaN for its final numbers; one that never reaches a loss has NaN for the steps to it, so
    that their mean is over those seeds only that do: n says how many.
    """
    if table.empty:
        return {}
    at_end = table[table["final"] | table["quantity"].str.startswith((STEPS_TO, COST))]
    found: dict[str, list[float]] = {}
    for quantity in [*FINAL, COST, *table.loc[table["quantity"].str.startswith(STEPS_TO), "quantity"].unique()]:
        values = at_end[at_end["quantity"] == quantity].set_index("run")["value"]
        found |= per_seed(table, values, quantity)
    return found
