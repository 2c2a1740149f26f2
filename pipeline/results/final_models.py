"""The files of final models, one a run: the arrays of a trained network and its gates, and what they belong to.

Reading one runs no code: they are safetensors, in single precision, with a checksum of each array.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from pipeline.results import activations, store

INDEX = "index.json"  # beside the files: which models there are
ABOUT = "model"  # what a file says of its model, beside the provenance of the training
NEEDED = frozenset({"study", "run", "settings", "step", "rate", "gate_rate", "final", "arrays"})
# What the names of the arrays mean: k counts hidden layers from 0, `layer` from 1.
ARRAYS = {
    "network/layers.k.weight": "weights of a hidden layer, units x units below",
    "network/layers.k.bias": "offset of batch normalisation, or the bias without it",
    "network/layers.k.scale": "factor of batch normalisation",
    "network/layers.k.mean": "running mean of batch normalisation",
    "network/layers.k.variance": "running variance of batch normalisation",
    "network/weight": "weights of the output layer, classes x units",
    "network/bias": "bias of the output layer",
    "gate/layer/…": "the estimator of the gate after that hidden layer",
}

Arrays = dict[str, ndarray]


def of_checkpoint(checkpoints: Path, run: str, step: int) -> Arrays:
    """A run's model at a step, in single precision, from the checkpoints of its block.

    Raises:
        DamagedFileError: if the file is truncated or altered, or the run has no model at that step.
    """
    prefix = activations.run_prefix(run) + activations.model_key("", step)
    names = [name for name in store.array_names(checkpoints) if name.startswith(prefix)]
    if not names:
        raise store.DamagedFileError(
            f"{checkpoints}: expected a model of {run} at step {step}, found none; remove it and run the workflow again"
        )
    found = activations.below(store.read_arrays(checkpoints, names), prefix)
    return {name: array.astype(np.float32, copy=False) for name, array in found.items()}


def write(path: Path, arrays: Mapping[str, ndarray], *, about: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Write a model; equal content gives equal bytes.

    Args:
        path: the file.
        arrays: by their names in the model.
        about: what the model is; has the entries of `NEEDED` but for `arrays`.
        origin: the provenance of the training.
    """
    store.write_arrays(path, arrays, {**origin, ABOUT: {**about, "arrays": ARRAYS}})


def about(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says of its model, and the provenance of the training.

    Raises:
        DamagedFileError: if the file isn't one that `write` wrote.
    """
    origin = store.provenance_of(path)
    said = origin.pop(ABOUT, None)
    missing = sorted(NEEDED - set(said)) if isinstance(said, dict) else ["all of it"]
    if missing:
        raise store.DamagedFileError(
            f"{path}: expected a final model that says what it is, found a file without {', '.join(missing)}; get it "
            "again with `dvc checkout --force` or `python -m pipeline pack`"
        )
    return said, origin
