"""Made-up activations of a run, for the tests of analyses."""

import numpy as np

from pipeline.results.activations import Activations, key, labels_key

N, WIDTH = 60, 5


def activations(layers=3, steps=(0, 4, 9), seed=0, labels=None, **replaced):
    """A run with random float32 layers; `replaced` sets some of them by sample and layer, such as `rdm2`."""
    draw = np.random.default_rng(seed)
    labels = np.sort(draw.integers(0, 4, N)) if labels is None else np.asarray(labels)
    stored = {labels_key(sample): labels for sample in ("cca", "rdm")}
    for step in steps:
        for layer in range(1, layers + 1):
            for sample in ("cca", "rdm"):
                h = draw.standard_normal((len(labels), WIDTH)).astype(np.float32)
                stored[key(sample, layer, step)] = replaced.get(f"{sample}{layer}", h)
    return Activations(layers, steps, stored.__getitem__)
