"""Similarity of all pairs of layers of two networks at the end of training, with its chance level (C16; ours)."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline import members
from pipeline.analyses.shared import layer_similarity, similarity_difference
from pipeline.analyses.shared.cut import cut_layer
from pipeline.analyses.shared.layer_similarity import SAMPLE
from pipeline.measures.shared import factors
from pipeline.metrics.by_seed import DIVERGED
from pipeline.metrics.names import REFERENCE, metric, per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, Distinct

KEPT = 2**30  # bytes that one measure keeps of all runs
SCOPE = "pairs"
READS = "activations"
CLAIMS = ("C16",)
RANGES = {
    "*_lower_share": "share",
    "*_lower_share_same_seed": "share",
    "*_rank": "positive",
}
COLUMNS = {
    **{"run_a": "str", "run_b": "str", "measure": "str", "layer_a": "int64", "layer_b": "int64"},
    **{"value": "float64", "null_mean": "float64", "null_high": "float64"},
    **{"rank_a": "int64", "rank_b": "int64", "cut": "float64", "n": "int64"},
}


def analyse(
    runs: Mapping[str, Activations],
    pairs: Mapping[tuple[str, str], np.random.Generator],
    *,
    measures: Distinct[str],
    permutations: Count = 3,
    like: bool = False,
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
        like: whether only layers of the same number are compared. All numbers but the maps come from these alone.

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
                compared = {at: other for at, other in enumerate(others, start=1) if at == layer or not like}
                found = layer_similarity.against_chance(module, first, list(compared.values()), rows_of_null)
                rows += [
                    (a, b, name, layer, other, *numbers, first.rank, second.rank, max(first.cut, second.cut), first.n)
                    for (other, second), numbers in zip(compared.items(), found, strict=True)
                ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _keeping(runs: Mapping[str, Activations], module: Any) -> Callable[[str], list[factors.Prepared]]:
    """The layers of a run as a measure prepares them; kept are those of the runs that were asked for last."""
    deepest = max(runs.values(), key=lambda each: each.layers)
    if not deepest.layers:
        return lambda run: []
    one = deepest.layer(SAMPLE, 1)
    size = deepest.layers * max(one.nbytes, factors.nbytes(module.prepare(one)))
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

    `cca_difference` is the number for a margin of equivalence: how much less alike the two methods are than two seeds
    of the first, with networks of different seeds throughout, averaged over the layers; a value per seed, see
    `pipeline.analyses.shared.similarity_difference`. `cca_difference_below` and `_above` average over the layers up to
    the middle one and over those above it, `cca_difference_layer<k>` is that of layer k. `cca_rank` is the number of
    dimensions that the measure uses of a layer, averaged over a method's layers, a value per seed: two methods that
    differ in it differ in chance level too, which is why each value has its own null. A run that diverged has no value.
    """
    if table.empty:
        return {}
    table = table.assign(varied=table.get("varied", ""))
    lost, table = table[table["measure"] == DIVERGED], table[table["measure"] != DIVERGED]
    found: dict[str, list[float]] = {}
    same = table[table["layer_a"] == table["layer_b"]]
    same = same.assign(
        excess=same["value"] - same["null_mean"],
        ending=np.where(same["seed_a"] == same["seed_b"], "_same_seed", ""),
    )
    for (_, hidden, varied), part in same.groupby(["measure", "hidden", "varied"]):
        gone = lost[(lost["hidden"] == hidden) & (lost["varied"] == varied)]
        found |= _differences(part, gone) | _ranks(part, gone)
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


def _differences(part: pd.DataFrame, lost: pd.DataFrame) -> dict[str, list[float]]:
    """`difference` of each two methods by one measure in one setting, over all layers, by block and by layer."""
    found: dict[str, list[float]] = {}
    middle = cut_layer(int(part["hidden"].iloc[0]))
    crossed = part[part["method_a"] != part["method_b"]][["method_a", "method_b"]].drop_duplicates()
    chosen = {frozenset(pair): pair for pair in reversed(list(crossed.itertuples(index=False, name=None)))}
    for pair in reversed(chosen.values()):
        a, b = sorted(pair, key=lambda method: method != REFERENCE)
        each = similarity_difference.by_layer(part, a, b, lost)
        layers = np.array(sorted(each))
        groups = {"": layers, "_below": layers[layers <= middle], "_above": layers[layers > middle]}
        groups |= {f"_layer{layer}": np.array([layer]) for layer in layers.tolist()}
        for ending, chosen in groups.items():
            if len(chosen):
                numbers = similarity_difference.mean([each[layer] for layer in chosen.tolist()])
                found[_name(part.iloc[0], f"difference{ending}", f"{a}.{b}")] = numbers
    return found


def _ranks(part: pd.DataFrame, lost: pd.DataFrame) -> dict[str, list[float]]:
    """The mean rank of each run's layers by one measure in one setting."""
    columns = ["run", "layer", "rank"]
    sides = [part[[f"{name}_{side}" for name in columns]].set_axis(columns, axis=1) for side in ("a", "b")]
    each = pd.concat(sides).drop_duplicates(["run", "layer"])
    gone = similarity_difference.diverged(part, lost)
    runs = pd.concat([similarity_difference.networks(part), gone])
    who = runs.assign(hidden=part["hidden"].iloc[0], varied=part["varied"].iloc[0])
    name = f"{part['measure'].iloc[0]}_rank"
    return per_seed(who, each.groupby("run")["rank"].mean(), name, diverged=set(gone["run"]))


def _name(row: pd.Series, quantity: str, who: str) -> str:
    return metric(f"{row['measure']}_{quantity}", who, row["hidden"], row["varied"])


def _less_alike(excess: pd.Series, reference: pd.Series) -> dict[str, float]:
    """Two methods' similarity, how far it is below the reference, and in which share of layers."""
    difference = (reference - excess).dropna()
    share = float((difference > 0).mean()) if len(difference) else np.nan
    return {"between_methods": float(excess.mean()), "gap": float(difference.mean()), "lower_share": share}
