"""A block in progress: runs that differ in their seeds, trained some at a time, and what was recorded of each."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy import ndarray

from pipeline.datasets.shared import splits
from pipeline.results import activations
from pipeline.runs.session import Record, Session, Watch
from pipeline.study.schema import Run


class Block:
    """The runs of one training job, in groups that are trained one after the other, each as one stack.

    No number depends on how many runs are in a group.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        data: splits.Splits,
        on: torch.device,
        watch: Watch,
        *,
        at_once: int,
    ) -> None:
        """Set up at the start.

        Args:
            runs: in the order of their records.
            data: what they learn.
            on: the device.
            watch: called with a run's name and what has been recorded of it since the last call.
            at_once: the largest number of runs in a group; it decides speed and memory.
        """
        self.runs, self.data, self.on, self.watch, self.at_once = list(runs), data, on, watch, at_once
        self.ended: list[Record] = []  # of the groups before the one in progress
        self.session = self._next()

    def _next(self) -> Session:
        first = len(self.ended)
        return Session(self.runs[first : first + self.at_once], self.data, self.on, self.watch)

    def train(self, after_step: Callable[[], None]) -> None:
        """Train every run to its end; `after_step` is called after each step of a group."""
        self.session.train(after_step)
        while len(self.records) < len(self.runs):
            self.ended = self.records
            self.session = self._next()
            self.session.train(after_step)

    @property
    def records(self) -> list[Record]:
        """What was recorded of each run that has begun."""
        return [*self.ended, *self.session.records]

    def history(self) -> pd.DataFrame:
        """Everything that was recorded: run, step, layer, quantity, value."""
        tables = {record.run.name: record.history() for record in self.records}
        return pd.concat(tables, names=["run"]).reset_index(level="run").reset_index(drop=True)

    def models(self) -> dict[str, ndarray]:
        """The models of all runs at their checkpoints."""
        return {
            activations.run_prefix(record.run.name) + name: array
            for record in self.records
            for name, array in record.models.items()
        }

    def state(self) -> dict[str, ndarray]:
        """What is needed to continue from here."""
        found = {"ended": np.array(len(self.ended)), "at_once": np.array(self.at_once)}
        for number, record in enumerate(self.ended):
            found |= {f"ended/{number}/{name}": array for name, array in record.state().items()}
        return found | {f"session/{name}": array for name, array in self.session.state().items()}

    def restore(self, kept: Mapping[str, ndarray] | None) -> None:
        """Continue from what `state` returned, with as many runs at once; with None, start at the beginning.

        What was recorded before is watched again, from the first step on.
        """
        if kept is None:
            return
        self.at_once = int(kept["at_once"])
        self.ended = [Record(run) for run in self.runs[: int(kept["ended"])]]
        for number, record in enumerate(self.ended):
            record.restore(activations.below(kept, f"ended/{number}/"))
            self.watch(record.run.name, record.rows)
        self.session = self._next()
        self.session.restore(activations.below(kept, "session/"))
