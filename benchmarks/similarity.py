"""Similarity of all pairs of layers of two networks, with its chance level."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from benchmarks.measure import Ratio, of
from pipeline.analyses import similarity
from pipeline.results.activations import Activations, key, labels_key

LAYERS, POINTS, UNITS, PERMUTATIONS = 20, 5000, 256, 3
ROUNDS = 3
FITS = 3  # of the library, which takes as long for each
Layer = Float[ndarray, "n units"]


def activations(seed: int, *, layers: int = LAYERS, points: int = POINTS, units: int = UNITS) -> Activations:
    """Layers whose units are correlated, as those of a trained network."""
    generator, stored = np.random.default_rng(seed), {labels_key("cca"): np.zeros(points, dtype=np.int64)}
    for layer in range(1, layers + 1):
        mixed = generator.standard_normal((points, units)) @ generator.standard_normal((units, units))
        stored[key("cca", layer, 0)] = np.maximum(mixed, 0).astype(np.float32)
    return Activations(layers, (0,), stored.__getitem__)


def compare(a: Activations, b: Activations) -> pd.DataFrame:
    """Every layer of one with every layer of the other, as the workflow does it."""
    pair = {("a", "b"): np.random.default_rng(0)}
    return similarity.analyse({"a": a, "b": b}, pair, measures=["cca"], permutations=PERMUTATIONS)


def products(a: Activations, b: Activations) -> int:
    """The matrix products that all comparisons need: of two bases, for each pair of layers and order of the samples.

    Returns:
        How many were computed.
    """
    bases = [[each.layer("cca", layer) for layer in range(1, each.layers + 1)] for each in (a, b)]
    needed = [pair for pair in itertools.product(*bases) for _ in range(1 + PERMUTATIONS)]
    for first, second in needed:
        first.T @ second
    return len(needed)


def over_products() -> Ratio:
    """All comparisons over their products."""
    a, b = activations(1), activations(2)
    _warm_up()
    return of([_seconds(lambda: compare(a, b)) / _seconds(lambda: products(a, b)) for _ in range(ROUNDS)])


def over_cca_zoo() -> Ratio:
    """Fits of cca-zoo over ours, for one comparison of two layers."""
    a, b = activations(1), activations(2)
    _warm_up()
    ours = _seconds(lambda: compare(a, b)) / (LAYERS**2 * (1 + PERMUTATIONS))
    pairs = [(a.layer("cca", layer), b.layer("cca", layer)) for layer in range(1, FITS + 1)]
    return of([_seconds(lambda pair=pair: by_cca_zoo(*pair)) / ours for pair in pairs])


def _warm_up() -> None:
    """Import and start what is timed."""
    a, b = (activations(seed, layers=2, points=100, units=6) for seed in (1, 2))
    compare(a, b)
    products(a, b)
    by_cca_zoo(a.layer("cca", 1), b.layer("cca", 1))


def by_cca_zoo(x: Layer, y: Layer) -> float:
    """The mean canonical correlation of two layers by cca-zoo."""
    from cca_zoo.linear import CCA

    p, q = CCA(n_components=min(x.shape[1], y.shape[1])).fit([x, y]).transform([x, y])
    return float(np.mean([np.corrcoef(p[:, at], q[:, at])[0, 1] for at in range(p.shape[1])]))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
