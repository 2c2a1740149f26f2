"""What speaks for a study's results and against them, as the review tells it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.pages.evidence import Results, origin
from pipeline.pages.review_model import DIVERGED, FINISHED, MISSING, Check, Published, Run
from pipeline.results import paths
from pipeline.study.plan import Plan
from pipeline.tracking.reader import OfflineRun

ROUNDING = 1e-9  # relative, on the way through W&B's JSON


def audit(findings: Sequence[str] | None) -> Check:
    """What an audit found."""
    if findings is None:
        return Check("Audit", None, "no audit was made for this page")
    return Check(
        "Audit",
        not findings,
        f"{len(findings)} finding{'s' if len(findings) > 1 else ''}" if findings else "no findings",
        findings,
    )


def published(found: Published | None) -> Check:
    """Are the results those that were published?"""
    if found is None:
        return Check("Against what is published", None, "nothing published yet")
    details = [f"{claim}: {text}" for claim, text in found.claims.items()]
    return Check("Against what is published", found.same, found.says, details)


def made(plan: Plan, metrics: Mapping[str, Any], runs: Mapping[str, Run], rows: Sequence[Any]) -> list[Check]:
    """Are the verdicts and the runs there, and from the present settings and code?"""
    every = list(runs.values())
    missing = [run.name for run in every if run.status == MISSING]
    diverged = [run.name for run in every if run.status == DIVERGED]
    other = [run.name for run in every if run.present is False]
    there = len(every) - len(missing)
    settings = origin(metrics).get("settings")
    numbers = Check("Verdicts", False, "not judged yet: run the workflow")
    if rows and settings == plan.settings_hash():
        numbers = Check("Verdicts", True, "from numbers that were made with the study's present settings")
    elif rows:
        says = f"from numbers made with settings {settings}, the study now has {plan.settings_hash()}: run it again"
        numbers = Check("Verdicts", False, says)
    return [
        numbers,
        Check("Runs with a result", not missing, f"{there} of {len(every)}", missing),
        Check("Made with the present settings and code", not other, f"{there - len(other)} of {there} runs", other),
        Check("Runs that diverged", None, f"{len(diverged)}; no mean contains them" if diverged else "none", diverged),
    ]


def figures(plan: Plan, name: str) -> Check:
    """Are all figures drawn?"""
    missing = [figure for figure in plan.study.figures if not paths.drawing(name, figure, "svg").is_file()]
    every = len(plan.study.figures)
    return Check("Figures drawn", not missing, f"{every - len(missing)} of {every}", missing)


def records(results: Results) -> Check:
    """Are W&B's records whole, and do they say what the results say?"""
    found, damaged = results.records, results.damaged
    unfinished = [f"{run}: its record is {each.status}" for run, each in found.items() if each.status != FINISHED]
    other = [
        f"{run}: another {name} than in the results"
        for run in found
        for name in _differing(results.summaries[run], found[run])
    ]
    says = f"{len(found)} of {len(results.summaries)} runs are recorded here"
    if not found and not damaged:
        return Check("Weights & Biases", None, f"{says}; curves are from the results")
    says += f", {len(found) - len({each.partition(':')[0] for each in other})} with the numbers of the results"
    if len(found) < len(results.summaries):
        says += "; other curves are from the results"
    problems = [*damaged, *unfinished, *other]
    return Check("Weights & Biases", not problems, says, problems)


def reasons(found: Sequence[tuple[str, Sequence[str]]] | None) -> Check:
    """Why the jobs of the last run here ran."""
    if found is None:
        return Check("Last run here", None, "none is on record: the results were pulled, or their logs removed")
    count = sum(len(jobs) for _, jobs in found)
    details = [f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}, {jobs[0]} the first: {why}" for why, jobs in found]
    return Check("Last run here", None, f"{count} jobs ran" if count else "nothing ran: all was fresh", details)


def _differing(summary: Mapping[str, Any], record: OfflineRun) -> list[str]:
    """The final numbers of which W&B has another value than the results."""
    pairs = {name: (value, record.summary.get(name)) for name, value in summary["final"].items()}
    return [
        name
        for name, (ours, theirs) in pairs.items()
        if isinstance(ours, float)
        and isinstance(theirs, int | float)
        and not math.isclose(ours, theirs, rel_tol=ROUNDING)
    ]
