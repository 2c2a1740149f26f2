"""A study's review as a W&B Report: verdicts, each claim with its figures and runs, and where the results come from.

The report's model is built without a key or a server: its run sets name no project, which stands for the report's own.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.metrics import formatting
from pipeline.metrics.formatting import BACKTICKS
from pipeline.verdicts import claim_rows
from pipeline.verdicts.claim_rows import ClaimRows

LONGEST_TITLE = 128  # characters; the library refuses more
TRAININGS, RESULTS = "trainings", "figures and headline numbers"


class NotInstalledError(RuntimeError):
    """The package that builds W&B Reports isn't there."""


@dataclass(frozen=True)
class Shown:
    """A figure of the report, and the names of the trainings that it is drawn from."""

    title: str
    runs: Sequence[str]


@dataclass(frozen=True)
class Review:
    """Everything that the report shows.

    Attributes:
        title: of the study.
        facts: what a reader must know first, in pairs.
        verdicts: the rows of verdicts.json.
        figures: by name; a claim's others are left out.
        groups: W&B groups of the trainings: results that were kept may come from several runs of the study.
        results: W&B's id of the run that has the figures, None if there is none.
        artifacts: names of artifacts whose lineage is shown.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    verdicts: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Shown]
    groups: Sequence[str]
    results: str | None
    artifacts: Sequence[str]


def build(review: Review, *, entity: str, project: str) -> Any:
    """The library's report.

    Args:
        review: what it shows.
        entity: whose it is; empty where that isn't known yet.
        project: where the runs are.

    Raises:
        NotInstalledError: if the package isn't there.
    """
    wr, _ = library()
    claims = claim_rows.by_claim(review.verdicts)
    blocks = [wr.MarkdownBlock(_list(review.facts)), wr.H2("Verdicts"), wr.MarkdownBlock(_overview(claims))]
    blocks += [wr.H2("Claims"), wr.TableOfContents()]
    for claim in claims:
        blocks += [wr.H3(f"{claim.whole['id']}: {claim.whole['verdict']}"), wr.MarkdownBlock(_claim(claim))]
        blocks += [_grid(review, name) for name in _names(claim) if name in review.figures]
    blocks += [wr.H2("Runs"), wr.PanelGrid(runsets=[_trainings(review, None), _results(review)])]
    blocks.append(wr.H2("Where the results come from"))
    for name in review.artifacts:
        blocks.append(wr.MarkdownBlock(f"Artifact `{name}`"))
        if entity:
            blocks.append(wr.WeaveBlockArtifact(entity=entity, project=project, artifact=name, tab="lineage"))
    return wr.Report(project=project, entity=entity, title=review.title[:LONGEST_TITLE], blocks=blocks, width="fixed")


def specification(report: Any) -> str:
    """What the library would send of a report, as JSON."""
    return report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)


def library() -> tuple[Any, Any]:
    """The library's modules for reports and for filters.

    Raises:
        NotInstalledError: if the package isn't there.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pydantic
            import wandb_workspaces.reports.v2 as reports
            from wandb_workspaces import expr
    except ImportError:
        raise NotInstalledError(
            "found no package wandb-workspaces, which builds the report; install it with `uv pip install "
            "--requirement requirements-tools.lock`, or by `make setup`"
        ) from None
    return reports, expr


def _names(claim: ClaimRows) -> list[str]:
    """The figures of a claim and its parts, each once."""
    rows = [claim.whole, *claim.parts]
    return list(dict.fromkeys(row["figure"] for row in rows if row["figure"]))


def _grid(review: Review, name: str) -> Any:
    """A figure as a picture, from the run that has them, with the trainings that it is drawn from beside it."""
    wr, _ = library()
    figure = review.figures[name]
    sets = [_results(review)]
    if figure.runs:
        sets.append(_trainings(review, figure.runs))
    panel = wr.MediaBrowser(title=figure.title, media_keys=[name], layout=wr.Layout(w=24, h=14))
    return wr.PanelGrid(runsets=sets, panels=[panel])


def _trainings(review: Review, runs: Sequence[str] | None) -> Any:
    """A run set of trainings: those of some names, or all of them."""
    wr, expr = library()
    filters = [expr.Metric("JobType") == "train", expr.Metric("Group").isin(list(review.groups))]
    if runs is not None:
        filters.append(expr.Metric("Name").isin(list(runs)))  # the library would turn Config("name") into another key
    return wr.Runset(name=TRAININGS, filters=expr.And(*filters))


def _results(review: Review) -> Any:
    """A run set of the one run that has figures and headline numbers, by its id."""
    wr, expr = library()
    return wr.Runset(name=RESULTS, filters=expr.And(expr.Metric("ID") == (review.results or "")))


def _list(facts: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {_plain(value)}" for name, value in facts)


def _overview(claims: Sequence[ClaimRows]) -> str:
    rows = [
        (claim.whole["id"], claim.whole["claim"], f"**{claim.whole['verdict']}**", claim.whole["evidence"])
        for claim in claims
    ]
    return _table(("Claim", "In our words", "Verdict", "Deciding evidence"), rows)


def _claim(claim: ClaimRows) -> str:
    """A claim in words, with each part's number, intervals, n, criterion and verdict."""
    whole = claim.whole
    said = [whole["claim"], f"Evidence: {whole['evidence']}"]
    said += [f"{label}: {whole[key]}" for key, label in (("departs", "Departs"), ("needs", "Needs")) if whole.get(key)]
    rows = [_part(part) for part in claim.parts]
    head = ("Part", "What", "Statistic", "95 % interval (t)", "95 % interval (bootstrap)", "n", "Criterion", "Verdict")
    return "\n\n".join([*map(_plain, said), *([_table(head, rows)] if rows else [])])


def _part(part: Mapping[str, Any]) -> tuple[str, ...]:
    student, resampled = claim_rows.student(part), claim_rows.resampled(part)
    return (
        part["id"], part["claim"], formatting.mean(student), formatting.bounds(student), formatting.bounds(resampled),
        str(student.n), part["criterion"], part["verdict"],
    )  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_plain(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """A text on one line, with Markdown's backticks."""
    return BACKTICKS.sub(r"`\1`", " ".join(str(text).split()))
