"""Checks of a study's results: audit, reference values, missing or stale results, Weights & Biases' records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.audit.code_versions import old_layout
from pipeline.pages.evidence import DIVERGED, FINISHED, MISSING, Results, origin
from pipeline.results import paths
from pipeline.study.plan import Plan
from pipeline.tracking import metric_names
from pipeline.tracking.reader import OfflineRun

ROUNDING = 1e-9  # relative difference that W&B's JSON may cause in a number


@dataclass(frozen=True)
class Check:
    """A reason to trust the study, or not to; `good` is None where there is nothing to judge."""

    name: str
    good: bool | None
    says: str
    details: Sequence[str] = ()


@dataclass(frozen=True)
class PublishedComparison:
    """How the results compare with the reference values; `claims` says what differs, by the claim's id.

    `same` is None if the results are the published ones themselves, of which sameness shows nothing.
    """

    same: bool | None
    says: str
    claims: Mapping[str, str] = field(default_factory=dict)


def audit(findings: Sequence[str] | None) -> Check:
    """What an audit found; None if none was made."""
    if findings is None:
        return Check("Audit", None, "no audit was made for this page")
    return Check(
        "Audit",
        not findings,
        f"{len(findings)} finding{'s' if len(findings) > 1 else ''}" if findings else "no findings",
        findings,
    )


def published(found: PublishedComparison | None) -> Check:
    """Whether the results are those that were published."""
    if found is None:
        return Check("Against the reference values", None, "this study has none yet")
    details = [f"{claim}: {text}" for claim, text in found.claims.items()]
    return Check("Against the reference values", found.same, found.says, details)


def verdicts(
    plan: Plan, metrics: Mapping[str, Any], rows: Sequence[Any], older: tuple[int, Mapping[str, str]] | None = None
) -> Check:
    """Whether the claims were judged by the present criteria, from numbers made with the present settings."""
    settings = origin(metrics).get("settings")
    if older:
        version, words = older
        says = f"judged by criteria version {version}, which are no longer in use; their verdicts are listed here"
        return Check("Verdicts", False, says, [f"{id}: {verdict}" for id, verdict in words.items()])
    if not rows:
        return Check("Verdicts", False, "not judged yet: run the workflow")
    if settings == plan.settings_hash():
        return Check("Verdicts", True, "from numbers that were made with the study's present settings")
    says = f"from numbers made with settings {settings}, the study now has {plan.settings_hash()}: run it again"
    return Check("Verdicts", False, says)


def runs(found: Results) -> list[Check]:
    """Whether every run has a result that was made with the present settings and code, and which runs diverged."""
    every = found.plan.runs
    missing = [run for run in every if found.status(run) == MISSING]
    diverged = [run for run in every if found.status(run) == DIVERGED]
    other = [run for run in every if run in found.summaries and not found.is_present(run)]
    there = len(every) - len(missing)
    return [
        Check("Runs with a result", not missing, f"{there} of {len(every)}", [*missing, *old_layout(found.plan)]),
        Check("Made with the present settings and code", not other, f"{there - len(other)} of {there} runs", other),
        Check("Runs that diverged", None, f"{len(diverged)}; no mean contains them" if diverged else "none", diverged),
    ]


def figures(plan: Plan) -> Check:
    """Whether all figures are drawn."""
    missing = [figure for figure in plan.study.figures if not paths.drawing(plan.name, figure, "svg").is_file()]
    every = len(plan.study.figures)
    return Check("Figures drawn", not missing, f"{every - len(missing)} of {every}", missing)


def records(found: Results) -> Check:
    """Whether W&B's records are complete and have the same numbers as the results."""
    damaged = found.damaged
    there = {run: each for run, each in found.records.items() if not each.is_old}
    old = [f"{run}: recorded under the names of an older version, not compared" for run in found.records.keys() - there]
    unfinished = [f"{run}: its record is {each.status}" for run, each in there.items() if each.status != FINISHED]
    other = [
        f"{run}: another {name} than in the results"
        for run in there
        for name in _differing(found.summaries[run], there[run])
    ]
    says = f"{len(there)} of {len(found.summaries)} runs are recorded here"
    if not found.records and not damaged:
        return Check("Weights & Biases", None, f"{says}; curves are from the results")
    says += f", {len(there) - len({each.partition(':')[0] for each in other})} with the numbers of the results"
    if len(there) < len(found.summaries):
        says += "; other curves are from the results"
    problems = [*damaged, *unfinished, *other, *sorted(old)]
    return Check("Weights & Biases", not problems, says, problems)


def reasons(found: Sequence[tuple[str, Sequence[str]]] | None) -> Check:
    """Why the jobs of the last run here ran; None if there is no log of a run."""
    if found is None:
        return Check("Last run here", None, "none is on record: the results were pulled, or their logs removed")
    count = sum(len(jobs) for _, jobs in found)
    details = [f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}, {jobs[0]} the first: {why}" for why, jobs in found]
    return Check("Last run here", None, f"{count} jobs ran" if count else "nothing ran: all was fresh", details)


def _differing(summary: Mapping[str, Any], record: OfflineRun) -> list[str]:
    """The final numbers for which W&B has another value than the results."""
    pairs = {name: (value, metric_names.last(record.summary, name)) for name, value in summary["final"].items()}
    return [
        name
        for name, (ours, theirs) in pairs.items()
        if isinstance(ours, float) and theirs is not None and not math.isclose(ours, theirs, rel_tol=ROUNDING)
    ]
