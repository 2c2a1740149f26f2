"""What the report shows, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate
from pipeline.study.run_outcomes import FinalRow
from pipeline.verdicts.claim_rows import ClaimRows, Row
from pipeline.verdicts.published import Comparison


@dataclass(frozen=True)
class Grid:
    """Headline numbers side by side: a row is a quantity in a setting, a column is a method."""

    columns: list[str]
    rows: dict[str, dict[str, Estimate]]

    @classmethod
    def of(
        cls,
        metrics: Mapping[str, Mapping[str, Any]],
        labels: Mapping[str, str],
        phrases: Mapping[str, str] | None = None,
    ) -> Self:
        """The grid of some headline numbers.

        Args:
            metrics: the numbers by name, each with mean, low, high and n.
            labels: methods' labels by name, in the order of the columns; numbers of no method form the last column.
            phrases: other words for some parts of the names.
        """
        rows: dict[str, dict[str, Estimate]] = {}
        for name, value in metrics.items():
            row, column = formatting.place(name, labels, phrases)
            rows.setdefault(row, {})[column] = Estimate(value["mean"], value["low"], value["high"], value["n"])
        columns = [column for column in (*labels.values(), "") if any(column in cells for cells in rows.values())]
        return cls(columns, dict(sorted(rows.items(), key=lambda item: formatting.natural(item[0]))))


@dataclass(frozen=True)
class AnalysisSection:
    """An analysis; `rows` is the number of rows in its tables, None if not all its jobs are done."""

    name: str
    what: str
    claims: Sequence[str]
    rows: int | None
    numbers: Grid
    meaning: list[str]


@dataclass(frozen=True)
class FigureView:
    """A figure; `image` is a data URI, `svg` and `csv` are relative links, all None if the figure hasn't been drawn.

    `code` is the module that draws it, from the project's root. `shown` is what stands on the figure: data set, depth,
    rate and n. `found` says what it shows of the claims, with numbers.
    """

    name: str
    title: str
    category: str
    claims: Sequence[str]
    caption: list[str]
    image: str | None
    svg: str | None
    csv: str | None
    code: str
    shown: str = ""
    found: Sequence[str] = ()

    @property
    def seen(self) -> str:
        """The first sentence of the caption."""
        return formatting.first_sentence(" ".join(self.caption))

    @property
    def alt(self) -> str:
        """Title and first sentence of the caption."""
        return f"{self.title}. {self.seen}".strip()


@dataclass(frozen=True)
class RunOutcome:
    """A run and how it ended. Status: `finished`, `diverged`, or `missing` if there is no result."""

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
class MethodRow:
    """A method as claims C17 and C18 compare them: what replaces the error gradient, and when it is known.

    `cost` is that of one update, as a multiple of backprop's. Cost, cosine and accuracy are None where the study
    doesn't measure them.
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
    """A departure from the paper: the text of the docstring and its file."""

    place: str
    text: str


@dataclass(frozen=True)
class ClaimBlock:
    """A claim as the report shows it.

    `other` is the secondary that speaks most against its verdict. `figure` is that of its primary part, None if an
    earlier claim's block has it.
    """

    claim: ClaimRows
    other: Row | None
    figure: FigureView | None


@dataclass(frozen=True)
class Report:
    """Everything that the report and its appendix show.

    `limits` are sentences on how far the results can be trusted. `compared` says where the methods' cost, cosine and
    accuracy come from. `published` compares the run with the reference values, or says why it can't; None if there are
    none.
    """

    study: str
    title: str
    facts: list[tuple[str, str]]
    notices: list[str]
    limits: list[str]
    costs: list[tuple[str, ...]]
    analyses: list[AnalysisSection]
    figures: list[FigureView]
    finals: list[FinalRow]
    runs: list[RunOutcome]
    verdicts: list[Mapping[str, Any]]
    methods: list[MethodRow]
    compared: str
    departures: list[Departure]
    settings: str
    published: Comparison | str | None = None
