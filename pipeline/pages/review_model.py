"""The review of a study as a page: plain data in, HTML out. Everything shown is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2

from pipeline.metrics import formatting
from pipeline.pages.rule_graph import HEIGHT as BOX_HEIGHT
from pipeline.pages.rule_graph import WIDTH as BOX_WIDTH
from pipeline.pages.rule_graph import Drawing
from pipeline.pages.sparklines import HEIGHT, WIDTH, Panel
from pipeline.verdicts import claim_rows, criteria
from pipeline.verdicts.claim_rows import Judged

VERDICTS = (criteria.REPLICATED, criteria.PARTLY, criteria.NOT_REPLICATED, criteria.NOT_TESTED)
FINISHED, DIVERGED, MISSING = "finished", "diverged", "missing"  # how a run ended; the last has no result
SPARK = (72, 18)  # width and height of a curve in the list of runs, in pixels
COLOURS = 8  # of the style sheet; then the dashes change
FEW_DETAILS = 5  # of one check; more are folded up


@dataclass(frozen=True)
class Check:
    """A reason to trust the study, or not to: `good` is None where there is nothing to judge."""

    name: str
    good: bool | None
    says: str
    details: Sequence[str] = ()


@dataclass(frozen=True)
class Published:
    """How the results compare with those that were published last; `claims` says what differs, by the claim's id."""

    same: bool
    says: str
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A training. Status: `finished`, `diverged`, or `missing` if it has no result; what isn't known is None.

    Attributes:
        name: its name.
        method: its method's name.
        seed: its seed.
        status: how it ended.
        settings: hash of its settings.
        present: was it made with the present settings and code?
        tracked: W&B's id of it.
        record: how W&B's record of it ended, or why there is none.
        hardware: where it ran.
        seconds: wall time.
        accuracy: on the test data, at the end.
        claims: that rest on it.
        spark: its loss, very small.
    """

    name: str
    method: str
    seed: int
    status: str
    settings: str | None = None
    present: bool | None = None
    tracked: str | None = None
    record: str = ""
    hardware: str | None = None
    seconds: float | None = None
    accuracy: float | None = None
    claims: Sequence[str] = ()
    spark: Panel | None = None


@dataclass(frozen=True)
class Group:
    """Runs of one setting: by method, and their learning curves together."""

    setting: str
    analyses: Sequence[str]
    methods: Mapping[str, Sequence[Run]]
    panel: Panel | None


@dataclass(frozen=True)
class Picture:
    """A figure: its file and its numbers' as relative links, None if it isn't drawn; width and height in pixels."""

    title: str
    alt: str
    link: str | None
    csv: str | None
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Claim:
    """A claim: the verdict, what it rests on, and where it departs from what was published last.

    Attributes:
        judged: its rows of the verdicts.
        numbers: the names of the headline numbers that each part compares, by the part's id.
        pictures: its figures.
        groups: the runs behind it.
        without_runs: analyses behind it that train what they need themselves, or calculate.
        absent: analyses behind it that this study doesn't have.
        differs: what differs from what was published; None if nothing is published.
    """

    judged: Judged
    numbers: Mapping[str, str]
    pictures: Sequence[Picture]
    groups: Sequence[Group]
    without_runs: Sequence[str]
    absent: Sequence[str]
    differs: str | None

    @property
    def runs(self) -> list[Run]:
        """Every run behind it, once."""
        every = [run for group in self.groups for runs in group.methods.values() for run in runs]
        return list({run.name: run for run in every}.values())


@dataclass(frozen=True)
class Stage:
    """A rule of the workflow: what it waits for, how many jobs it has, and what they took, where that was measured."""

    rule: str
    waits_for: Sequence[str]
    jobs: int | None
    measured: Sequence[str] = ()


@dataclass(frozen=True)
class Review:
    """Everything that the page shows."""

    title: str
    facts: Sequence[tuple[str, str]]
    checks: Sequence[Check]
    claims: Sequence[Claim]
    runs: Sequence[Run]
    stages: Sequence[Stage]
    workflow: Drawing | None
    methods: Mapping[str, str]


def render(review: Review, template: str) -> str:
    """The page, from the template's text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for function in (
        formatting.number,
        formatting.mean,
        formatting.bounds,
        formatting.words,
        formatting.capitalise,
        formatting.duration,
    ):
        environment.filters[function.__name__] = function
    for function in (claim_rows.student, claim_rows.resampled):
        environment.filters[function.__name__] = function
    places = {method: place for place, method in enumerate(review.methods)}
    environment.filters["look"] = lambda method: f"m{places[method] % COLOURS} d{places[method] // COLOURS}"
    wholes = [claim.judged.whole["verdict"] for claim in review.claims]
    parts = [part for claim in review.claims for part in claim.judged.parts]
    return environment.from_string(template).render(
        review=review,
        counts={verdict: wholes.count(verdict) for verdict in VERDICTS},
        multiple=claim_rows.multiple(parts),
        bad=sum(check.good is False for check in review.checks),
        plot=(WIDTH, HEIGHT),
        spark=SPARK,
        size=(BOX_WIDTH, BOX_HEIGHT),
        few=FEW_DETAILS,
    )
