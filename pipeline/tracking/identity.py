"""What a training's id in Weights & Biases is made from, so that the same training always has the same id."""

from collections.abc import Mapping
from typing import Any

from pipeline.results import paths
from pipeline.results.fingerprint import digest


def of_training(origin: Mapping[str, Any]) -> str:
    """A hash of what decides a training: settings, data and, where it was chosen by tuning, the learning rate.

    The file that holds the chosen rate isn't part of it: it says more than the rate, such as its own commit. Results
    made before the provenance named the rate keep the id that they were recorded under, which that file is part of.

    Args:
        origin: the provenance of the training's results.
    """
    inputs = origin["inputs"]
    if "rate" not in origin:
        return digest(["train", origin["settings"], inputs])
    data = {name: sha256 for name, sha256 in inputs.items() if not name.startswith(f"{paths.RESULTS}/")}
    return digest(["train", origin["settings"], data, origin["rate"]])
