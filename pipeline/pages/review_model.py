"""What the review shows, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.pages.checks import Check
from pipeline.pages.rule_graph import Drawing
from pipeline.pages.sparklines import Panel
from pipeline.verdicts.claim_rows import ClaimRows


@dataclass(frozen=True)
class RunRow:
    """A training; values that aren't known are None.

    Attributes:
        name: the run's name.
        method: its method's name.
        seed: its seed.
        status: how it ended: `finished`, `diverged`, or `missing` if it has no result.
        settings: hash of its settings.
        present: whether it was made with the present settings and code.
        tracked: its id in W&B.
        record: how its W&B record ended, or why there is none.
        hardware: where it ran.
        seconds: wall time.
        accuracy: accuracy on the test data at the end.
        claims: the claims that rest on it.
        spark: its loss as a very small curve.
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
class RunGroup:
    """The runs of one setting by method, and their learning curves in one panel."""

    setting: str
    analyses: Sequence[str]
    methods: Mapping[str, Sequence[RunRow]]
    panel: Panel | None


@dataclass(frozen=True)
class Picture:
    """A figure: relative links to its file and its numbers, None if it isn't drawn; width and height in pixels."""

    title: str
    alt: str
    link: str | None
    csv: str | None
    size: tuple[int, int] | None


@dataclass(frozen=True)
class ClaimSection:
    """A claim: the verdict, what it rests on, and how it differs from what was published last.

    Attributes:
        judged: its rows of verdicts.json.
        numbers: the names of the headline numbers that each part compares, by the part's id.
        pictures: its figures.
        groups: the runs behind it.
        without_runs: analyses behind it that train their own models, or calculate.
        absent: analyses behind it that this study doesn't have.
        differs: how it differs from what was published; None if nothing is published.
    """

    judged: ClaimRows
    numbers: Mapping[str, str]
    pictures: Sequence[Picture]
    groups: Sequence[RunGroup]
    without_runs: Sequence[str]
    absent: Sequence[str]
    differs: str | None

    @property
    def runs(self) -> list[RunRow]:
        """Every run behind the claim, once."""
        every = [run for group in self.groups for runs in group.methods.values() for run in runs]
        return list({run.name: run for run in every}.values())


@dataclass(frozen=True)
class StageRow:
    """A rule of the workflow: what it waits for, its number of jobs, and what they took, where that was measured."""

    rule: str
    waits_for: Sequence[str]
    jobs: int | None
    measured: Sequence[str] = ()


@dataclass(frozen=True)
class Review:
    """Everything that the page shows; `methods` are their labels by name, `links` addresses of other pages by text."""

    title: str
    facts: Sequence[tuple[str, str]]
    checks: Sequence[Check]
    claims: Sequence[ClaimSection]
    runs: Sequence[RunRow]
    stages: Sequence[StageRow]
    workflow: Drawing | None
    methods: Mapping[str, str]
    links: Mapping[str, str]

    @property
    def sweeps(self) -> dict[str, list[RunRow]]:
        """The runs by sweep, with which their names begin."""
        found: dict[str, list[RunRow]] = {}
        for run in self.runs:
            found.setdefault(run.name.partition("-")[0], []).append(run)
        return found
