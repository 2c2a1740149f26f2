"""Similarity of all pairs of layers of two networks, with its chance level."""

import time
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from benchmarks.measure import Ratio, of
from pipeline.analyses import similarity
from pipeline.results.activations import Activations, key, labels_key

LAYERS, POINTS, UNITS, PERMUTATIONS = 20, 5000, 256, 3
FITS = 3  # of the library, which takes as long for each
Layer = Float[ndarray, "n units"]


def activations(seed: int, *, layers: int = LAYERS, points: int = POINTS, units: int = UNITS) -> Activations:
    """Layers whose units are correlated, as those of a trained network."""
    generator, stored = np.random.default_rng(seed), {labels_key("cca"): np.zeros(points, dtype=np.int64)}
    for layer in range(1, layers + 1):
        mixed = generator.standard_normal((points, units)) @ generator.standard_normal((units, units))
        stored[key("cca", layer, 0)] = np.maximum(mixed, 0).astype(np.float32)
    return Activations(layers, (0,), stored.__getitem__)


def compare(a: Activations, b: Activations) -> None:
    """Every layer of one with every layer of the other, as the workflow does it."""
    pair = {("a", "b"): np.random.default_rng(0)}
    similarity.analyse({"a": a, "b": b}, pair, measures=["cca"], permutations=PERMUTATIONS)


def products(a: Activations, b: Activations) -> None:
    """The matrix products that all comparisons need: of two bases, for each pair of layers and order of the samples."""
    bases = [[each.layer("cca", layer) for layer in range(1, each.layers + 1)] for each in (a, b)]
    for first in bases[0]:
        for second in bases[1]:
            for _ in range(1 + PERMUTATIONS):
                first.T @ second


def over_products() -> Ratio:
    """All comparisons over their products."""
    a, b = activations(1), activations(2)
    return of([_seconds(lambda: compare(a, b)) / _seconds(lambda: products(a, b))])


def over_cca_zoo() -> Ratio:
    """Fits of cca-zoo over ours, for one comparison of two layers."""
    a, b = activations(1), activations(2)
    ours = _seconds(lambda: compare(a, b)) / (LAYERS**2 * (1 + PERMUTATIONS))
    pairs = [(a.layer("cca", layer), b.layer("cca", layer)) for layer in range(1, FITS + 1)]
    return of([_seconds(lambda pair=pair: by_cca_zoo(*pair)) / ours for pair in pairs])


def by_cca_zoo(x: Layer, y: Layer) -> float:
    """The mean canonical correlation of two layers by cca-zoo."""
    from cca_zoo.linear import CCA

    p, q = CCA(n_components=min(x.shape[1], y.shape[1])).fit([x, y]).transform([x, y])
    return float(np.mean([np.corrcoef(p[:, at], q[:, at])[0, 1] for at in range(p.shape[1])]))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
