"""What came of a study's trainings and trials: how runs ended, final accuracies, chosen rates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.learning.placement import positions
from pipeline.metrics import names
from pipeline.metrics.formatting import Estimate
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE
from pipeline.results import paths, run_summaries, store
from pipeline.study.labels import identity
from pipeline.study.plan import Plan
from pipeline.study.schema import Run

FINISHED = "finished"


@dataclass(frozen=True)
class FinalRow:
    """The final accuracies of one method in one setting of a sweep, over the runs that finished.

    Attributes:
        sweep: the sweep; two sweeps may differ in more than depth and method, such as the data set.
        method: the method's label.
        hidden: number of hidden layers.
        varied: the other varied settings, in words; often none.
        runs: how many runs the study asks for.
        finished: how many finished.
        estimates: mean, 95 % interval and n by quantity, such as `test_accuracy`.
    """

    sweep: str
    method: str
    hidden: int
    varied: str
    runs: int
    finished: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class RateRow:
    """The rates that were chosen for a method in a setting.

    Attributes:
        sweep: the sweep for which they were searched; runs of other sweeps with the same settings share them.
        method: the method's label.
        hidden: number of hidden layers.
        varied: the other varied settings, in words.
        rate: of the network, per step.
        factor: the modules' rate as a multiple of it; None if no module has a rate of its own.
        at_edge: whether the rates lie on the edge of all that was tried.
        bracketed: whether the last rung has tried a lower and a higher rate of the network.
    """

    sweep: str
    method: str
    hidden: int
    varied: str
    rate: float
    factor: float | None
    at_edge: bool
    bracketed: bool


def finals(plan: Plan) -> list[FinalRow]:
    """The final accuracies by sweep, depth, other varied settings and method, in the order of the study.

    Raises:
        store.DamagedFileError: if a summary is damaged.
    """
    found = ended(plan)
    groups: dict[tuple[str, int, str, str], list[Run]] = {}
    for run in plan.runs.values():
        groups.setdefault((run.sweep, run.training.network.hidden, _varied(run), run.method), []).append(run)
    return [_final(plan, runs, found) for runs in groups.values()]


def _final(plan: Plan, runs: Sequence[Run], known: Mapping[str, Mapping[str, Any]]) -> FinalRow:
    first = runs[0]
    found = [known[run.name].get("final") or {} for run in runs if known.get(run.name, {}).get("status") == FINISHED]
    quantities = sorted({name for each in found for name in each if name.endswith("accuracy")})
    estimates = {
        name: Estimate(*interval([_number(each.get(name)) for each in found], range=SHARE)) for name in quantities
    }
    label, hidden = plan.study.methods[first.method].label, first.training.network.hidden
    return FinalRow(first.sweep, label, hidden, _varied(first), len(runs), len(found), estimates)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def rates(plan: Plan) -> list[RateRow]:
    """The chosen rates of each method in each setting, in the order of the study; those not chosen yet are left out.

    Raises:
        store.DamagedFileError: if a file of the choices is damaged.
    """
    there = {cell: runs[0] for cell, runs in plan.cells.items() if paths.choice(plan.name, cell).is_file()}
    return [_rate(plan, run, paths.choice(plan.name, cell)) for cell, run in there.items()]


def _rate(plan: Plan, run: Run, path: Path) -> RateRow:
    choice = store.read_json(path)
    try:
        rate, at_edge, bracketed = float(choice["rate"]), bool(choice["at_edge"]), bool(choice["bracketed"])
        (factor,) = {
            float(each["gate_factor"])
            for each in choice["trials"]
            if (each["rate"], each["gate_rate"]) == (choice["rate"], choice["gate_rate"])
        }
    except (TypeError, ValueError):
        raise store.DamagedFileError(
            f"{path}: expected the chosen rates with the trials of them, found something else; remove it and run the "
            "workflow again"
        ) from None
    label, hidden = plan.study.methods[run.method].label, run.training.network.hidden
    own = factor if has_gate_rate(run) else None
    return RateRow(run.sweep, label, hidden, _varied(run), rate, own, at_edge, bracketed)


def has_gate_rate(run: Run) -> bool:
    """Whether the modules of a run's gates learn and are applied, as in `runs.tuning`, here without torch."""
    gated = positions(run.model_dump()["placement"], hidden=run.training.network.hidden)
    return bool(gated) and run.training.gates.apply and members.constants("estimators", run.estimator)["LEARNED"]


def ended(plan: Plan) -> dict[str, dict[str, Any]]:
    """How each run ended, by its name, in the order of the plan; without those that have no result."""
    found: dict[str, dict[str, Any]] = {}
    for block in plan.blocks:
        found |= run_summaries.read(paths.summary(plan.name, block))
    return {run: found[run] for run in plan.runs if run in found}


def _varied(run: Run) -> str:
    return ", ".join(names.beyond_depth(identity(run)["varied"]))
