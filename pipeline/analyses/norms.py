"""Weight norms by layer: at the start, at the end, and how far training has moved the weights."""

import numpy as np
import pandas as pd

from pipeline.metrics.histories import stack
from pipeline.metrics.intervals import layer_trend
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "history"
CLAIMS = ("C15",)
QUANTITIES = ("norm_start", "norm_end", "distance", "norm_growth", "distance_relative")


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Frobenius norms of the weight matrices, without biases and batch normalisation.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.

    Returns:
        Columns run, layer (1…L hidden, L + 1 output), quantity, value. `norm_start` is |W_0|, `norm_end` |W|,
        `distance` |W - W_0|; `norm_growth` is |W| / |W_0| and `distance_relative` |W - W_0| / |W_0|; these two are
        comparable between layers of different shape and initial scale. NaN for all but `norm_start` in a run that
        diverged.
    """
    whole = stack(histories)
    before = whole["step"] == 0
    wide = pd.DataFrame(
        {
            "norm_start": _by_layer(whole[before], "weight_norm"),
            "norm_end": _by_layer(whole[whole["final"]], "weight_norm"),
            "distance": _by_layer(whole[whole["final"]], "distance_from_start"),
        }
    )
    wide["norm_growth"] = wide["norm_end"] / wide["norm_start"]
    wide["distance_relative"] = wide["distance"] / wide["norm_start"]
    return wide.reset_index().melt(["run", "layer"], list(QUANTITIES), var_name="quantity", value_name="value")


def _by_layer(rows: pd.DataFrame, quantity: str) -> pd.Series:
    return rows[rows["quantity"] == quantity].set_index(["run", "layer"])["value"]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Trends over the hidden layers: Spearman's rank correlation with the layer's number.

    `norm_trend` is the trend of the norm at the end, `growth_trend` that of the norm relative to the start. It is 1 if
    the norm rises from each layer to the next towards the output, and -1 if it falls. The output layer is left out,
    because it has another shape.
    """
    if table.empty:
        return {}
    hidden = table[table["layer"] <= table["hidden"]]
    found: dict[str, list[float]] = {}
    for name, quantity in (("norm_trend", "norm_end"), ("growth_trend", "norm_growth")):
        of_runs = hidden[hidden["quantity"] == quantity].groupby("run")
        trends = {run: layer_trend(part) for run, part in of_runs}
        found |= per_seed(table, pd.Series(trends), name)
    return found
