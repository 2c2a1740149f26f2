"""Similarity of each layer during training to itself at the end, to see which layers converge first (C16; ours).

After Raghu et al., *SVCCA: singular vector canonical correlation analysis* (2017), section 4.
"""

import numpy as np
import pandas as pd

from pipeline import members
from pipeline.analyses.shared import layer_similarity
from pipeline.analyses.shared.layer_similarity import SAMPLE
from pipeline.metrics.intervals import rank_correlation
from pipeline.metrics.names import per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Distinct

SCOPE = "run"
READS = "activations"
STEPS = "all"
CLAIMS = ("C16",)
COLUMNS = ["measure", "layer", "step", "value", "null_mean", "null_high", "rank_now", "rank_end", "cut", "n"]


def analyse(
    activations: Activations, *, generator: np.random.Generator, measures: Distinct[str], permutations: Count = 3
) -> pd.DataFrame:
    """Compare every hidden layer at every checkpoint with itself at the end, at held-out points (sample `cca`).

    Args:
        activations: of one run, at all its checkpoints.
        generator: draws the orders for the null, the same for all layers, steps and measures.
        measures: names of measures, used with their default settings. A directed one takes its weights from the layer
            at the end.
        permutations: number of orders.

    Returns:
        A row for each measure, layer and step: measure, layer, step, value (at the last step, of the layer with
        itself), null_mean and null_high (mean and maximum over the permutations), rank_now and rank_end (numbers of
        dimensions that the measure uses), cut (relative size up to which a singular value counts as zero), n (points).
        The value is NaN if a layer is constant.
    """
    rows = []
    orders = layer_similarity.orders(len(activations.labels(SAMPLE)), permutations, generator)
    for layer in range(1, activations.layers + 1):
        states = [activations.layer(SAMPLE, layer, step=step) for step in activations.steps]
        for name in measures:
            module = members.load("measures", name)
            prepared = [module.prepare(h) for h in states]
            end = prepared[-1]
            found = layer_similarity.against_chance(module, end, prepared, orders)
            rows += [
                (name, layer, step, *numbers, now.rank, end.rank, max(now.cut, end.cut), now.n)
                for step, numbers, now in zip(activations.steps, found, prepared, strict=True)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The order in which layers converge: rank correlation of a layer's number with its progress, one value per seed.

    -1 means strictly from the bottom up, 1 from the top down. Progress is averaged over the checkpoints between the
    first and the last. In `cca_order` it is the value minus its mean null. In `cca_progress_order` it is the share
    covered of the way from the first value to 1, because layers that start closer to their end have less to cover.
    """
    if table.empty:
        return {}
    found: dict[str, list[float]] = {}
    for measure, part in table.groupby("measure"):
        order, progress = {}, {}
        for run, of_run in part.groupby("run"):
            excess = (
                (of_run["value"] - of_run["null_mean"]).groupby([of_run["layer"], of_run["step"]]).first().unstack()
            )
            value = of_run.pivot(index="layer", columns="step", values="value")
            gone = value.sub(value.iloc[:, 0], axis=0).div(1 - value.iloc[:, 0], axis=0)
            order[run], progress[run] = _trend(excess), _trend(gone)
        for quantity, numbers in (("order", order), ("progress_order", progress)):
            found |= per_seed(part, pd.Series(numbers, dtype=float), f"{measure}_{quantity}")
    return found


def _trend(by_step: pd.DataFrame) -> float:
    """Rank correlation of layers with the mean over all steps but the first and last; NaN without such steps."""
    between = by_step.iloc[:, 1:-1]
    return rank_correlation(by_step.index.to_numpy(np.float64), between.mean(axis=1).to_numpy(np.float64))
