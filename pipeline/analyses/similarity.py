"""Similarity of all pairs of layers of two networks at the end of training, beside its chance level (C16; ours)."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline import members
from pipeline.analyses.shared import similarity
from pipeline.analyses.shared.similarity import SAMPLE
from pipeline.metrics.names import metric
from pipeline.results.activations import Activations

SCOPE = "pair"
READS = "activations"
CLAIMS = ("C16",)
COLUMNS = ["measure", "layer_a", "layer_b", "value", "null_mean", "null_high", "rank_a", "rank_b", "cut", "n"]


def analyse(
    a: Activations,
    b: Activations,
    *,
    generator: np.random.Generator,
    measures: list[str],
    permutations: int = 3,
) -> pd.DataFrame:
    """Every hidden layer of `a` against every one of `b`, at the held-out points of the sample `cca`.

    Each layer is factorised once per measure. The null is drawn for every pair of layers: the samples of `a` are dealt
    out anew, in the same random orders for all pairs of layers and all measures, so it is independent between
    permutations but not between pairs of layers.

    Args:
        a: activations of one run; a directed measure takes its weights from there.
        b: activations of another run at the same points.
        generator: for the null.
        measures: names of members of the family of measures, which work with their default settings.
        permutations: how many orders are drawn.

    Returns:
        A row for each measure and pair of layers: measure, layer_a, layer_b, value, null_mean and null_high (mean and
        maximum over the permutations), rank_a and rank_b (dimensions that the measure sees), cut (relative size up to
        which a singular value counts as zero), n (points). The value is NaN where a layer is constant.
    """
    rows = []
    orders = similarity.orders(len(a.labels(SAMPLE)), permutations, generator)
    layers_a, layers_b = _layers(a), _layers(b)
    for name in measures:
        module = members.load("measures", name)
        others = [module.prepare(h) for h in layers_b]
        for layer, first in enumerate(map(module.prepare, layers_a), start=1):
            found = similarity.against_chance(module, first, others, orders)
            rows += [
                (name, layer, other, *numbers, first.rank, second.rank, max(first.cut, second.cut), first.n)
                for other, (numbers, second) in enumerate(zip(found, others, strict=True), start=1)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _layers(activations: Activations) -> list[Float[ndarray, "n width"]]:
    return [activations.layer(SAMPLE, layer) for layer in range(1, activations.layers + 1)]


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """How alike the networks are, layer l against layer l, value minus mean null, averaged over the layers.

    `cca_between_seeds.backprop`: one number per pair of seeds of a method; pairs that share a seed aren't independent,
    so an interval over them is too narrow. Of two methods there is one number per seed of the first, averaged over its
    partners of the second: `cca_between_methods.backprop.one_sg`; `cca_gap`, how much less alike the two are than two
    seeds of the first method (mean over the pairs in which the seed takes part); `cca_lower_share`, on which share of
    the layers they are less alike than those. The last two are C16, if the first method is backprop.

    Networks of the same seed have the same initial weights and batches, which makes them more alike than other seeds
    can be: with `_same_seed` at the end of the name, a gap is a lower bound, and one below 0 says nothing.
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
    """How alike two methods are, by how much less than the reference, and on which share of layers; from layers."""
    difference = (reference - excess).dropna()
    share = float((difference > 0).mean()) if len(difference) else np.nan
    return {"between_methods": float(excess.mean()), "gap": float(difference.mean()), "lower_share": share}
