"""Checkpoint and activation files: the keys of their arrays, and how analyses read activations.

Checkpoints: `RUN/step00000010/network/…` and `RUN/step00000010/gate/2/…`, the parameters and buffers of a run's model.
Activations: `RUN/cca/step00000010/layer02`, a layer's activations at the points of a sample, and `RUN/cca/labels`,
their classes. `RUN/probe/predicted` holds the classes that the network predicts at the end of training.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

NETWORK = "network/"  # the names of a network's own arrays begin with it


def run_prefix(run: str) -> str:
    """What the names of a run's arrays in a file of its block begin with."""
    return f"{run}/"


def gate(layer: int) -> str:
    """What the names of the arrays of the gate after a layer begin with."""
    return f"gate/{layer}/"


def below(arrays: Mapping[str, ndarray], prefix: str) -> dict[str, ndarray]:
    """The arrays whose names begin with `prefix`, by the rest of the name."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def model_key(name: str, step: int) -> str:
    """The name under which one array of a run's model is stored, below the run's own prefix."""
    return f"{_step(step)}/{name}"


def network_keys(names: Iterable[str], step: int) -> dict[str, str]:
    """Of the `names` in a checkpoint file, those of the network at `step`, each with its name in the model."""
    prefix = model_key("", step)
    return {name: name.removeprefix(prefix) for name in names if name.startswith(prefix + NETWORK)}


def model_steps(names: Iterable[str]) -> list[int]:
    """The training steps whose models a checkpoint file with these names has, ascending."""
    return _steps(names, r"step(\d+)/")


def key(sample: str, layer: int, step: int) -> str:
    """The name under which a layer's activations are stored."""
    return f"{sample}/{_step(step)}/layer{layer:02d}"


def labels_key(sample: str) -> str:
    """The name under which the classes of a sample's points are stored."""
    return f"{sample}/labels"


def predicted_key(sample: str) -> str:
    """The name under which the classes are stored that the network predicts for a sample's points."""
    return f"{sample}/predicted"


def sample_steps(names: Iterable[str], sample: str) -> list[int]:
    """The training steps at which an activation file with these names has a sample, ascending."""
    return _steps(names, rf"{re.escape(sample)}/step(\d+)/")


def _step(step: int) -> str:
    return f"step{step:08d}"


def _steps(names: Iterable[str], pattern: str) -> list[int]:
    return sorted({int(found[1]) for name in names if (found := re.match(pattern, name))})


@dataclass(frozen=True)
class Activations:
    """One run's activations: its hidden layers' outputs at fixed points, by training step; read when asked for.

    Rows are samples, in label order, the same points for all networks. Samples: `rdm` and `cca` are test points (so
    held out), stored at every step of `steps`; `probe` are training points, stored at the last step only.
    """

    layers: int  # number of hidden layers; they are counted from 1
    steps: tuple[int, ...]  # training steps at which checkpoints were taken, ascending; 0 is before training
    read: Callable[[str], ndarray]

    @property
    def end(self) -> int:
        """The last step."""
        return self.steps[-1]

    def layer(self, sample: str, layer: int, *, step: int | None = None) -> Float[ndarray, "n width"]:
        """`h_layer` in evaluation mode as float64, at the last step by default."""
        return self.read(key(sample, layer, self.end if step is None else step)).astype(np.float64)

    def labels(self, sample: str) -> Int[ndarray, " n"]:
        """The class of each row."""
        return self.read(labels_key(sample))

    def predicted(self, sample: str) -> Int[ndarray, " n"]:
        """The class of each row as the whole network predicts it at the last step; stored of `probe` only."""
        return self.read(predicted_key(sample))
