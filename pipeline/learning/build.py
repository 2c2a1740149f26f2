"""Gates built from an estimator, one after each of a network's layers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from pipeline.learning.gate import Gate
from pipeline.learning.network import Network


def build_gates(
    network: Network,
    estimator: Any,
    layers: Iterable[int],
    *,
    generator: Callable[[int], torch.Generator],
    settings: Mapping[str, Any] | None = None,
    apply: bool = True,
) -> dict[int, Gate]:
    """Gates with fresh estimators, on the network's device and in its precision.

    Args:
        network: the network that the gates are for; it is not changed.
        estimator: a member of the family, or anything else with its `build` and `WAITS_FOR`.
        layers: the hidden layers, counted from 1, after which gates stand; `hidden + 1` is the output itself.
        generator: gives each layer's generator, from which its estimator draws; layers may share one.
        settings: of the estimator.
        apply: False if the estimators learn but are not used.

    Returns:
        The gates by layer, built in the order of `layers`.
    """
    shape, found = network.shape, {}
    for layer in layers:
        built = estimator.build(
            shape.units(layer),
            shape.outputs,
            above=shape.units(layer + 1),
            generator=generator(layer),
            **(settings or {}),
        )
        # Drawn on the CPU in single precision, then moved: the same values on every device.
        found[layer] = Gate(built, waits_for=estimator.WAITS_FOR, apply=apply).to(network.weight)
    return found
