"""Choosing a learning rate: short trials of a run, and the best rate among them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pipeline.datasets.shared import splits
from pipeline.learning.batches import Batches
from pipeline.learning.measurements import evaluate
from pipeline.runs import build
from pipeline.study.schema import Optimiser, Run, Tuning


def at_rate(run: Run, rate: float) -> Run:
    """The run with another learning rate, the same for the network and for its synthetic gradients."""
    training = run.training
    gates = training.gates.model_copy(update={"optimiser": _at(training.gates.optimiser, rate)})
    changed = training.model_copy(update={"optimiser": _at(training.optimiser, rate), "gates": gates})
    return run.model_copy(update={"training": changed})


def trial(run: Run, tuning: Tuning, *, rate: float, seed: int) -> Run:
    """A shorter run: `tuning.steps` updates at `rate` with `seed`; the steps of its drops are scaled in proportion."""
    short, share = at_rate(run, rate), tuning.steps / run.training.steps
    training = short.training
    gates = training.gates.model_copy(update={"optimiser": _in_proportion(training.gates.optimiser, share)})
    changed = training.model_copy(
        update={"steps": tuning.steps, "optimiser": _in_proportion(training.optimiser, share), "gates": gates}
    )
    return short.model_copy(update={"seed": seed, "training": changed})


def choose(trials: Sequence[dict[str, Any]], *, by: str) -> float:
    """The rate with the lowest mean of `by` over its trials; of equal ones, the smallest.

    A trial that diverged (`by` is None) counts as infinite, so its rate is chosen only if all rates diverge.

    Raises:
        ValueError: if there are no trials.
    """
    if not trials:
        raise ValueError("no trials to choose a rate from")
    values: dict[float, list[float]] = {}
    for each in trials:
        values.setdefault(each["rate"], []).append(math.inf if each[by] is None else each[by])
    return min(sorted(values), key=lambda rate: math.fsum(values[rate]) / len(values[rate]))


def _at(optimiser: Optimiser, rate: float) -> Optimiser:
    return optimiser.model_copy(update={"rate": rate})


def _in_proportion(optimiser: Optimiser, share: float) -> Optimiser:
    return optimiser.model_copy(update={"drops": tuple(max(1, round(drop * share)) for drop in optimiser.drops)})


def without_test(data: splits.Splits) -> splits.Splits:
    """The data with an empty test part, so that no test point can be used."""
    nothing = splits.Points(data.test.inputs[:0], data.test.labels[:0])
    return replace(data, test=nothing)


def outcome(run: Run, data: splits.Splits) -> dict[str, Any]:
    """Train, and return loss and accuracy on the validation part at the end; None if the training diverged."""
    on = build.device()
    trainer = build.trainer(run, data, on)
    x, y, _ = build.tensors(data.train, data.classes, on)
    batches = Batches(len(x), batch=run.training.batch, seed=run.seed)
    for step in range(run.training.steps):
        chosen = torch.from_numpy(batches.indices(step)).to(on)
        if not math.isfinite(trainer.update(x[chosen], y[chosen])):
            return {"validation_loss": None, "validation_accuracy": None}
    loss, accuracy = evaluate(trainer.network, *build.tensors(data.validation, data.classes, on), run.training.loss)
    return {"validation_loss": loss if np.isfinite(loss) else None, "validation_accuracy": accuracy}
