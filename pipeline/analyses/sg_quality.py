"""How good the synthetic gradients are: by layer, along training."""

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.intervals import rank_correlation
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C9", "C18")
QUANTITIES = ("cosine", "norm_ratio", "sg_loss")


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """What was logged of each gate's estimate against the true end-to-end gradient over the diagnostic batch.

    Args:
        histories: by run name. A run without gates (backprop) has no rows.
        generator: not used; nothing here is random.

    Returns:
        Columns run, step, layer, quantity, value, final (the last step of a run that finished). `cosine` in [-1, 1]
        and negative where the estimate points against the truth; `norm_ratio` is |estimate| / |true|, 1 at best;
        `sg_loss` is the squared error per sample against the gate's own target, which below another gate is the
        bootstrapped one.
    """
    whole = stack(histories)
    return whole[whole["quantity"].isin(QUANTITIES) & (whole["layer"] > 0)].reset_index(drop=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Headline numbers of each method with gates.

    `cosine` and `norm_ratio` are means over the gated layers at the end. `cosine_trend` is Spearman's rank correlation
    of the final cosine with the layer's number, of runs with several gates: 1 if the estimate is the better the nearer
    the layer is to the loss. `cosine_change` is the mean cosine in the second half of training less that in the first,
    where step 0 is left out: negative if the estimates get worse.
    """
    if table.empty:
        return {}
    cosine = table[table["quantity"] == "cosine"]
    several = cosine.groupby("run")["layer"].transform("nunique") > 1
    finished = cosine[cosine.groupby("run")["final"].transform("any")]
    trends = {
        run: rank_correlation(*part[["layer", "value"]].to_numpy(np.float64).T)
        for run, part in finished[finished["final"]].groupby("run")
    }
    changes = {run: _change(part) for run, part in finished.groupby("run")}
    return {
        **_final_means(table, "cosine"),
        **_final_means(table, "norm_ratio"),
        **per_seed(cosine[several], pd.Series(trends), "cosine_trend"),
        **per_seed(cosine, pd.Series(changes), "cosine_change"),
    }


def _final_means(table: pd.DataFrame, quantity: str) -> dict[str, list[float]]:
    rows = table[table["quantity"] == quantity]
    return per_seed(rows, rows[rows["final"]].groupby("run")["value"].mean(), quantity)


def _change(cosine: pd.DataFrame) -> float:
    """Second half less first half."""
    trained = cosine[cosine["step"] > 0]
    late = trained["step"] > cosine["step"].max() / 2
    return float(trained.loc[late, "value"].mean() - trained.loc[~late, "value"].mean())
