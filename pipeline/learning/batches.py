"""Which training samples make the batch of each step: a new random order every epoch."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from pipeline import random_streams


class Batches:
    """The batches of several trainings on the same samples. Each epoch of a run has a random stream of its own.

    An order depends on the run's seed and the epoch alone, so a resumed run goes on with the same batches. The orders
    of an epoch are drawn on the CPU and put on the device once.
    """

    def __init__(self, samples: int, *, batch: int, seeds: Sequence[int], on: torch.device | None = None) -> None:
        """Batches of exactly `batch` samples; the remainder of an epoch is left out.

        Args:
            samples: how many there are.
            batch: how many an update takes.
            seeds: of the runs.
            on: the device; the CPU by default.

        Raises:
            ValueError: if there are fewer samples than a batch has.
        """
        if samples < batch:
            raise ValueError(
                f"a batch of {batch} from {samples} training samples: make `batch` smaller or `train` larger"
            )
        self.samples, self.batch, self.seeds, self.on = samples, batch, tuple(seeds), on
        self._epoch, self._orders = -1, torch.empty(0, dtype=torch.int64)

    def chosen(self, step: int) -> Int[Tensor, "runs batch"]:
        """The samples of each run's update after `step` finished ones."""
        epoch, position = divmod(step, self.samples // self.batch)
        if epoch != self._epoch:
            streams = [random_streams.numpy_stream("order", seed, epoch) for seed in self.seeds]
            orders = np.stack([stream.permutation(self.samples) for stream in streams])
            self._epoch, self._orders = epoch, torch.from_numpy(orders).to(self.on)
        return self._orders[:, position * self.batch : (position + 1) * self.batch]


def rows(x: Shaped[Tensor, "samples units"], chosen: Int[Tensor, "runs batch"]) -> Shaped[Tensor, "runs batch units"]:
    """The chosen samples of each run."""
    return x.index_select(0, chosen.reshape(-1)).view(*chosen.shape, x.shape[1])
