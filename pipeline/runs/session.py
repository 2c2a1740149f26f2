"""A training in progress: its updates, its records, and its state for a restart."""

import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from pipeline import random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.batches import Batches
from pipeline.learning.error_bound import batch_loss, inequality_terms
from pipeline.learning.measurements import QUANTITIES, checkpoint_steps, count_operations, estimates, evaluate, weights
from pipeline.learning.trainer import Trainer
from pipeline.results import activations
from pipeline.runs import build
from pipeline.study.schema import Run

DIAGNOSTIC_POINTS = 500
PLAIN_LINES = 10  # progress lines in a log


class Session:
    """One run in progress: the trainer, the data on the device, and what has been recorded so far."""

    def __init__(
        self, run: Run, data: splits.Splits, on: torch.device, watch: Callable[[int, dict[str, float]], None]
    ) -> None:
        """Set up at step 0; `watch` is called with each recorded step and the numbers of the whole network there."""
        self.run, self.data, self.on, self.watch = run, data, on, watch
        self.trainer: Trainer = build.trainer(run, data, on)
        self.x, self.y, self.labels = self._tensors(data.train)
        self.validation = self._tensors(data.validation)
        self.batches = Batches(len(self.x), batch=run.training.batch, seed=run.seed)
        self.start = [weight.detach().clone() for weight in self.trainer.network.weights()]
        points = random_streams.numpy_stream("evaluation points", run.data.split_seed).permutation(len(self.x))
        self.shown = torch.from_numpy(points[: run.training.log_points]).to(on)
        self.rows: list[tuple[int, int, str, float]] = []
        self.models: dict[str, ndarray] = {}
        self.losses: list[float] = []  # of the batches since the last record
        self.status, self.message = "running", None

    def train(self, after_step: Callable[[], None]) -> None:
        """Train to the end, or until the loss is NaN or infinite; `after_step` is called when a step is recorded."""
        wanted, trainer = self.run.training, self.trainer
        kept = set(checkpoint_steps(wanted.steps, count=wanted.checkpoints))
        if trainer.step == 0:
            self._record(kept)
        terminal = sys.stderr.isatty()
        bar = tqdm(total=wanted.steps, initial=trainer.step, desc=self.run.name, disable=not terminal, unit="step")
        while trainer.step < wanted.steps:
            chosen = torch.from_numpy(self.batches.indices(trainer.step)).to(self.on)
            value = self._update(self.x[chosen], self.y[chosen])
            bar.update()
            if not math.isfinite(value):
                self.status, self.message = "diverged", f"diverged at step {trainer.step}: the batch loss was {value}"
                break
            self.losses.append(value)
            self._record(kept)
            if not terminal and trainer.step % max(1, wanted.steps // PLAIN_LINES) == 0:
                print(f"{self.run.name}: step {trainer.step}/{wanted.steps}, batch loss {value:.4f}", flush=True)
            after_step()
        else:
            self.status, self.message = self._outcome()
        bar.close()

    def _outcome(self) -> tuple[str, str | None]:
        """How a training ended that came to its last step: the last update may be the one that diverges."""
        lost = [name for name, value in self.final().items() if value is None]
        if "test_loss" in self.final() and not lost:
            return "finished", None
        return "diverged", f"diverged at step {self.trainer.step}: {lost[0] if lost else 'test_loss'} is not finite"

    def _update(self, x: Tensor, y: Tensor) -> float:
        """One update; returns the batch's loss before it.

        With `log_tracking`, every `log_every`-th update is also measured: how closely the gates track the true
        gradient, and whether the batch's loss falls. These rows carry the step at which the update starts, and are
        added after it, so a checkpoint never has them without the update.
        """
        trainer, step, wanted = self.trainer, self.trainer.step, self.run.training
        if not wanted.log_tracking or step % wanted.log_every:
            return self._count_first(x, y)
        start = random_streams.torch_stream("power iteration", self.run.seed, step)
        rows = inequality_terms(trainer.network, trainer.gates, x, y, wanted.loss, generator=start)
        before = batch_loss(trainer.network, x, y, wanted.loss)
        value = self._count_first(x, y)
        falls = float(batch_loss(trainer.network, x, y, wanted.loss) < before)
        self.rows += [(step, *row) for row in [*rows, (0, "tracking_falls", falls)]]
        return value

    def _count_first(self, x: Tensor, y: Tensor) -> float:
        """One update; the operations of the first one are counted and recorded."""
        if self.trainer.step > 0:
            return self.trainer.update(x, y)
        value, operations = count_operations(lambda: self.trainer.update(x, y))
        self.rows.append((0, 0, "update_flops", float(operations)))
        return value

    def _record(self, kept: set[int]) -> None:
        """Record what is due at this step: the model at steps in `kept`, and measurements there and when logging."""
        step, wanted, trainer = self.trainer.step, self.run.training, self.trainer
        if step in kept:
            self.models |= {activations.model_key(name, step): array for name, array in trainer.model().items()}
        if step % wanted.log_every and step not in kept:
            return
        numbers = self._measure()
        self.rows += [(step, 0, name, value) for name, value in numbers.items()]
        few = self.shown[:DIAGNOSTIC_POINTS]
        by_layer = weights(trainer.network, self.start)
        by_layer += estimates(trainer.network, trainer.gates, self.x[few], self.y[few], wanted.loss)
        self.rows += [(step, *row) for row in by_layer]
        self.watch(step, numbers)

    def _measure(self) -> dict[str, float]:
        """The numbers of the whole network at this step; at the last, those of the test part too if all are finite."""
        step, wanted = self.trainer.step, self.run.training
        found = {"samples": float(step * wanted.batch)}
        found |= self._evaluate("train", self.x[self.shown], self.y[self.shown], self.labels[self.shown])
        found |= self._evaluate("validation", *self.validation)
        if self.losses:
            found["batch_loss"] = sum(self.losses) / len(self.losses)
            self.losses.clear()
        if step == wanted.steps:
            tested = self._evaluate("test", *self._tensors(self.data.test))
            if all(map(math.isfinite, (found | tested).values())):
                found |= tested
        return found

    def _evaluate(self, part: str, x: Tensor, y: Tensor, labels: Tensor) -> dict[str, float]:
        loss, accuracy = evaluate(self.trainer.network, x, y, labels, self.run.training.loss)
        return {f"{part}_loss": loss, f"{part}_accuracy": accuracy}

    def history(self) -> pd.DataFrame:
        """Everything that was recorded: step, layer, quantity, value."""
        table = pd.DataFrame(self.rows, columns=["step", "layer", "quantity", "value"])
        return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})

    def final(self) -> dict[str, float | None]:
        """The last recorded numbers of the whole network; None for a number that is not finite."""
        last = {name: value for _, layer, name, value in self.rows if layer == 0 and name != "tracking_falls"}
        return {name: value if math.isfinite(value) else None for name, value in last.items()}

    def state(self) -> dict[str, ndarray]:
        """What is needed to continue from here; random streams have no state, as each is drawn by name and step."""
        state = {f"state/{name}": array for name, array in self.trainer.state().items()}
        state |= {f"model/{name}": array for name, array in self.models.items()}
        table = self.history()
        return state | {
            "history/step": table["step"].to_numpy(),
            "history/layer": table["layer"].to_numpy(),
            "history/quantity": np.array([QUANTITIES.index(name) for name in table["quantity"]], dtype=np.int64),
            "history/value": table["value"].to_numpy(),
            "losses": np.array(self.losses, dtype=np.float64),
            "step": np.array(self.trainer.step),
        }

    def restore(self, kept: Mapping[str, ndarray] | None) -> None:
        """Continue from what `state` returned; with None, start from the beginning."""
        if kept is None:
            return
        step = int(kept["step"])
        self.trainer.restore(activations.below(kept, "state/"), step)
        self.models = activations.below(kept, "model/")
        columns = [kept[f"history/{name}"].tolist() for name in ("step", "layer", "quantity", "value")]
        self.rows = [(s, layer, QUANTITIES[q], v) for s, layer, q, v in zip(*columns, strict=True)]
        self.losses = kept["losses"].tolist()
        print(f"{self.run.name}: going on after step {step}", flush=True)

    def _tensors(self, points: splits.Points) -> tuple[Tensor, Tensor, Tensor]:
        return build.tensors(points, self.data.classes, self.on)
