"""A training in progress: the updates, and what is recorded along the way."""

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
from pipeline.learning.error_bound import batch_loss, track
from pipeline.learning.measurements import QUANTITIES, counted, estimates, evaluate, weights
from pipeline.learning.trainer import Batches, Trainer, checkpoint_steps
from pipeline.runs import build
from pipeline.study.schema import Run

DIAGNOSTIC_POINTS = 500
PLAIN_LINES = 10  # progress lines in a log


class Session:
    """One run in progress: the trainer, the data on the device, and what has been recorded so far."""

    def __init__(
        self, run: Run, data: splits.Splits, on: torch.device, watch: Callable[[int, dict[str, float]], None]
    ) -> None:
        """Set up at step 0; `watch` is told the numbers of the whole network as they come."""
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
        self.losses: list[float] = []  # of the batches since the last entry
        self.status, self.message = "running", None

    def go(self, after_step: Callable[[], None]) -> None:
        """Train to the end, or until the loss is no number; `after_step` is called when all of a step is recorded."""
        wanted, trainer = self.run.training, self.trainer
        looks = set(checkpoint_steps(wanted.steps, count=wanted.checkpoints))
        if trainer.step == 0:
            self._record(looks)
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
            self._record(looks)
            if not terminal and trainer.step % max(1, wanted.steps // PLAIN_LINES) == 0:
                print(f"{self.run.name}: step {trainer.step}/{wanted.steps}, batch loss {value:.4f}", flush=True)
            after_step()
        else:
            self.status = "finished"
        bar.close()

    def _update(self, x: Tensor, y: Tensor) -> float:
        """One update, and at every `log_every`-th how closely the gates track, if that is asked for; the loss before.

        The rows stand under the step that the update starts from, and are added after it: a run that was stopped never
        goes on between the two.
        """
        trainer, step, wanted = self.trainer, self.trainer.step, self.run.training
        if not wanted.log_tracking or step % wanted.log_every:
            return self._counted(x, y)
        start = random_streams.torch_stream("power iteration", self.run.seed, step)
        rows = track(trainer.network, trainer.gates, x, y, wanted.loss, generator=start)
        before = batch_loss(trainer.network, x, y, wanted.loss)
        value = self._counted(x, y)
        falls = float(batch_loss(trainer.network, x, y, wanted.loss) < before)
        self.rows += [(step, *row) for row in [*rows, (0, "tracking_falls", falls)]]
        return value

    def _counted(self, x: Tensor, y: Tensor) -> float:
        """One update; the first one's operations are counted: those of matrix products, two for each multiply-add."""
        if self.trainer.step > 0:
            return self.trainer.update(x, y)
        value, operations = counted(lambda: self.trainer.update(x, y))
        self.rows.append((0, 0, "update_flops", float(operations)))
        return value

    def _record(self, looks: set[int]) -> None:
        """Write down what is due at this step."""
        step, wanted = self.trainer.step, self.run.training
        if step in looks:
            self.models |= {f"step{step:08d}/{name}": array for name, array in self.trainer.model().items()}
        if step % wanted.log_every and step not in looks:
            return
        network, points = self.trainer.network, self.shown
        train = evaluate(network, self.x[points], self.y[points], self.labels[points], wanted.loss)
        validation = evaluate(network, *self.validation, wanted.loss)
        found = {
            "samples": float(step * wanted.batch),
            "train_loss": train[0],
            "train_accuracy": train[1],
            "validation_loss": validation[0],
            "validation_accuracy": validation[1],
        }
        if self.losses:
            found["batch_loss"] = sum(self.losses) / len(self.losses)
            self.losses.clear()
        if step == wanted.steps:
            test = self._tensors(self.data.test)
            found["test_loss"], found["test_accuracy"] = evaluate(network, *test, wanted.loss)
        self.rows += [(step, 0, name, value) for name, value in found.items()]
        few = points[:DIAGNOSTIC_POINTS]
        by_layer = weights(network, self.start)
        by_layer += estimates(network, self.trainer.gates, self.x[few], self.y[few], wanted.loss)
        self.rows += [(step, *row) for row in by_layer]
        self.watch(step, found)

    def history(self) -> pd.DataFrame:
        """All that was recorded: step, layer, quantity, value."""
        table = pd.DataFrame(self.rows, columns=["step", "layer", "quantity", "value"])
        return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})

    def final(self) -> dict[str, float | None]:
        """The last recorded numbers of the whole network; None where a diverged run has none that is finite."""
        last = {name: value for _, layer, name, value in self.rows if layer == 0 and name != "tracking_falls"}
        return {name: value if math.isfinite(value) else None for name, value in last.items()}

    def state(self) -> dict[str, ndarray]:
        """What is needed to go on from here; every random stream is drawn by name and step, and so needs no state."""
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

    def take_up(self, kept: Mapping[str, ndarray] | None) -> None:
        """Go on from what `state` returned; from the start if there is nothing."""
        if kept is None:
            return
        step = int(kept["step"])
        self.trainer.restore(_below(kept, "state/"), step)
        self.models = _below(kept, "model/")
        columns = [kept[f"history/{name}"].tolist() for name in ("step", "layer", "quantity", "value")]
        self.rows = [(s, layer, QUANTITIES[q], v) for s, layer, q, v in zip(*columns, strict=True)]
        self.losses = kept["losses"].tolist()
        print(f"{self.run.name}: going on after step {step}", flush=True)

    def _tensors(self, points: splits.Points) -> tuple[Tensor, Tensor, Tensor]:
        return build.tensors(points, self.data.classes, self.on)


def _below(arrays: Mapping[str, ndarray], prefix: str) -> dict[str, ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
