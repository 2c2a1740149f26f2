"""Build a study's W&B Report: verdicts, each claim with its figures and runs, and the origin of the results.

It is built without a key or a server. Its run sets name no project, which means the report's own.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ExplainedError
from pipeline.study.run_outcomes import FinalRow, RateRow
from pipeline.tracking import metric_names, report_markdown
from pipeline.verdicts import claim_rows, sentences
from pipeline.verdicts.claim_rows import ClaimRows

LONGEST_TITLE = 128  # characters; the library refuses more
GROUPED = ("config.method", "config.depth")  # of a training's config; the seeds of a group become a mean and a band
FIGURE_ROWS, CURVE_ROWS = 14, 8  # of a grid
REGROUP = (
    "All trainings, grouped by method and depth. Filter, regroup or add panels here: the run sets are live, and a "
    "run's config also has the seed, the data set, the rates and every setting."
)
TRAININGS, RESULTS = "trainings", "figures and headline numbers"
FINALS, RATES, RUNS, LIMITS = "Final accuracies", "Chosen rates", "Runs", "Limits"
ORIGIN = "Where the results come from"


class NotInstalledError(ExplainedError, RuntimeError):
    """The package that builds W&B Reports isn't installed."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure of the report, its name in W&B, and the names of the trainings that it is drawn from."""

    title: str
    media: str
    runs: Sequence[str]


@dataclass(frozen=True)
class ReportContent:
    """Everything that the report shows.

    Attributes:
        title: the report's title.
        facts: names and values shown at the top.
        verdicts: the rows of verdicts.json.
        figures: the figures by name; claims' figures that aren't among them are left out.
        groups: W&B groups of the trainings; there are several if results were kept from earlier runs of the study.
        results: W&B's id of the run with the figures, None if there is none.
        artifacts: names of the artifacts whose lineage is shown.
        finals: the final accuracies.
        rates: the chosen rates.
        limits: sentences on what limits the findings.
        links: names and values.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    verdicts: Sequence[Mapping[str, Any]]
    figures: Mapping[str, ReportFigure]
    groups: Sequence[str]
    results: str | None
    artifacts: Sequence[str]
    finals: Sequence[FinalRow]
    rates: Sequence[RateRow]
    limits: Sequence[str]
    links: Sequence[tuple[str, str]]


def build(content: ReportContent, *, entity: str, project: str) -> Any:
    """Build the library's report.

    Args:
        content: what the report shows.
        entity: the W&B user or team that owns it; empty if it isn't known yet.
        project: the W&B project of the runs.

    Raises:
        NotInstalledError: if the package isn't installed.
    """
    wr, _ = library()
    claims = claim_rows.by_claim(content.verdicts)
    blocks = [*_found(content, claims), wr.H2("Claims"), wr.TableOfContents()]
    for claim in claims:
        blocks += [wr.H3(f"{claim.whole['id']}: {claim.whole['verdict']}")]
        blocks += [wr.MarkdownBlock(report_markdown.claim(claim))]
        blocks += [_grid(content, name) for name in _names(claim) if name in content.figures]
    blocks += _numbers(content)
    blocks += [wr.H2(RUNS), wr.MarkdownBlock(REGROUP)]
    blocks.append(wr.PanelGrid(runsets=[_trainings(content, None), _results(content)], panels=_curves(row=0)))
    blocks += [wr.H2(LIMITS), wr.MarkdownBlock(report_markdown.bullets(content.limits))]
    blocks += _origin(content, entity, project)
    return wr.Report(project=project, entity=entity, title=content.title[:LONGEST_TITLE], blocks=blocks, width="fixed")


def _found(content: ReportContent, claims: Sequence[ClaimRows]) -> list[Any]:
    """The findings in sentences, the verdicts as a table, and the study's facts."""
    wr, _ = library()
    said = sentences.sentences(claims)
    blocks = [wr.H2("What was found"), wr.MarkdownBlock(report_markdown.bullets(said))] if said else []
    facts = report_markdown.named(content.facts)
    return [*blocks, wr.H2("Verdicts"), wr.MarkdownBlock(report_markdown.overview(claims)), wr.MarkdownBlock(facts)]


def _numbers(content: ReportContent) -> list[Any]:
    """The tables of final accuracies and chosen rates, as far as there are any."""
    wr, _ = library()
    found = []
    if content.finals:
        found += [wr.H2(FINALS), wr.MarkdownBlock(report_markdown.finals(content.finals))]
    if content.rates:
        found += [wr.H2(RATES), wr.MarkdownBlock(report_markdown.rates(content.rates))]
    return found


def _origin(content: ReportContent, entity: str, project: str) -> list[Any]:
    """The links, and each artifact with its lineage if the owner is known."""
    wr, _ = library()
    blocks = [wr.H2(ORIGIN), wr.MarkdownBlock(report_markdown.named(content.links))]
    if entity:
        for name in content.artifacts:
            blocks.append(wr.WeaveBlockArtifact(entity=entity, project=project, artifact=name, tab="lineage"))
    return blocks


def specification(report: Any) -> str:
    """A report as the JSON that the library would send."""
    return report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)


def library() -> tuple[Any, Any]:
    """The library's modules for reports and for filters.

    Raises:
        NotInstalledError: if the package isn't installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from the library's own use of pydantic
            import wandb_workspaces.reports.v2 as reports
            from wandb_workspaces import expr
    except ImportError:
        raise NotInstalledError(
            "found no package wandb-workspaces, which builds the report; install it with `uv pip install "
            "--requirement requirements-tools.lock`, or by `make setup`"
        ) from None
    return reports, expr


def _names(claim: ClaimRows) -> list[str]:
    """The names of the figures of a claim and its parts, without repetitions."""
    rows = [claim.whole, *claim.parts]
    return list(dict.fromkeys(row["figure"] for row in rows if row["figure"]))


def _grid(content: ReportContent, name: str) -> Any:
    """A panel with a figure as a picture, and the trainings that it is drawn from."""
    wr, _ = library()
    figure = content.figures[name]
    sets = [_results(content)]
    if figure.runs:
        sets.append(_trainings(content, figure.runs))
    panel = wr.MediaBrowser(title=figure.title, media_keys=[figure.media], layout=wr.Layout(w=24, h=FIGURE_ROWS))
    return wr.PanelGrid(runsets=sets, panels=[panel, *(_curves(row=FIGURE_ROWS) if figure.runs else [])])


def _curves(*, row: int) -> list[Any]:
    """Live curves of the trainings of a grid, a line a group of its run set: the mean over seeds, with a band.

    Loss and accuracy by update, cosines of synthetic and true gradients with a line a layer, and accuracies at the end.

    Args:
        row: of the grid, where they begin.
    """
    wr, _ = library()
    wide, options = 12, {"x": "step", "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev", "aggregate": True}
    loss, accuracy = metric_names.metric("train_loss"), metric_names.metric("validation_accuracy")
    below = row + CURVE_ROWS
    return [
        wr.LinePlot(
            title="training loss", y=[loss], log_y=True, layout=wr.Layout(x=0, y=row, w=wide, h=CURVE_ROWS), **options
        ),
        wr.LinePlot(
            title="validation accuracy", y=[accuracy], layout=wr.Layout(x=wide, y=row, w=wide, h=CURVE_ROWS), **options
        ),
        wr.LinePlot(
            title="cosine of synthetic and true gradient, by layer",
            metric_regex=f"{metric_names.metric('cosine')}/.*",
            layout=wr.Layout(x=0, y=below, w=wide, h=CURVE_ROWS),
            **options,
        ),
        wr.BarPlot(
            title="test accuracy at the end",
            metrics=[metric_names.metric("test_accuracy")],
            layout=wr.Layout(x=wide, y=below, w=wide, h=CURVE_ROWS),
        ),
    ]


def _trainings(content: ReportContent, runs: Sequence[str] | None) -> Any:
    """A run set of the named trainings, or of all trainings."""
    wr, expr = library()
    filters = [expr.Metric("JobType") == "train", expr.Metric("Group").isin(list(content.groups))]
    if runs is not None:
        filters.append(expr.Metric("Name").isin(list(runs)))  # the library would turn Config("name") into another key
    return wr.Runset(name=TRAININGS, filters=expr.And(*filters), groupby=list(GROUPED))


def _results(content: ReportContent) -> Any:
    """A run set of the one run with the figures and headline numbers, selected by its id."""
    wr, expr = library()
    return wr.Runset(name=RESULTS, filters=expr.And(expr.Metric("ID") == (content.results or "")))
