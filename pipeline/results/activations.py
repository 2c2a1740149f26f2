"""What analyses see of a trained network: its hidden layers' activations at fixed points, by training step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

SAMPLES = ("rdm", "cca", "probe")


def key(sample: str, layer: int, step: int) -> str:
    """The name under which a layer's activations are stored."""
    return f"{sample}/step{step:08d}/layer{layer:02d}"


@dataclass(frozen=True)
class Activations:
    """One run's activations, read when asked for.

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
        return self.read(f"{sample}/labels")
