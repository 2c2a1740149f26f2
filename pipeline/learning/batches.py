"""Which training samples make the batch of each step: a new random order every epoch."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, Shaped
from numpy import ndarray
from torch import Tensor

from pipeline import random_streams


class Batches:
    """The batches of a training. Each epoch's order is drawn from a random stream of its own.

    The order depends on the seed and the epoch alone, so a resumed run continues with the same batches.
    """

    def __init__(self, samples: int, *, batch: int, seed: int) -> None:
        """Batches of exactly `batch` samples; the remainder of an epoch is left out.

        Raises:
            ValueError: if there are fewer samples than a batch has.
        """
        if samples < batch:
            raise ValueError(
                f"a batch of {batch} from {samples} training samples: make `batch` smaller or `train` larger"
            )
        self.samples, self.batch, self.seed = samples, batch, seed
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def indices(self, step: int) -> Int[ndarray, " batch"]:
        """The samples of the update after `step` finished ones."""
        epoch, position = divmod(step, self.samples // self.batch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = random_streams.numpy_stream("order", self.seed, epoch).permutation(self.samples)
        return self._order[position * self.batch : (position + 1) * self.batch]


def rows(x: Shaped[Tensor, "samples units"], chosen: Int[ndarray, "runs batch"]) -> Shaped[Tensor, "runs batch units"]:
    """The chosen samples of each run, on the device of `x`."""
    found = torch.from_numpy(chosen.reshape(-1)).to(x.device)
    return x.index_select(0, found).view(*chosen.shape, x.shape[1])


def of_runs(batches: Sequence[Batches], step: int) -> Int[ndarray, "runs batch"]:
    """The samples of several runs' next batches."""
    return np.stack([each.indices(step) for each in batches])
