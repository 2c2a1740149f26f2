"""The identity of a training in W&B: the same training always has the same id."""

from collections.abc import Mapping
from typing import Any

from pipeline.results import paths
from pipeline.results.fingerprint import digest


def of_training(origin: Mapping[str, Any]) -> str:
    """A hash of what determines a training: settings, data and, if tuning chose it, the learning rate.

    The file with the chosen rate isn't part of it, because it contains more than the rate, such as its own commit.
    Results made before the provenance recorded the rate keep their old id, which includes that file.

    Args:
        origin: the provenance of the training's results.
    """
    inputs = origin["inputs"]
    if "rate" not in origin:
        return digest(["train", origin["settings"], inputs])
    data = {name: sha256 for name, sha256 in inputs.items() if not name.startswith(f"{paths.RESULTS}/")}
    return digest(["train", origin["settings"], data, origin["rate"]])
