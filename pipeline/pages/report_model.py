"""The report as a page: plain data in, HTML out. Everything shown is escaped."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from markupsafe import Markup, escape

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate
from pipeline.metrics.intervals import interval
from pipeline.verdicts import claim_rows, criteria
from pipeline.verdicts.published import Comparison

CATEGORIES = ("Learning", "Synthetic gradients", "Representations", "Convergence")
VERDICTS = (criteria.REPLICATED, criteria.PARTLY, criteria.NOT_REPLICATED, criteria.NOT_TESTED)


@dataclass(frozen=True)
class Grid:
    """Headline numbers side by side: a row is a quantity in a setting, a column a method."""

    columns: list[str]
    rows: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Analysis:
    """An analysis; `rows` is how many its tables have, None if not all its jobs are done."""

    name: str
    what: str
    claims: Sequence[str]
    rows: int | None
    numbers: Grid
    meaning: list[str]


@dataclass(frozen=True)
class Figure:
    """A figure; `image` is a data URI, None if it hasn't been drawn; `csv` is a relative link, None likewise."""

    name: str
    title: str
    category: str
    claims: Sequence[str]
    caption: list[str]
    image: str | None
    csv: str | None

    @property
    def alt(self) -> str:
        """Title and first sentence of the caption."""
        return f"{self.title}. {formatting.first_sentence(' '.join(self.caption))}".strip()


@dataclass(frozen=True)
class Run:
    """A run: who it is and how it ended. Status: `finished`, `diverged`, or `missing` if there is no result."""

    name: str
    method: str
    seed: int
    hidden: int
    varied: str
    status: str
    step: int | None = None
    message: str | None = None
    final: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Final:
    """The final accuracies of one method in one setting, over the runs that finished."""

    method: str
    hidden: int
    varied: str
    runs: int
    finished: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class Method:
    """A method in the one language of claims C17 and C18: what stands in for the error gradient, and when it can.

    `cost` is that of one update, as a multiple of backprop's. Cost, cosine and accuracy are None where the study
    doesn't have them.
    """

    label: str
    learned: bool
    waits_for: str
    unlocked: bool
    implied_loss: str
    cost: float | None = None
    cosine: Estimate | None = None
    accuracy: Estimate | None = None


@dataclass(frozen=True)
class Departure:
    """A departure from the study, as a docstring tells it, and the file."""

    place: str
    text: str


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    `compared` says where the methods' cost, cosine and accuracy come from; `published` is the run beside the published
    values, or why there is no such comparison, or None if there are no such values.
    """

    title: str
    facts: list[tuple[str, str]]
    notices: list[str]
    costs: list[tuple[str, ...]]
    analyses: list[Analysis]
    figures: list[Figure]
    runs: list[Run]
    verdicts: list[Mapping[str, Any]]
    methods: list[Method]
    compared: str
    departures: list[Departure]
    settings: str
    published: Comparison | str | None = None


def render(report: Report, template: str) -> str:
    """The page, from the template's text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for function in (formatting.number, formatting.mean, formatting.bounds, formatting.words, formatting.capitalise):
        environment.filters[function.__name__] = function
    for function in (marked, claim_rows.student, claim_rows.resampled):
        environment.filters[function.__name__] = function
    titles = {figure.name: figure.title for figure in report.figures}
    environment.filters["evidence"] = lambda row: claim_rows.evidence(row, titles)
    claims = claim_rows.by_claim(report.verdicts)
    wholes = [claim.whole["verdict"] for claim in claims]
    quantities = sorted({name for run in report.runs for name in run.final})
    return environment.from_string(template).render(
        report=report,
        diverged=[run for run in report.runs if run.status == "diverged"],
        missing=[run for run in report.runs if run.status == "missing"],
        varied=any(run.varied for run in report.runs),
        figures=by_category(report.figures),
        quantities=quantities,
        accuracies=[name for name in quantities if name.endswith("accuracy")],
        finals=finals(report.runs),
        claimed={row["id"] for row in report.verdicts},
        claims_judged=claims,
        titles=titles,
        counts={verdict: wholes.count(verdict) for verdict in VERDICTS},
        multiple=claim_rows.multiple([part for claim in claims for part in claim.parts]),
    )


def grid(
    metrics: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str], phrases: Mapping[str, str] | None = None
) -> Grid:
    """Headline numbers by name (each with mean, low, high, n) as a grid.

    Args:
        metrics: the numbers.
        labels: methods' labels by name, in the order of the columns; the last column has what belongs to no method.
        phrases: other words for some parts of the names.
    """
    rows: dict[str, dict[str, Estimate]] = {}
    for name, value in metrics.items():
        row, column = formatting.place(name, labels, phrases)
        rows.setdefault(row, {})[column] = Estimate(value["mean"], value["low"], value["high"], value["n"])
    columns = [column for column in (*labels.values(), "") if any(column in cells for cells in rows.values())]
    return Grid(columns, dict(sorted(rows.items(), key=lambda item: formatting.natural(item[0]))))


def finals(runs: Sequence[Run]) -> list[Final]:
    """Mean, interval and n of every final accuracy, by depth, whatever else varies, and method."""
    groups: dict[tuple[int, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.hidden, run.varied, run.method), []).append(run)
    return [_final(members) for members in groups.values()]


def _final(runs: Sequence[Run]) -> Final:
    first, finished = runs[0], [run for run in runs if run.status == "finished"]
    names = sorted({name for run in finished for name in run.final if name.endswith("accuracy")})
    values = {name: [run.final.get(name) for run in finished] for name in names}
    estimates = {
        name: Estimate(*interval([math.nan if value is None else value for value in each]))
        for name, each in values.items()
    }
    return Final(first.method, first.hidden, first.varied, len(runs), len(finished), estimates)


def by_category(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Figures by category: the known categories first, in their order, then others as they come."""
    names = [*CATEGORIES, *(figure.category for figure in figures)]
    found = {name: [figure for figure in figures if figure.category == name] for name in dict.fromkeys(names)}
    return {name: members for name, members in found.items() if members}


def marked(text: str) -> Markup:
    """A docstring's or a caption's text: what stands between backticks is code, all of it is escaped."""
    plain, *rest = formatting.BACKTICKS.split(text)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return escape(plain) + Markup().join(Markup("<code>{}</code>{}").format(code, after) for code, after in pairs)


def data_uri(content: bytes, kind: str) -> str:
    """An image inside the page; `kind` is a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
