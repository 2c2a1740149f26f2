"""Learning curves, final losses and accuracies, times to given training losses, and the cost of an update.

Departure: what is known of the paper doesn't define "faster". Here it is the restricted mean time to a given loss, as
in survival analysis (Irwin 1949): a run that never reaches the loss counts with all its steps. So it is slower than any
run that does, and is neither left out nor extrapolated. Its value says that it is censored.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline.analyses.shared.curves import first_crossing, late_slope
from pipeline.metrics.histories import stack
from pipeline.metrics.names import against, per_seed
from pipeline.settings_types import DistinctOrNone, Positive, Share

SCOPE = "runs"
READS = "history"
CLAIMS = ("C11", "C12", "C18")
BOUNDS = (("told_apart", "reach"), ("told_apart", "accuracies"))
RANGES = {
    "train_accuracy": "share",
    "validation_accuracy": "share",
    "test_accuracy": "share",
    "train_loss": "positive",
    "validation_loss": "positive",
    "test_loss": "positive",
    "update_flops": "positive",
    "steps_to_loss_": "positive",
    "samples_to_loss_": "positive",
    "time_to_": "positive",
    "reached_": "share",
    "versus_backprop_train_accuracy": "share_change",
    "versus_backprop_validation_accuracy": "share_change",
    "versus_backprop_test_accuracy": "share_change",
}
FINAL = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
COST = "update_flops"
SEEN = "samples"
CURVES = (*FINAL, "batch_loss", COST, SEEN)
STEPS_TO, SAMPLES_TO, REACHED = "steps_to_loss_", "samples_to_loss_", "reached_loss_"
TIME_TO, TIME_TO_ACCURACY, TIME_TO_ALL = "time_to_loss_", "time_to_accuracy_", "time_to_losses"
SOONEST = 1.0  # steps: a time counts as one update at least, so that ratios are defined
SLOPE = "late_slope"


def analyse(
    histories: dict[str, pd.DataFrame],
    *,
    generator: np.random.Generator,
    reach: DistinctOrNone[Positive] = (1.0, 0.5, 0.2, 0.1, 0.05),
    accuracies: DistinctOrNone[Share] = (0.9,),
) -> pd.DataFrame:
    """Every curve of every run, and the steps and samples to each given training loss.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.
        reach: training losses, in the unit of the loss (nats under log loss).
        accuracies: training accuracies, as shares.

    Returns:
        Columns run, step, quantity, value, final (the last step of a run that finished). For a curve, `value` is a loss
        or an accuracy (a share in [0, 1]) after `step` updates, or the number of training `samples` seen, with
        repetitions. For `steps_to_loss_<x>`, `value` is the first logged step at which the training loss is x or less,
        NaN if there is none, and `step` is the last logged step; `samples_to_loss_<x>` is the number of samples seen by
        then. For `time_to_loss_<x>`, it is the time in steps at which the loss comes down to x, interpolated linearly
        in the logarithm of the loss between two records; for `time_to_accuracy_<a>`, at which the training accuracy
        comes up to a, interpolated linearly; both are one update at least. For `late_slope`, it is the least-squares
        slope of the natural logarithm of the training loss over the last fifth of the training, per 1,000 updates, and
        NaN if the run diverged or has fewer than two records there. For `update_flops`, `value` is the number of
        operations in all matrix products of the first update; a multiplication and an addition are two. The count is
        that of this implementation, which computes the gradient that arrives at a gate even if a method doesn't use it.
    """
    whole = stack(histories)
    curves = whole[(whole["layer"] == 0) & whole["quantity"].isin(CURVES)].drop(columns="layer")
    rows = [
        row
        for run, curves_of in curves.groupby("run", sort=False)
        for row in _times(str(run), curves_of, reach, accuracies)
    ]
    reached = pd.DataFrame(rows, columns=["run", "step", "quantity", "value", "final"]).astype(curves.dtypes.to_dict())
    return pd.concat([curves, reached], ignore_index=True)


def _times(
    run: str, curves: pd.DataFrame, reach: Sequence[float], accuracies: Sequence[float]
) -> list[tuple[str, int, str, float, bool]]:
    """The rows of one run: steps, samples and times to each loss, times to each accuracy, the slope at the end."""
    losses = curves[curves["quantity"] == "train_loss"].sort_values("step")
    if losses.empty:
        return []
    seen = curves[curves["quantity"] == SEEN].set_index("step")["value"]
    looked, final = int(losses["step"].max()), bool(losses["final"].any())
    steps, values = losses["step"].to_numpy(np.float64), losses["value"].to_numpy(np.float64)
    logs = np.log(values, out=np.full_like(values, -np.inf), where=values > 0)
    found: dict[str, float] = {}
    for level in reach:
        step = float(losses.loc[losses["value"] <= level, "step"].min())  # of none: NaN
        found[f"{STEPS_TO}{level:g}"] = step
        found[f"{SAMPLES_TO}{level:g}"] = float(seen.get(step, np.nan))
        found[f"{TIME_TO}{level:g}"] = _time(steps, -logs, -math.log(level))
    right = curves[curves["quantity"] == "train_accuracy"].sort_values("step")[["step", "value"]].to_numpy(np.float64)
    for share in accuracies:
        found[f"{TIME_TO_ACCURACY}{share:g}"] = _time(right[:, 0], right[:, 1], float(share))
    found[SLOPE] = late_slope(steps, logs) if final else np.nan
    return [(run, looked, quantity, value, final) for quantity, value in found.items()]


def _time(steps: Float[ndarray, " n"], values: Float[ndarray, " n"], level: float) -> float:
    """The time at which a curve first rises to a level, one update at least; NaN if it doesn't."""
    return float(np.maximum(SOONEST, first_crossing(steps, values, level)))


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Final losses and accuracies, and times to given training losses, such as `time_to_loss_0.5.one_sg.hidden20`.

    The final numbers of a run that diverged are NaN. `update_flops` is the number of operations of an update; a run
    that diverged has it too.

    `time_to_loss_<x>` is the time in steps until the training loss is x, interpolated between records, and
    `time_to_accuracy_<a>` that until the training accuracy is a. `steps_to_loss_<x>` and `samples_to_loss_<x>` are the
    steps and samples until the first record at which the training loss is x or less. A run that never reaches it, or
    diverges before, counts with all the steps that it was given, so that the mean is the restricted mean time.
    `reached_loss_<x>` and `reached_accuracy_<a>` are 1 for a run that reaches it, else 0. `time_to_losses` is the
    geometric mean of a run's times over all given losses, reached or not.

    `late_slope` is the slope of the logarithm of the training loss over the last fifth of the training, per 1,000
    updates: below 0 if the loss still falls, and -0.1 if it falls by about a tenth.

    `versus_backprop_<number>` is the difference of a method to backprop, paired by seed, of final numbers and times.
    """
    if table.empty:
        return {}
    ended = table.groupby("run")["final"].any()
    gone = set(ended.index[~ended])
    at_end = table[table["final"] | table["quantity"].str.startswith(COST)]
    found: dict[str, list[float]] = {}
    for quantity in (*FINAL, COST, SLOPE):
        values = at_end[at_end["quantity"] == quantity].set_index("run")["value"]
        found |= per_seed(table, values, quantity, diverged=set() if quantity == COST else gone)
        if quantity in FINAL:
            found |= against(table, values, quantity, diverged=gone)
    return found | _restricted(table, gone) | _together(table, gone)


def _restricted(table: pd.DataFrame, gone: set[str]) -> dict[str, list[float]]:
    """Restricted times, and which runs reached what they are about."""
    found: dict[str, list[float]] = {}
    seen = table[(table["quantity"] == SEEN) & (table["step"] > 0)].groupby("run").last()
    batch = seen["value"] / seen["step"]
    for quantity in table["quantity"].unique():
        if not str(quantity).startswith((STEPS_TO, TIME_TO, TIME_TO_ACCURACY)):
            continue
        times = table[table["quantity"] == quantity].set_index("run")
        steps, never = _filled(times, table), set(times.index[times["value"].isna()])
        lost, censored = never & gone, never - gone
        found |= per_seed(table, steps, quantity, diverged=lost, censored=censored)
        if quantity.startswith(STEPS_TO):
            samples = quantity.replace(STEPS_TO, SAMPLES_TO)
            found |= per_seed(table, steps * batch, samples, diverged=lost, censored=censored)
        else:
            reached = quantity.replace("time_to_", "reached_")
            found |= per_seed(table, times["value"].notna().astype(float), reached)
            found |= against(table, steps, quantity, diverged=lost, censored=censored)
    return found


def _together(table: pd.DataFrame, gone: set[str]) -> dict[str, list[float]]:
    """The geometric mean of the restricted times to all losses."""
    times = table[table["quantity"].str.startswith(TIME_TO)]
    if times.empty:
        return {}
    logs = times.assign(value=np.log(_filled(times, table))).groupby("run")["value"].mean()
    never = set(times.loc[times["value"].isna(), "run"])
    lost, censored = never & gone, never - gone
    return per_seed(table, logs.map(np.exp), TIME_TO_ALL, diverged=lost, censored=censored)


def _filled(times: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Times of which those that are never reached count with all the steps that the run was given."""
    given = times["step"].where(times["final"], table["step"].max())  # diverged runs: all planned steps
    return times["value"].fillna(given.clip(lower=SOONEST))
