"""The activations of a trained network at a study's fixed points."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray

from pipeline import random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.network import Network
from pipeline.learning.trainer import load_model
from pipeline.results import activations, store
from pipeline.study.schema import Samples


def choose(data: splits.Splits, samples: Samples, seed: int) -> dict[str, splits.Points]:
    """The fixed points by sample: `rdm` and `cca` from the test set, without overlap, `probe` from the training set.

    They depend only on the data and the seed of the split, so they are the same for all networks of a study.
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


def extract_run(
    network: Network, checkpoints: Path, run: str, points: Mapping[str, splits.Points], *, all_steps: bool
) -> dict[str, ndarray]:
    """A run's activations and the labels of its points, by their keys.

    Args:
        network: of the run's shape; its weights are replaced.
        checkpoints: the models of the run's block.
        run: the run's name.
        points: by sample; `probe` is extracted at the last step only.
        all_steps: whether to extract at every step that has a model, or at the last one only.
    """
    prefix = activations.run_prefix(run)
    names = [name.removeprefix(prefix) for name in store.array_names(checkpoints) if name.startswith(prefix)]
    steps = activations.model_steps(names)
    found = {activations.labels_key(sample): labels for sample, (_, labels) in points.items()}
    for step in steps if all_steps else steps[-1:]:
        keys = activations.network_keys(names, step)
        model = store.read_arrays(checkpoints, [prefix + key for key in keys])
        load_model(network, {keys[key.removeprefix(prefix)]: array for key, array in model.items()})
        here = {sample: x for sample, (x, _) in points.items() if sample != "probe" or step == steps[-1]}
        found |= extract(network, here, step)
        if step == steps[-1]:
            found[activations.predicted_key("probe")] = predict(network, points["probe"].inputs)
    return found


@torch.no_grad()
def predict(network: Network, x: ndarray) -> ndarray:
    """The class that the network predicts for each row of `x`, in evaluation mode."""
    return network(torch.from_numpy(x), mode="evaluate").argmax(dim=1).numpy()


@torch.no_grad()
def extract(network: Network, points: Mapping[str, ndarray], step: int) -> dict[str, ndarray]:
    """Every hidden layer's activations at `points`, by their key, in evaluation mode."""
    found = {}
    for sample, x in points.items():
        for layer, h in enumerate(network.activations(torch.from_numpy(x)), start=1):
            found[activations.key(sample, layer, step)] = h.numpy()
    return found
