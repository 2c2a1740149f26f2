"""Similarity of all pairs of layers of two networks at the end of training, with its chance level (C16; ours)."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline import members
from pipeline.analyses.shared import layer_similarity
from pipeline.analyses.shared.layer_similarity import SAMPLE
from pipeline.measures.shared import factors
from pipeline.metrics.names import metric
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Distinct

KEPT = 2**30  # bytes that one measure keeps of all runs
SCOPE = "pairs"
READS = "activations"
CLAIMS = ("C16",)
COLUMNS = [
    *("run_a", "run_b", "measure", "layer_a", "layer_b"),
    *("value", "null_mean", "null_high", "rank_a", "rank_b", "cut", "n"),
]


def analyse(
    runs: Mapping[str, Activations],
    pairs: Mapping[tuple[str, str], np.random.Generator],
    *,
    measures: Distinct[str],
    permutations: Count = 3,
) -> pd.DataFrame:
    """Compare every hidden layer of a run with every hidden layer of another, at held-out points (sample `cca`).

    Each layer is factorised once per measure, however many pairs it is in, as long as what one measure keeps of all
    runs fits into `KEPT` bytes: 8 bytes a point and unit of each layer, or 4 a pair of points for RDMs. Otherwise as
    many runs are kept as fit, at least two, and others are factorised again.

    The null of a pair of layers permutes the samples of the first. All pairs of layers of two runs and all measures use
    the same random orders, so the null is independent between permutations but not between pairs of layers.

    Args:
        runs: activations at the same points, by the runs' names.
        pairs: by the names of each two runs to compare, what draws the orders for their null. A directed measure takes
            its weights from the first of the two.
        measures: names of measures, used with their default settings.
        permutations: number of orders.

    Returns:
        A row for each pair of runs, measure and pair of layers: run_a, run_b, measure, layer_a, layer_b, value,
        null_mean and null_high (mean and maximum over the permutations), rank_a and rank_b (numbers of dimensions that
        the measure uses), cut (relative size up to which a singular value counts as zero), n (points). The value is NaN
        if a layer is constant.
    """
    orders = {
        (a, b): layer_similarity.orders(len(runs[a].labels(SAMPLE)), permutations, generator)
        for (a, b), generator in pairs.items()
    }
    rows = []
    for name in measures if orders else ():
        module = members.load("measures", name)
        prepared = _keeping(runs, module)
        for (a, b), rows_of_null in orders.items():
            others = prepared(b)
            for layer, first in enumerate(prepared(a), start=1):
                found = layer_similarity.against_chance(module, first, others, rows_of_null)
                rows += [
                    (a, b, name, layer, other, *numbers, first.rank, second.rank, max(first.cut, second.cut), first.n)
                    for other, (numbers, second) in enumerate(zip(found, others, strict=True), start=1)
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _keeping(runs: Mapping[str, Activations], module: Any) -> Callable[[str], list[factors.Prepared]]:
    """The layers of a run as a measure prepares them; kept are those of the runs that were asked for last."""
    deepest = max(runs.values(), key=lambda each: each.layers)
    one = deepest.layer(SAMPLE, 1) if deepest.layers else np.zeros((2, 1))
    size = max(1, deepest.layers) * max(one.nbytes, factors.nbytes(module.prepare(one)))
    return functools.lru_cache(max(2, KEPT // size))(lambda run: [module.prepare(h) for h in _layers(runs[run])])


def _layers(activations: Activations) -> list[Float[ndarray, "n width"]]:
    return [activations.layer(SAMPLE, layer) for layer in range(1, activations.layers + 1)]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Similarity of corresponding layers of two networks: value minus mean null, averaged over the layers.

    `cca_between_seeds` has one value per pair of seeds of a method. Pairs that share a seed aren't independent, so an
    interval over them is too narrow.

    `cca_between_methods` compares two methods. It has one value per seed of the first, averaged over its partners of
    the second. `cca_gap` is the similarity of two seeds of the first method, averaged over the pairs with that seed,
    minus the similarity of the two methods. `cca_lower_share` is the share of layers in which this difference is
    positive. The last two test C16, if the first method is backprop.

    Networks of the same seed share initial weights and batches, which makes them more similar than networks of
    different seeds. So a gap whose name ends in `_same_seed` is a lower bound, and one below 0 is inconclusive.
    """
    if table.empty:
        return {}
    found: dict[str, list[float]] = {}
    same = table[table["layer_a"] == table["layer_b"]]
    same = same.assign(
        varied=same.get("varied", ""),
        excess=same["value"] - same["null_mean"],
        ending=np.where(same["seed_a"] == same["seed_b"], "_same_seed", ""),
    )
    for _, part in same.groupby(["measure", "hidden", "varied"]):
        seeds = part[part["method_a"] == part["method_b"]]
        for _, pair in seeds.groupby(["run_a", "run_b"], sort=False):
            name = _name(pair.iloc[0], "between_seeds", pair["method_a"].iloc[0])
            found.setdefault(name, []).append(float(pair["excess"].mean()))
        others = part[part["method_a"] != part["method_b"]]
        for _, pairs in others.groupby(["method_a", "method_b", "ending", "run_a"], sort=False):
            run, a, b, ending = pairs.iloc[0][["run_a", "method_a", "method_b", "ending"]]
            excess = pairs.groupby("layer_a")["excess"].mean()
            reference = seeds[(seeds["run_a"] == run) | (seeds["run_b"] == run)].groupby("layer_a")["excess"].mean()
            for quantity, number in _less_alike(excess, reference).items():
                found.setdefault(_name(pairs.iloc[0], quantity + ending, f"{a}.{b}"), []).append(number)
    return found


def _name(row: pd.Series, quantity: str, who: str) -> str:
    return metric(f"{row['measure']}_{quantity}", who, row["hidden"], row["varied"])


def _less_alike(excess: pd.Series, reference: pd.Series) -> dict[str, float]:
    """Two methods' similarity, how far it is below the reference, and in which share of layers."""
    difference = (reference - excess).dropna()
    share = float((difference > 0).mean()) if len(difference) else np.nan
    return {"between_methods": float(excess.mean()), "gap": float(difference.mean()), "lower_share": share}
