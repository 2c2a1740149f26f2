"""Similarity of each layer during training to itself at the end: which layers converge first (C16; ours).

After Raghu et al., *SVCCA: singular vector canonical correlation analysis* (2017), section 4.
"""

import numpy as np
import pandas as pd

from pipeline import members
from pipeline.analyses.shared import similarity
from pipeline.analyses.shared.similarity import SAMPLE
from pipeline.metrics.intervals import rank_correlation
from pipeline.metrics.names import per_seed
from pipeline.results.activations import Activations

SCOPE = "run"
READS = "activations"
STEPS = "all"
CLAIMS = ("C16",)
COLUMNS = ["measure", "layer", "step", "value", "null_mean", "null_high", "rank_now", "rank_end", "cut", "n"]


def analyse(
    activations: Activations, *, generator: np.random.Generator, measures: list[str], permutations: int = 3
) -> pd.DataFrame:
    """Every hidden layer at every checkpoint against the same layer at the end, at the held-out points of sample `cca`.

    Args:
        activations: of one run, at all its checkpoints.
        generator: for the null, whose orders of the samples are the same for all layers, steps and measures.
        measures: names of members of the family of measures, which work with their default settings. A directed one
            takes its weights from the layer at the end.
        permutations: how many orders are drawn.

    Returns:
        A row for each measure, layer and step: measure, layer, step, value (at the last step of the layer with itself),
        null_mean and null_high (mean and maximum over the permutations), rank_now and rank_end (dimensions that the
        measure sees), cut (relative size up to which a singular value counts as zero), n (points). The value is NaN
        where a layer is constant.
    """
    rows = []
    orders = similarity.orders(len(activations.labels(SAMPLE)), permutations, generator)
    for layer in range(1, activations.layers + 1):
        states = [activations.layer(SAMPLE, layer, step=step) for step in activations.steps]
        for name in measures:
            module = members.load("measures", name)
            prepared = [module.prepare(h) for h in states]
            end = prepared[-1]
            found = similarity.against_chance(module, end, prepared, orders)
            rows += [
                (name, layer, step, *numbers, now.rank, end.rank, max(now.cut, end.cut), now.n)
                for step, numbers, now in zip(activations.steps, found, prepared, strict=True)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """In which order the layers converge: rank correlation of a layer's number with how far it is, one number per seed.

    How far a layer is, is averaged over the checkpoints between the first and the last. `cca_order` takes the value
    minus its mean null; `cca_progress_order` the share of the way from the first value to 1 that has been gone, for
    layers that begin nearer to where they end have less to go. -1: strictly from the bottom up; 1: from the top down.
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
    """Rank correlation over layers with the mean over the steps but the first and the last; NaN without such steps."""
    between = by_step.iloc[:, 1:-1]
    return rank_correlation(by_step.index.to_numpy(np.float64), between.mean(axis=1).to_numpy(np.float64))
