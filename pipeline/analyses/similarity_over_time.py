"""Similarity of each layer during training to itself at the end, to see which layers converge first (C16; ours).

After Raghu et al., *SVCCA: singular vector canonical correlation analysis* (2017), section 4.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline import members
from pipeline.analyses.shared import layer_similarity
from pipeline.analyses.shared.layer_similarity import SAMPLE
from pipeline.metrics.by_seed import DIVERGED
from pipeline.metrics.intervals import rank_correlation
from pipeline.metrics.names import per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Distinct

SCOPE = "run"
READS = "activations"
STEPS = "all"
CLAIMS = ("C16",)
RANGES = {"*_order": "correlation"}
COLUMNS = {
    **{"measure": "str", "layer": "int64", "step": "int64"},
    **{"value": "float64", "null_mean": "float64", "null_high": "float64"},
    **{"rank_now": "int64", "rank_end": "int64", "cut": "float64", "n": "int64"},
}
HALFWAY = 0.5  # share of the way from the first state to the end at which a layer counts as halfway
UNMOVED = 1e-9  # a layer this close to its end before training has no way to go


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
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The order in which layers converge: rank correlation of a layer's number with its progress, one value per seed.

    -1 means strictly from the bottom up, 1 from the top down. Progress is averaged over the checkpoints between the
    first and the last. In `cca_order` it is the value minus its mean null. In `cca_progress_order` it is the share
    covered of the way from the first value to 1, because layers that start closer to their end have less to cover.

    `cca_halfway_order` is the rank correlation of a layer's number with the time at which it has covered half of that
    way, between checkpoints interpolated linearly in the logarithm of the step plus one. **Its sign is the other one**:
    1 means strictly from the bottom up, since a higher layer takes longer. A layer that training doesn't move is left
    out. A run that diverged has no value.
    """
    if table.empty:
        return {}
    runs, gone = table, set(table.loc[table["measure"] == DIVERGED, "run"])
    found: dict[str, list[float]] = {}
    for measure, part in table[table["measure"] != DIVERGED].groupby("measure"):
        order, progress, halfway = {}, {}, {}
        for run, of_run in part.groupby("run"):
            excess = (
                (of_run["value"] - of_run["null_mean"]).groupby([of_run["layer"], of_run["step"]]).first().unstack()
            )
            value = of_run.pivot(index="layer", columns="step", values="value")
            way = 1 - value.iloc[:, 0]
            covered = value.sub(value.iloc[:, 0], axis=0).div(way.where(way > UNMOVED), axis=0)
            order[run], progress[run], halfway[run] = _trend(excess), _trend(covered), _halfway_trend(covered)
        for quantity, numbers in (("order", order), ("progress_order", progress), ("halfway_order", halfway)):
            found |= per_seed(runs, pd.Series(numbers, dtype=float), f"{measure}_{quantity}", diverged=gone)
    return found


def time_to(share: float, steps: Float[ndarray, " steps"], covered: Float[ndarray, " steps"]) -> float:
    """The first time at which a share of the way is covered; linear in log(step + 1) between two steps.

    NaN if it never is, or if no way is defined.
    """
    reached = np.flatnonzero(covered >= share)
    if not len(reached):
        return np.nan
    after = reached[0]
    if after == 0:
        return float(steps[0])
    before = after - 1
    part = (share - covered[before]) / (covered[after] - covered[before])
    logs = np.log1p(steps)
    return float(np.expm1(logs[before] + part * (logs[after] - logs[before])))


def _halfway_trend(covered: pd.DataFrame) -> float:
    """Rank correlation of layers with the time at which they are halfway; NaN without a step between first and last."""
    if covered.shape[1] <= 2:
        return np.nan
    steps = covered.columns.to_numpy(np.float64)
    times = np.array([time_to(HALFWAY, steps, row) for row in covered.to_numpy(np.float64)])
    return rank_correlation(covered.index.to_numpy(np.float64), times)


def _trend(by_step: pd.DataFrame) -> float:
    """Rank correlation of layers with the mean over all steps but the first and last; NaN without such steps."""
    between = by_step.iloc[:, 1:-1]
    return rank_correlation(by_step.index.to_numpy(np.float64), between.mean(axis=1).to_numpy(np.float64))
