"""A training in progress: its updates, its records, and its state for a restart."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from pipeline import random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.batches import Batches, rows
from pipeline.learning.error_bound import batch_loss, inequality_terms
from pipeline.learning.measurements import QUANTITIES, checkpoint_steps, count_operations, estimates, evaluate, weights
from pipeline.learning.network import Network
from pipeline.results import activations
from pipeline.runs import build
from pipeline.study.schema import Run

Row = tuple[int, int, str, float]  # step, layer, quantity, value
Watch = Callable[[str, Sequence[Row]], None]
DIAGNOSTIC_POINTS = 500
PLAIN_LINES = 10  # progress lines in a log


@dataclass
class Record:
    """What has been recorded of one run so far."""

    run: Run
    rows: list[Row] = field(default_factory=list)
    models: dict[str, ndarray] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)  # of the batches since the last record
    status: str = "running"
    message: str | None = None
    step: int = 0  # the last one, if it has ended
    last: float = math.nan  # the newest batch loss
    watched: int = 0  # how many of the rows have been passed on

    def end(self, status: str, step: int, message: str | None = None) -> None:
        """End the run after the update that ended at `step`."""
        self.status, self.step, self.message = status, step, message

    def conclude(self, step: int) -> None:
        """End the run at its last step. The last update may be the one that diverges."""
        final = self.final()
        lost = [name for name, value in final.items() if value is None]
        if "test_loss" in final and not lost:
            self.end("finished", step)
        else:
            self.end("diverged", step, f"diverged at step {step}: {lost[0] if lost else 'test_loss'} is not finite")

    @property
    def running(self) -> bool:
        """Whether it has neither finished nor diverged."""
        return self.status == "running"

    def history(self) -> pd.DataFrame:
        """Everything that was recorded: step, layer, quantity, value."""
        table = pd.DataFrame(self.rows, columns=["step", "layer", "quantity", "value"])
        return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})

    def state(self) -> dict[str, ndarray]:
        """All of it, as arrays."""
        table, quantities = self.history(), [QUANTITIES.index(name) for _, _, name, _ in self.rows]
        found = {f"model/{name}": array for name, array in self.models.items()}
        found |= {f"history/{name}": table[name].to_numpy() for name in ("step", "layer", "value")}
        found["history/quantity"] = np.array(quantities, dtype=np.int64)
        found["losses"] = np.array(self.losses, dtype=np.float64)
        if not self.running:
            said = f"{self.status}\n{self.message or ''}"
            found |= {"ended": np.array(self.step), "how": np.frombuffer(said.encode(), dtype=np.uint8)}
        return found

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Continue from what `state` returned."""
        self.models = activations.below(state, "model/")
        columns = [state[f"history/{name}"].tolist() for name in ("step", "layer", "quantity", "value")]
        self.rows = [
            (step, layer, QUANTITIES[which], value) for step, layer, which, value in zip(*columns, strict=True)
        ]
        self.losses = state["losses"].tolist()
        if "ended" in state:
            status, _, message = state["how"].tobytes().decode().partition("\n")
            self.end(status, int(state["ended"]), message or None)

    def final(self) -> dict[str, float | None]:
        """The last recorded numbers of the whole network; None for a number that is not finite."""
        last = {name: value for _, layer, name, value in self.rows if layer == 0 and name != "tracking_falls"}
        return {name: value if math.isfinite(value) else None for name, value in last.items()}


class Session:
    """Runs that differ only in their seeds, in progress side by side: a stack, the data, and a record of each run."""

    def __init__(
        self,
        runs: Sequence[Run],
        data: splits.Splits,
        on: torch.device,
        watch: Watch,
    ) -> None:
        """Set up at step 0; `watch` gets a run's name and what has been recorded of it since the last call."""
        self.data, self.on, self.watch, self.wanted = data, on, watch, runs[0].training
        self.records = [Record(run) for run in runs]
        self.trainers = [build.trainer(run, data, on) for run in runs]
        self.starts = [[weight.detach().clone() for weight in each.network.weights()] for each in self.trainers]
        self.stack = build.stack(runs[0], self.trainers)
        self.x, self.y, self.labels = self._tensors(data.train)
        self.validation = self._tensors(data.validation)
        self.batches = Batches(len(self.x), batch=self.wanted.batch, seeds=[run.seed for run in runs], on=on)
        points = random_streams.numpy_stream("evaluation points", runs[0].data.split_seed).permutation(len(self.x))
        self.shown = torch.from_numpy(points[: self.wanted.log_points]).to(on)
        self.pending: list[Tensor] = []  # the batches' losses that were not looked at yet, each (runs)

    def train(self, after_step: Callable[[], None]) -> None:
        """Train each run to the end, or until its loss is NaN or infinite; `after_step` is called after each step."""
        wanted, stack = self.wanted, self.stack
        kept = set(checkpoint_steps(wanted.steps, count=wanted.checkpoints))
        if stack.step == 0:
            self._record(kept)
        terminal, name = sys.stderr.isatty(), self.records[0].run.name
        bar = tqdm(total=wanted.steps, initial=stack.step, desc=name, disable=not terminal, unit="step")
        while stack.step < wanted.steps and self.running():
            chosen = self.batches.chosen(stack.step)
            self.pending.append(self._update(rows(self.x, chosen), rows(self.y, chosen)))
            bar.update()
            if stack.step in kept or stack.step % wanted.log_every == 0:
                self._look()
                self._record(kept)
            elif wanted.log_early and stack.step <= wanted.log_early.until and not stack.step % wanted.log_early.every:
                self._look()
                self._record_early()
            if not terminal and stack.step % max(1, wanted.steps // PLAIN_LINES) == 0:
                self._say()
            after_step()
        for number in self.running():
            self.records[number].conclude(stack.step)
        self._pass_on()
        bar.close()

    def running(self) -> list[int]:
        """The numbers of the runs that have neither finished nor diverged."""
        return [number for number, record in enumerate(self.records) if record.running]

    def _look(self) -> None:
        """Read the losses of the updates since the last look, and end the runs of which one is NaN or infinite.

        Such a run is left as it is from then on. Nothing is recorded of it after the update at which it diverged,
        however late that is found.
        """
        if not self.pending:
            return
        values, first = torch.stack(self.pending).cpu().double().numpy(), self.stack.step - len(self.pending) + 1
        self.pending.clear()
        for number in self.running():
            record, found = self.records[number], values[:, number]
            wrong = np.flatnonzero(~np.isfinite(found))
            if len(wrong):
                step = first + int(wrong[0])
                record.end("diverged", step, f"diverged at step {step}: the batch loss was {found[wrong[0]]}")
            else:
                record.losses += found.tolist()
                record.last = record.losses[-1]

    def _say(self) -> None:
        """A line for the log for each run in progress, with its loss if that was just read."""
        for record in (self.records[number] for number in self.running()):
            loss = "" if self.pending else f", batch loss {record.last:.4f}"
            print(f"{record.run.name}: step {self.stack.step}/{self.wanted.steps}{loss}", flush=True)

    def _update(self, x: Tensor, y: Tensor) -> Tensor:
        """One update of each run; returns the batches' losses before it.

        With `log_tracking`, every `log_every`-th update is also measured: how closely the gates track the true
        gradient, and whether the batch's loss falls. These rows carry the step at which the update starts, and are
        added after it, so a checkpoint never has them without the update.
        """
        step, wanted = self.stack.step, self.wanted
        if not wanted.log_tracking or step % wanted.log_every:
            return self._count_first(x, y)
        measured = []
        for number in self.running():
            network, gates = self.trainers[number].network, self.trainers[number].gates
            start = random_streams.torch_stream("power iteration", self.records[number].run.seed, step)
            rows = inequality_terms(network, gates, x[number], y[number], wanted.loss, generator=start)
            measured.append((number, rows, batch_loss(network, x[number], y[number], wanted.loss)))
        values = self._count_first(x, y)
        for number, rows, before in measured:
            falls = float(batch_loss(self.trainers[number].network, x[number], y[number], wanted.loss) < before)
            self.records[number].rows += [(step, *row) for row in [*rows, (0, "tracking_falls", falls)]]
        return values

    def _count_first(self, x: Tensor, y: Tensor) -> Tensor:
        """One update; the operations of the first one are counted and recorded."""
        frozen = [number for number, record in enumerate(self.records) if not record.running]
        if self.stack.step > 0:
            return self.stack.update(x, y, frozen=frozen)
        values, operations = count_operations(lambda: self.stack.update(x, y))
        for record in self.records:
            record.rows.append((0, 0, "update_flops", operations / len(self.records)))
        return values

    def _record(self, kept: set[int]) -> None:
        """Record this step of the runs in progress: the model at steps in `kept`, and measurements."""
        step = self.stack.step
        for number in self.running():
            record, trainer = self.records[number], self.trainers[number]
            if step in kept:
                record.models |= {activations.model_key(name, step): array for name, array in trainer.model().items()}
            numbers = self._measure(record, trainer.network)
            record.rows += [(step, 0, name, value) for name, value in numbers.items()]
            few = self.shown[:DIAGNOSTIC_POINTS]
            by_layer = weights(trainer.network, self.starts[number])
            by_layer += estimates(trainer.network, trainer.gates, self.x[few], self.y[few], self.wanted.loss)
            record.rows += [(step, *row) for row in by_layer]
        self._pass_on()

    def _pass_on(self) -> None:
        """Pass on what was recorded since the last time; after a restart this begins with all that was restored."""
        for record in self.records:
            if new := record.rows[record.watched :]:
                self.watch(record.run.name, new)
                record.watched = len(record.rows)

    def _record_early(self) -> None:
        """Record training loss and accuracy alone, for the times at which fast runs reach a loss.

        Nothing else is recorded, so that this costs little, and means over the other records aren't drawn to the start.
        The batches' losses wait for the next full record.
        """
        step = self.stack.step
        for number in self.running():
            numbers = {"samples": float(step * self.wanted.batch)} | self._evaluate_shown(self.trainers[number].network)
            self.records[number].rows += [(step, 0, name, value) for name, value in numbers.items()]

    def _measure(self, record: Record, network: Network) -> dict[str, float]:
        """The numbers of the whole network at this step; at the last, those of the test part too if all are finite."""
        step = self.stack.step
        found = {"samples": float(step * self.wanted.batch)}
        found |= self._evaluate_shown(network)
        found |= self._evaluate(network, "validation", *self.validation)
        if record.losses:
            found["batch_loss"] = sum(record.losses) / len(record.losses)
            record.losses.clear()
        if step == self.wanted.steps:
            tested = self._evaluate(network, "test", *self._tensors(self.data.test))
            if all(map(math.isfinite, (found | tested).values())):
                found |= tested
        return found

    def _evaluate_shown(self, network: Network) -> dict[str, float]:
        """Loss and accuracy at the training points that are always the same."""
        return self._evaluate(network, "train", self.x[self.shown], self.y[self.shown], self.labels[self.shown])

    def _evaluate(self, network: Network, part: str, x: Tensor, y: Tensor, labels: Tensor) -> dict[str, float]:
        loss, accuracy = evaluate(network, x, y, labels, self.wanted.loss)
        return {f"{part}_loss": loss, f"{part}_accuracy": accuracy}

    def state(self) -> dict[str, ndarray]:
        """What is needed to continue from here; random streams have no state, as each is drawn by name and step."""
        self._look()
        found = {f"state/{name}": array for name, array in self.stack.state().items()}
        for number, record in enumerate(self.records):
            found |= {f"{number}/{name}": array for name, array in record.state().items()}
        return found | {"step": np.array(self.stack.step)}

    def restore(self, kept: Mapping[str, ndarray] | None) -> None:
        """Continue from what `state` returned; with None, start from the beginning."""
        if kept is None:
            return
        self.stack.restore(activations.below(kept, "state/"), int(kept["step"]))
        for number, record in enumerate(self.records):
            record.restore(activations.below(kept, f"{number}/"))
            print(f"{record.run.name}: going on after step {self.stack.step}", flush=True)

    def _tensors(self, points: splits.Points) -> tuple[Tensor, Tensor, Tensor]:
        return build.tensors(points, self.data.classes, self.on)
