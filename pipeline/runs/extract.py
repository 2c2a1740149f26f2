"""The activations of a trained network at the fixed points of a study."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy import ndarray

from pipeline import random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.network import Network
from pipeline.results import activations
from pipeline.study.schema import Samples


def choose(data: splits.Splits, samples: Samples, seed: int) -> dict[str, splits.Points]:
    """The fixed points by sample: `rdm` and `cca` from the test set, without overlap, `probe` from the training set.

    They depend on the data and the split's seed alone, so all networks of a study see the same ones.
    """
    held_out = data.test.labels
    rdm = splits.sample(held_out, samples.rdm, random_streams.numpy_stream("sample rdm", seed))
    rest = np.setdiff1d(np.arange(len(held_out)), rdm)
    cca = rest[splits.sample(held_out[rest], samples.cca, random_streams.numpy_stream("sample cca", seed))]
    probe = splits.sample(data.train.labels, samples.probe, random_streams.numpy_stream("sample probe", seed))
    return {
        "rdm": splits.Points(data.test.inputs[rdm], held_out[rdm]),
        "cca": splits.Points(data.test.inputs[cca], held_out[cca]),
        "probe": splits.Points(data.train.inputs[probe], data.train.labels[probe]),
    }


@torch.no_grad()
def extract(network: Network, points: Mapping[str, ndarray], step: int) -> dict[str, ndarray]:
    """Every hidden layer's activations at `points`, by their key, in evaluation mode."""
    found = {}
    for sample, x in points.items():
        for layer, h in enumerate(network.activations(torch.from_numpy(x)), start=1):
            found[activations.key(sample, layer, step)] = h.numpy()
    return found


def checkpointed(names: Sequence[str]) -> list[int]:
    """The steps of which a file has the model, ascending."""
    return sorted({int(name.split("/")[0].removeprefix("step")) for name in names})
