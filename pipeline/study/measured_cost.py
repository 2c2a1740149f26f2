"""What a study's trainings and trials took, beside what was predicted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from pipeline.results import store, timing
from pipeline.study import budget
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan

HEAD = (
    "comparison",
    "training jobs",
    "CPU s, predicted",
    "measured",
    "ratio",
    "trial jobs",
    "CPU s, predicted",
    "measured",
    "ratio",
)


@dataclass(frozen=True)
class Part:
    """The trainings or the trials of a comparison.

    Attributes:
        jobs: how many jobs they are.
        predicted: CPU seconds.
        measured: CPU seconds.
    """

    jobs: int
    predicted: float
    measured: float

    def cells(self) -> tuple[str, str, str, str]:
        """Jobs, both times, and the measured one over the predicted one; empty without jobs."""
        if not self.jobs:
            return ("", "", "", "")
        ratio = f"{self.measured / self.predicted:.2f}" if self.predicted else ""
        return (str(self.jobs), f"{self.predicted:,.0f}", f"{self.measured:,.0f}", ratio)


@dataclass(frozen=True)
class Measured:
    """One comparison: a sweep of the study."""

    sweep: str
    trainings: Part
    trials: Part


def measured(plan: Plan) -> list[Measured]:
    """The comparisons of which every training and every trial was timed with the present settings.

    Raises:
        DamagedFileError: if a result can't be read.
    """
    found = []
    for row in budget.rows(plan):
        runs = [run for run in plan.runs.values() if run.sweep == row.sweep]
        blocks = [plan.job("train", block=name) for name in plan.blocks_of(runs)]
        tuned = dict.fromkeys(plan.cell(run.name) for run in runs if run.tuned)
        cells = [plan.job("tune", cell=name) for name in tuned]
        seconds, trial_seconds = _seconds(blocks, "summary"), _seconds(cells, "choice")
        if seconds is not None and trial_seconds is not None:
            trainings = Part(len(blocks), row.trainings, seconds)
            found.append(Measured(row.sweep, trainings, Part(len(cells), row.trials, trial_seconds)))
    return found


def _seconds(jobs: Iterable[Job], output: str) -> float | None:
    """The CPU seconds of some jobs together; None if one of them has no time, or a result of other settings.

    Args:
        jobs: of one stage.
        output: the name of the output that has the provenance.
    """
    total = 0.0
    for job in jobs:
        if not (job.benchmark.is_file() and _of_these_settings(job.named_outputs[output], job)):
            return None
        total += sum(row["cpu_time"] for row in timing.measured(job.benchmark.read_text(encoding="utf-8")))
    return total


def _of_these_settings(path: Path, job: Job) -> bool:
    return path.is_file() and store.provenance_of(path).get("settings") == job.settings_hash


def table(found: Sequence[Measured]) -> str:
    """The comparisons and their sum as a Markdown table."""
    rows = [(each.sweep, *each.trainings.cells(), *each.trials.cells()) for each in found]
    sums = [_sum(each.trainings for each in found), _sum(each.trials for each in found)]
    last = ("all", *sums[0].cells(), *sums[1].cells())
    return tabulate([*rows, last], HEAD, tablefmt="github", disable_numparse=True)


def _sum(parts: Iterable[Part]) -> Part:
    parts = list(parts)
    return Part(
        sum(part.jobs for part in parts), sum(part.predicted for part in parts), sum(part.measured for part in parts)
    )
