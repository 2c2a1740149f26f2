"""How much less alike two methods are than two seeds of one of them, with a value per seed (C16; ours).

Pairs of networks are no units of analysis: each network is in many of them. With the networks a_1 … a_n of a method and
b_1 … b_n of another, of the same seeds,

    D = mean over s < t of sim(a_s, a_t)  -  mean over s != t of sim(a_s, b_t)

is a difference of U-statistics in the n seeds. Its jackknife pseudo-value of seed s, `n D - (n - 1) D_(-s)`, where
D_(-s) leaves out both networks of the seed, counts for one seed each. With all pairs there, their mean is D, since D is
the mean of all D_(-s), and their t interval is the jackknife's for D (Arvesen, *Jackknifing U-statistics*, 1969).
Networks of equal seeds share initial weights and batches, so sim(a_s, b_s) is in no mean.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline.metrics.by_seed import DIVERGED, MEASURED, UNDEFINED, UNPAIRED, BySeed

LEAST = 3  # seeds: D_(-s) needs a pair of the first method


def by_layer(pairs: pd.DataFrame, a: str, b: str, lost: pd.DataFrame) -> dict[int, BySeed]:
    """The pseudo-values of each layer; a seed of which a network is missing has none and counts in no mean.

    Args:
        pairs: columns run_a, run_b, method_a, method_b, seed_a, seed_b, layer_a and excess (similarity above chance);
            like layers, one measure and one setting. Either method may be the first of a pair.
        a: the method whose seeds are compared with one another.
        b: the other method.
        lost: the pairs with a run that diverged, with the first six columns.
    """
    there, gone = networks(pairs), diverged(pairs, lost)
    seeds, lost_seeds = ([set(part.loc[part["method"] == who, "seed"]) for who in (a, b)] for part in (there, gone))
    kept = sorted(seeds[0] & seeds[1])
    every = sorted(set().union(*seeds, *lost_seeds))
    missing = {seed: DIVERGED if seed in lost_seeds[0] | lost_seeds[1] else UNPAIRED for seed in every}
    found = {}
    for layer, part in pairs.groupby("layer_a"):
        values = dict(zip(kept, _pseudo_values(_matrix(part, a, a, kept), _matrix(part, a, b, kept)), strict=True))
        own = {seed: UNDEFINED if np.isnan(value) else MEASURED for seed, value in values.items()}
        found[int(str(layer))] = BySeed(
            [values.get(seed, np.nan) for seed in every],
            seeds=every,
            outcomes=[(missing | own)[seed] for seed in every],
        )
    return found


def mean(layers: Sequence[BySeed]) -> BySeed:
    """The mean over layers, seed by seed: as pseudo-values are linear in D, those of the mean of all layers' D.

    A layer without a value is left out.
    """
    values = np.array(layers, dtype=np.float64)
    counts = np.isfinite(values).sum(axis=0)
    means = np.where(counts, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan)
    kept = [UNDEFINED if one == MEASURED and not n else one for one, n in zip(_best(layers), counts, strict=True)]
    return BySeed(means, seeds=layers[0].seeds, outcomes=kept)


def networks(pairs: pd.DataFrame) -> pd.DataFrame:
    """Every network of some pairs, once: columns run, method, seed."""
    columns = ["run", "method", "seed"]
    sides = [pairs[[f"{name}_{side}" for name in columns]].set_axis(columns, axis=1) for side in ("a", "b")]
    return pd.concat(sides).drop_duplicates("run")


def diverged(pairs: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """The networks that diverged: those of lost pairs that are in no other. Columns run, method, seed."""
    found = networks(lost)
    return found[~found["run"].isin(networks(pairs)["run"])]


def _best(layers: Sequence[BySeed]) -> list[str]:
    """Of each seed, `MEASURED` if any layer is, else the first layer's outcome."""
    by_seed = zip(*(each.outcomes for each in layers), strict=True)
    return [MEASURED if MEASURED in outcomes else outcomes[0] for outcomes in by_seed]


def _matrix(pairs: pd.DataFrame, a: str, b: str, seeds: Sequence[int]) -> Float[ndarray, "n n"]:
    """Excess by the seeds of a network of `a` and one of `b`, of different seeds; NaN where there is no such pair."""
    columns = ["method_a", "method_b", "seed_a", "seed_b", "excess"]
    turned = pairs[["method_b", "method_a", "seed_b", "seed_a", "excess"]].set_axis(columns, axis=1)
    either = pairs[columns] if a == b else pd.concat([pairs[columns], turned])
    chosen = either[(either["method_a"] == a) & (either["method_b"] == b) & (either["seed_a"] != either["seed_b"])]
    table = chosen.pivot(index="seed_a", columns="seed_b", values="excess")
    both = pd.Index(seeds)
    return table.reindex(index=both, columns=both).to_numpy(dtype=np.float64)


def _pseudo_values(within: Float[ndarray, "n n"], across: Float[ndarray, "n n"]) -> Float[ndarray, " n"]:
    n = len(within)
    if n < LEAST:
        return np.full(n, np.nan)
    whole = _difference(within, across)
    without = [
        _difference(*(np.delete(np.delete(each, seed, axis=0), seed, axis=1) for each in (within, across)))
        for seed in range(n)
    ]
    return n * whole - (n - 1) * np.array(without)


def _difference(within: Float[ndarray, "n n"], across: Float[ndarray, "n n"]) -> float:
    """D; NaN if no pair of one kind has a value."""
    if not (np.isfinite(within).any() and np.isfinite(across).any()):
        return np.nan
    return float(np.nanmean(within) - np.nanmean(across))
