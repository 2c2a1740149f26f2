"""Agreement of synthetic with true gradients, by layer and during training."""

import numpy as np
import pandas as pd

from pipeline.analyses.shared.curves import peak_time
from pipeline.analyses.shared.peaks import since_peak
from pipeline.metrics.histories import stack
from pipeline.metrics.intervals import layer_trend
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C9", "C10", "C18")
RANGES = {
    "cosine": "correlation",
    "cosine_change": "change",
    "cosine_since_peak": "change",
    "cosine_peak_time": "share",
    "trend_of_mean_cosine": "correlation",
    "norm_ratio": "positive",
}
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
    all records after step 0, which are evenly spaced but for the checkpoints. `cosine_peak_time` is the step of each
    SG's own highest cosine as a share of all steps, as a mean over the gated layers. `cosine_since_peak` is the mean
    cosine over the layers late in training minus that at the peak which the other runs of the same method and setting
    show, see `pipeline.analyses.shared.peaks`. Runs that diverged have no value.
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
    for name, values in (("peak_time", _peak_times(finished)), ("since_peak", _since_peak(finished))):
        found |= per_seed(cosine, values, f"cosine_{name}", diverged=gone)
    return found


def _peak_times(finished: pd.DataFrame) -> pd.Series:
    """By run, when each layer's cosine is highest, as a mean over its layers."""
    times = {at: peak_time(*_curve(part)) for at, part in finished.groupby(["run", "layer"])}
    found = pd.Series(times, dtype=float)
    return found.groupby(level=0).mean() if len(found) else found


def _curve(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    ordered = part.sort_values("step")
    return ordered["step"].to_numpy(np.float64), ordered["value"].to_numpy(np.float64)


def _since_peak(finished: pd.DataFrame) -> pd.Series:
    """By run, the fall of the mean cosine since the peak of the runs with the same method and setting."""
    found = [
        since_peak(part.pivot_table(index="run", columns="step", values="value", aggfunc="mean"))
        for _, part in finished.groupby(["method", "hidden", "varied"])
    ]
    return pd.concat(found) if found else pd.Series(dtype=float)


def _final_means(table: pd.DataFrame, quantity: str, gone: set[str]) -> dict[str, list[float]]:
    rows = table[table["quantity"] == quantity]
    return per_seed(rows, rows[rows["final"]].groupby("run")["value"].mean(), quantity, diverged=gone)


def _change(cosine: pd.DataFrame) -> float:
    """The mean cosine of the second half of training minus that of the first."""
    trained = cosine[cosine["step"] > 0]
    late = trained["step"] > cosine["step"].max() / 2
    return float(trained.loc[late, "value"].mean() - trained.loc[~late, "value"].mean())
