"""Choosing a learning rate: short trials of a run, and the best rate among them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from pipeline.datasets.shared import splits
from pipeline.learning.batches import Batches, rows
from pipeline.learning.descent import Batch, descend
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


def outcomes(trials: Sequence[Run], data: splits.Splits) -> list[dict[str, float | None]]:
    """Train all trials side by side: of each, loss and accuracy on the validation part at the end.

    Both are None if the training diverged.

    Args:
        trials: runs that differ in no more than their rates and seeds.
        data: what they learn.
    """
    on, wanted = build.device(), trials[0].training
    trainers = [build.trainer(run, data, on) for run in trials]
    stack = build.stack(trials[0], trainers)
    x, y, _ = build.tensors(data.train, data.classes, on)
    batches = Batches(len(x), batch=wanted.batch, seeds=[run.seed for run in trials], on=on)

    def batch(step: int) -> Batch:
        chosen = batches.chosen(step)
        return rows(x, chosen), rows(y, chosen)

    ((_, losses),) = descend(stack, batch, [wanted.steps])
    diverged = ~torch.isfinite(losses).all(dim=0)
    validation = build.tensors(data.validation, data.classes, on)
    found: list[dict[str, float | None]] = []
    for trainer, ended in zip(trainers, diverged.tolist(), strict=True):
        loss, accuracy = (None, None) if ended else evaluate(trainer.network, *validation, wanted.loss)
        finite = loss is not None and math.isfinite(loss)
        found.append({"validation_loss": loss if finite else None, "validation_accuracy": accuracy})
    return found
