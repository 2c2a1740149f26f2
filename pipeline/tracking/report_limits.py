"""What a study's W&B report says of its limits, and what it links to."""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from pipeline.metrics.by_seed import DIVERGED
from pipeline.results import paths, provenance, store
from pipeline.study import run_outcomes
from pipeline.study.plan import Plan
from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import ClaimRows

PAPER = "https://arxiv.org/abs/1703.00522"
CITATION = Path("CITATION.cff")


def limits(plan: Plan, claims: Sequence[ClaimRows]) -> list[str]:
    """What limits the findings, in sentences: runs that diverged or are missing, rates at the edge, undecided claims.

    Raises:
        store.DamagedFileError: if a summary or a choice is damaged.
    """
    chosen = run_outcomes.rates(plan)
    edge = sum(each.at_edge for each in chosen)
    told = [_outcomes(plan)]
    if chosen:
        told.append(
            f"{edge} of {len(chosen)} chosen rates lie on the edge of all that was tried: better ones may lie beyond."
        )
    for verdict in (criteria.UNDECIDED, criteria.NOT_TESTABLE):
        told += [
            f"{claim.whole['id']} is {verdict}: {claim.whole['evidence']}"
            for claim in claims
            if claim.whole["verdict"] == verdict
        ]
    return told + [
        f"{claim.whole['id']} leaves open: {claim.whole['open']}" for claim in claims if claim.whole.get("open")
    ]


def _outcomes(plan: Plan) -> str:
    """How many trainings diverged, by sweep and method, and how many have no result."""
    ended = run_outcomes.ended(plan)
    lost = collections.Counter(
        f"{plan.study.methods[run.method].label} in {run.sweep}"
        for run in plan.runs.values()
        if ended.get(run.name, {}).get("status") == DIVERGED
    )
    missing = sum(name not in ended for name in plan.runs)
    told = f"{lost.total()} of {len(plan.runs)} trainings diverged"
    if lost:
        where = ", ".join(f"{number} of {what}" for what, number in lost.items())
        told += f" ({where}); no mean in the tables contains them"
    return f"{told}." + (f" {missing} have no result." if missing else "")


def links(plan: Plan, artifacts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and values of the links: paper, code, and the artifacts that hold the rest.

    Args:
        plan: the study's jobs.
        artifacts: what each artifact holds, by its name.
    """
    origin = store.provenance_of(paths.metrics(plan.name))
    commit, repository = origin.get("commit"), _repository()
    described = f"`{provenance.describe_commit(origin) or 'not recorded'}`"
    return [
        ("Paper", f"[arXiv:1703.00522]({PAPER})"),
        *([("Repository", f"[{repository}]({repository})")] if repository else []),
        ("Code of the results", f"commit {described}" if commit else described),
        *((f"Artifact `{name}`", holds) for name, holds in artifacts.items()),
        ("Archive of code, settings and results", "`make archive` at that commit, with the results of the artifacts"),
    ]


def _repository() -> str | None:
    """The repository's address as CITATION.cff names it; None if it names none."""
    if not CITATION.is_file():
        return None
    try:
        found = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    address = found.get("repository-code") if isinstance(found, dict) else None
    return address if isinstance(address, str) and address.startswith("https://") else None
