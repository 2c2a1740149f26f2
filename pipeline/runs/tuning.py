"""Choosing learning rates: short trials of a run, and the best rates among them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from pipeline import members
from pipeline.datasets.shared import splits
from pipeline.learning import rate_search
from pipeline.learning.batches import Batches, rows
from pipeline.learning.descent import Batch, descend
from pipeline.learning.measurements import evaluate
from pipeline.learning.placement import positions
from pipeline.learning.rate_search import Rates
from pipeline.runs import build
from pipeline.study.resources import TRIALS_AT_ONCE
from pipeline.study.schema import Optimiser, Run, Tuning

Outcome = dict[str, float | None]
DIVERGED: Outcome = {"validation_loss": None, "validation_accuracy": None}


def at_rates(run: Run, rate: float, gate_rate: float) -> Run:
    """The run with other learning rates, of the network and of its gates' modules."""
    training = run.training
    gates = training.gates.model_copy(update={"optimiser": _at(training.gates.optimiser, gate_rate)})
    changed = training.model_copy(update={"optimiser": _at(training.optimiser, rate), "gates": gates})
    return run.model_copy(update={"training": changed})


def trial(run: Run, rates: Rates, *, steps: int, seed: int) -> Run:
    """A shorter run with other rates and another seed; the steps of its drops are moved in proportion."""
    short, share = at_rates(run, rates.rate, rates.gate_rate), steps / run.training.steps
    training = short.training
    gates = training.gates.model_copy(update={"optimiser": _in_proportion(training.gates.optimiser, share)})
    changed = training.model_copy(
        update={"steps": steps, "optimiser": _in_proportion(training.optimiser, share), "gates": gates}
    )
    return short.model_copy(update={"seed": seed, "training": changed})


def has_gate_rate(run: Run) -> bool:
    """Whether the rate of the gates' modules can change what the network learns: modules that learn are applied."""
    gated = positions(run.model_dump()["placement"], hidden=run.training.network.hidden)
    return bool(gated) and run.training.gates.apply and members.constants("estimators", run.estimator)["LEARNED"]


def _at(optimiser: Optimiser, rate: float) -> Optimiser:
    return optimiser.model_copy(update={"rate": rate})


def _in_proportion(optimiser: Optimiser, share: float) -> Optimiser:
    return optimiser.model_copy(update={"drops": tuple(max(1, round(drop * share)) for drop in optimiser.drops)})


def without_test(data: splits.Splits) -> splits.Splits:
    """The data with an empty test part, so that no test point can be used."""
    nothing = splits.Points(data.test.inputs[:0], data.test.labels[:0])
    return replace(data, test=nothing)


def search(run: Run, tuning: Tuning, data: splits.Splits) -> dict[str, Any]:
    """Search for the rates of runs that differ from `run` in their seeds only.

    Args:
        run: one of them.
        tuning: what is tried.
        data: what they learn; see `without_test`.

    Returns:
        The best `rate` and `gate_rate`, whether they are `at_edge` of all that was tried and `bracketed` by lower and
        higher rates in the last rung, the `rungs`, and all `trials`: rung (from 1), steps, rate, gate_factor,
        gate_rate, seed and what `outcomes` has of each.
    """
    separate, widening = has_gate_rate(run), rate_search.Widening(**tuning.widening.model_dump())
    first = rate_search.grid(tuning.rates, tuning.gate_factors, separate=separate, spacing=widening.factor)
    plan = rate_search.rungs(len(first), steps=tuning.steps, count=tuning.halving.rungs, factor=tuning.halving.factor)
    trials: list[dict[str, Any]] = []

    def losses(wanted: Sequence[Rates], steps: int) -> list[list[float | None]]:
        asked = [(rates, seed) for rates in wanted for seed in tuning.seeds]
        found = outcomes([trial(run, rates, steps=steps, seed=seed) for rates, seed in asked], data)
        rung = trials[-1]["rung"] + 1 if trials else 1
        for (rates, seed), outcome in zip(asked, found, strict=True):
            trials.append({"rung": rung, "steps": steps, **columns(rates), "seed": seed, **outcome})
        each = len(tuning.seeds)
        values = [outcome[tuning.chosen_by] for outcome in found]
        return [values[start : start + each] for start in range(0, len(values), each)]

    found = rate_search.search(first, plan, losses, widening=widening)
    best = {"rate": found.best.rate, "gate_rate": found.best.gate_rate, "at_edge": found.at_edge}
    return {**best, "bracketed": found.bracketed, "rungs": [asdict(rung) for rung in plan], "trials": trials}


def columns(rates: Rates) -> dict[str, float]:
    """The columns that tell rates in a table of trials."""
    return {"rate": rates.rate, "gate_factor": rates.factor, "gate_rate": rates.gate_rate}


def outcomes(trials: Sequence[Run], data: splits.Splits) -> list[Outcome]:
    """Train trials: of each, loss and accuracy on the validation part at the end, both None if it diverged.

    Args:
        trials: runs that differ in no more than their rates and seeds.
        data: what they learn.
    """
    on = build.device()
    at_once = TRIALS_AT_ONCE if on.type == "cpu" else len(trials)
    parts = (trials[start : start + at_once] for start in range(0, len(trials), at_once))
    return [outcome for part in parts for outcome in _side_by_side(part, data, on)]


def _side_by_side(trials: Sequence[Run], data: splits.Splits, on: torch.device) -> list[Outcome]:
    """The outcomes of trials that share a stack."""
    wanted = trials[0].training
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
    found: list[Outcome] = []
    for trainer, ended in zip(trainers, diverged.tolist(), strict=True):
        loss, accuracy = (None, None) if ended else evaluate(trainer.network, *validation, wanted.loss)
        finite = loss is not None and math.isfinite(loss)
        found.append({"validation_loss": loss, "validation_accuracy": accuracy} if finite else dict(DIVERGED))
    return found
