"""The runs as the review shows them: a row for each run, and the groups behind a claim."""

from collections.abc import Mapping, Sequence

from pipeline.metrics.names import setting
from pipeline.pages import evidence, sparklines
from pipeline.pages.evidence import DIVERGED, Results
from pipeline.pages.review_model import RunGroup, RunRow
from pipeline.pages.sparklines import Curve, Panel
from pipeline.results import provenance
from pipeline.study.labels import identity

ACCURACY = "test_accuracy"


def row(found: Results, run: str, claims: Sequence[str]) -> RunRow:
    """A run's row.

    Args:
        found: the study's results.
        run: the run's name.
        claims: the ids of the claims that rest on it.
    """
    known, status = found.plan.runs[run], found.status(run)
    if run not in found.summaries:
        return RunRow(run, known.method, known.seed, status, claims=claims)
    summary, record = found.summaries[run], found.records.get(run)
    made = evidence.origin(summary)
    return RunRow(
        name=run,
        method=known.method,
        seed=known.seed,
        status=status,
        settings=made.get("settings"),
        present=found.is_present(run),
        tracked=found.tracked.get(run),
        record=record.status if record else "not here",
        hardware=provenance.describe_hardware(made),
        seconds=found.seconds(run),
        accuracy=summary["final"].get(ACCURACY),
        claims=claims,
        spark=_panel(found, [run], *sparklines.SPARK),
    )


def groups(found: Results, analyses: Sequence[str], rows: Mapping[str, RunRow]) -> list[RunGroup]:
    """The runs that some analyses read, by setting; analyses that read the same runs of a setting share a group.

    Args:
        found: the study's results.
        analyses: the names of the analyses.
        rows: the row of every run, by the run's name.
    """
    settings: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in analyses:
        members_of: dict[str, list[str]] = {}
        for run in evidence.runs_of(found.plan, name):
            labels = identity(run)
            members_of.setdefault(setting(labels["hidden"], labels["varied"]), []).append(run.name)
        for words, members in members_of.items():
            settings.setdefault((words, tuple(members)), []).append(name)
    gathered = []
    for (words, members), readers in settings.items():
        methods: dict[str, list[RunRow]] = {}
        for run in members:
            methods.setdefault(rows[run].method, []).append(rows[run])
        gathered.append(RunGroup(words, readers, methods, _panel(found, members)))
    return gathered


def _panel(found: Results, runs: Sequence[str], *size: int) -> Panel | None:
    labels = {method: entry.label for method, entry in found.plan.study.methods.items()}
    drawn = [
        Curve(found.plan.runs[run].method, found.loss[run], found.status(run) == DIVERGED)
        for run in runs
        if run in found.loss
    ]
    return sparklines.panel(drawn, labels, *size)
