"""Agreement of synthetic with true gradients, by layer and during training."""

import numpy as np
import pandas as pd

from pipeline.analyses.shared.curves import PEAK, peak
from pipeline.metrics.histories import stack
from pipeline.metrics.intervals import layer_trend
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C9", "C10", "C18")
QUANTITIES = ("cosine", "norm_ratio", "sg_loss")


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Logged comparisons of each gate's estimate with the true end-to-end gradient on the diagnostic batch.

    Args:
        histories: by run name. A run without gates (backprop) has no rows.
        generator: not used; nothing here is random.

    Returns:
        Columns run, step, layer, quantity, value, final (the last step of a run that finished). `cosine` is in
        [-1, 1], and negative if the estimate points away from the true gradient. `norm_ratio` is |estimate| / |true|,
        at best 1. `sg_loss` is the squared error per sample from the gate's own target, which is bootstrapped if there
        is another gate above.
    """
    whole = stack(histories)
    return whole[whole["quantity"].isin(QUANTITIES) & (whole["layer"] > 0)].reset_index(drop=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Agreement of each method's estimates with the true gradients.

    `cosine` and `norm_ratio` are means over the gated layers at the end of training. `cosine_trend` is Spearman's rank
    correlation of the final cosine with the layer's number, for runs with several gates: 1 if the cosine rises with
    each layer towards the loss. `cosine_change` is the mean cosine in the second half of training minus that in the
    first half, without step 0: negative if the estimates get worse.

    `trend_of_mean_cosine` is the rank correlation of the layer's number with the cosine averaged over training: over
    all records after step 0, which are evenly spaced but for the checkpoints. From an SG's own best record onwards, as
    means over the gated layers: `cosine_peak_time` is the step of the highest cosine as a share of all steps,
    `cosine_decay` the mean over the last fifth of training minus the highest cosine (its sign shows nothing, as the
    highest is picked), and `cosine_slope_after_peak` the rank correlation of cosine and step after the peak, which is
    undefined if the cosine is still highest close to the end. Runs that diverged have no value.
    """
    if table.empty:
        return {}
    cosine = table[table["quantity"] == "cosine"]
    several = cosine.groupby("run")["layer"].transform("nunique") > 1
    finished = cosine[cosine.groupby("run")["final"].transform("any")]
    trends = {run: layer_trend(part) for run, part in finished[finished["final"]].groupby("run")}
    changes = {run: _change(part) for run, part in finished.groupby("run")}
    averages = finished[finished["step"] > 0].groupby(["run", "layer"])["value"].mean().reset_index()
    overall = {run: layer_trend(pd.DataFrame(part)) for run, part in averages.groupby("run")}
    gone = set(cosine["run"]) - set(finished["run"])
    found = {
        **_final_means(table, "cosine", gone),
        **_final_means(table, "norm_ratio", gone),
        **per_seed(cosine[several], pd.Series(trends), "cosine_trend", diverged=gone),
        **per_seed(cosine[several], pd.Series(overall), "trend_of_mean_cosine", diverged=gone),
        **per_seed(cosine, pd.Series(changes), "cosine_change", diverged=gone),
    }
    for name, values in _peaks(finished).items():
        found |= per_seed(cosine, values, f"cosine_{name}", diverged=gone)
    return found


def _peaks(finished: pd.DataFrame) -> pd.DataFrame:
    """What `peak` tells of each layer's cosine, averaged over a run's layers; a row for each run."""
    rows = []
    for (run, _), part in finished.groupby(["run", "layer"]):
        curve = part.sort_values("step")[["step", "value"]].to_numpy(np.float64)
        rows.append({"run": run, **peak(curve[:, 0], curve[:, 1])})
    return pd.DataFrame(rows, columns=["run", *PEAK]).groupby("run")[list(PEAK)].mean()


def _final_means(table: pd.DataFrame, quantity: str, gone: set[str]) -> dict[str, list[float]]:
    rows = table[table["quantity"] == quantity]
    return per_seed(rows, rows[rows["final"]].groupby("run")["value"].mean(), quantity, diverged=gone)


def _change(cosine: pd.DataFrame) -> float:
    """The mean cosine of the second half of training minus that of the first."""
    trained = cosine[cosine["step"] > 0]
    late = trained["step"] > cosine["step"].max() / 2
    return float(trained.loc[late, "value"].mean() - trained.loc[~late, "value"].mean())
