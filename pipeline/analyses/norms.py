"""Weight norms by layer: at the start, at the end, and how far training has moved the weights.

C15 says that norms rise slowly towards the output with backprop, and fall from the bottom with SG. A single SG divides
a network in two, and a trend over all layers mixes what happens within the blocks with the step between them: it may
fall where both blocks rise (Simpson's paradox). So both blocks and the step have their own numbers.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline.analyses.shared.cut import cut_layer
from pipeline.metrics.histories import stack
from pipeline.metrics.intervals import layer_trend
from pipeline.metrics.names import per_seed
from pipeline.settings_types import Natural

SCOPE = "runs"
READS = "history"
CLAIMS = ("C15",)
RANGES = {
    "norm_trend": "correlation",
    "growth_trend": "correlation",
    "distance_trend": "correlation",
}
QUANTITIES = ("norm_start", "norm_end", "distance", "norm_growth", "distance_relative")
BY_BLOCK = {"norm": "norm_end", "growth": "norm_growth", "distance": "distance_relative"}  # numbers by their quantity


def analyse(histories: dict[str, pd.DataFrame], *, generator: np.random.Generator, cut: Natural = 0) -> pd.DataFrame:
    """Frobenius norms of the weight matrices, without biases and batch normalisation.

    Args:
        histories: by run name.
        generator: not used; nothing here is random.
        cut: the last layer of the lower block; 0 for the middle layer.

    Returns:
        Columns run, layer (1…L hidden, L + 1 output), quantity, value. With layer 0: `cut`. `norm_start` is |W_0|,
        `norm_end` |W|, `distance` |W - W_0|; `norm_growth` is |W| / |W_0| and `distance_relative` |W - W_0| / |W_0|;
        these two are comparable between layers of different shape and initial scale. NaN for all but `norm_start` in a
        run that diverged.
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
    table = wide.reset_index().melt(["run", "layer"], list(QUANTITIES), var_name="quantity", value_name="value")
    cuts = [
        (run, 0, "cut", float(cut_layer(top - 1, given=cut)))
        for run, top in table.groupby("run")["layer"].max().items()
    ]
    return pd.concat([table, pd.DataFrame(cuts, columns=list(table)).astype(table.dtypes)], ignore_index=True)


def _by_layer(rows: pd.DataFrame, quantity: str) -> pd.Series:
    return rows[rows["quantity"] == quantity].set_index(["run", "layer"])["value"]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Trends over the hidden layers: Spearman's rank correlation with the layer's number.

    `norm_trend` is the trend of the norm at the end, `growth_trend` that of the norm relative to the start. It is 1 if
    the norm rises from each layer to the next towards the output, and -1 if it falls. The output layer is left out,
    because it has another shape.

    By block, for `norm`, `growth` (the norm relative to the start) and `distance` (of the weights from their start,
    relative to their norm there): `<name>_slope_below` and `_slope_above` are least-squares slopes over the hidden
    layers up to the cut and above it, per layer; `_trend_below` and `_trend_above` are rank correlations with the
    layer's number, and `_trend_within` is the mean of the two. `<name>_step` is the step at the cut: how far the line
    through the upper block lies above the one through the lower block, both at the cut, half a layer above its layer.
    `log_<name>_drop` needs no lines: it is the natural logarithm of the ratio of the last layer below the cut to the
    first above it, above 0 if the quantity falls there. Slopes take two layers in their blocks, else they are
    undefined. A run that diverged has no value.
    """
    if table.empty:
        return {}
    gone = _diverged(table)
    hidden = table[(table["layer"] > 0) & (table["layer"] <= table["hidden"])]
    found: dict[str, list[float]] = {}
    for name, quantity in (("norm_trend", "norm_end"), ("growth_trend", "norm_growth")):
        of_runs = hidden[hidden["quantity"] == quantity].groupby("run")
        trends = {run: layer_trend(part) for run, part in of_runs}
        found |= per_seed(table, pd.Series(trends), name, diverged=gone)
    cuts = table[table["quantity"] == "cut"].set_index("run")["value"]
    for name, quantity in BY_BLOCK.items():
        of_runs = hidden[hidden["quantity"] == quantity].groupby("run")
        numbers = pd.DataFrame({run: _by_block(part, float(cuts[run])) for run, part in of_runs if run in cuts.index})
        for number, values in numbers.iterrows():
            found |= per_seed(table, values, str(number).format(name=name), diverged=gone)
    return found


def _diverged(table: pd.DataFrame) -> set[str]:
    """The runs without a norm at the end."""
    ends = table[table["quantity"] == "norm_end"]
    return set(ends["run"]) - set(ends.loc[ends["value"].notna(), "run"])


def _by_block(rows: pd.DataFrame, cut: float) -> dict[str, float]:
    """Slopes and trends of the blocks below and above a cut, and what lies between them, by `{name}`'s numbers."""
    found, at_cut, trends = {}, {}, {}
    for block, part in (("below", rows[rows["layer"] <= cut]), ("above", rows[rows["layer"] > cut])):
        layer, value = part["layer"].to_numpy(np.float64), part["value"].to_numpy(np.float64)
        slope, at_cut[block] = line(layer, value, at=cut + 0.5)
        trends[block] = layer_trend(part)
        found |= {f"{{name}}_slope_{block}": slope, f"{{name}}_trend_{block}": trends[block]}
    ends = rows.set_index("layer")["value"]
    with np.errstate(divide="ignore"):  # a layer that nothing reaches hasn't moved, and its drop is infinite
        drop = float(np.log(ends.get(cut, np.nan) / ends.get(cut + 1, np.nan)))
    return found | {
        "{name}_trend_within": (trends["below"] + trends["above"]) / 2,
        "{name}_step": at_cut["above"] - at_cut["below"],
        "log_{name}_drop": drop,
    }


def line(x: Float[ndarray, " n"], y: Float[ndarray, " n"], *, at: float) -> tuple[float, float]:
    """The least-squares line's slope and its height at a place; NaN with fewer than two points, or a value missing."""
    if len(x) < 2 or not np.isfinite(y).all():
        return np.nan, np.nan
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    return slope, float(y.mean() + slope * (at - x.mean()))
