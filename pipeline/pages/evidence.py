"""The runs behind each claim: from its numbers to analyses, from these to the trainings that they read."""

import collections
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.metrics.names import setting
from pipeline.pages import sparklines
from pipeline.pages.review_model import DIVERGED, MISSING, SPARK, Group, Run
from pipeline.pages.sparklines import Curve, Panel
from pipeline.results import paths, store, timing
from pipeline.study import schema
from pipeline.study.labels import identity
from pipeline.study.plan import Plan
from pipeline.tracking import reader, study_runs
from pipeline.tracking.reader import OfflineRun
from pipeline.verdicts.claims import Ledger

LOSS, ACCURACY = "train_loss", "test_accuracy"


@dataclass(frozen=True)
class Results:
    """What there is of a study.

    Attributes:
        name: the study's.
        plan: its jobs.
        summaries: how each run ended, by the run's name, as what follows is.
        tracked: W&B's ids.
        records: W&B's records.
        damaged: what is wrong with those that can't be read.
        loss: the training losses.
    """

    name: str
    plan: Plan
    summaries: Mapping[str, Mapping[str, Any]]
    tracked: Mapping[str, str]
    records: Mapping[str, OfflineRun]
    damaged: Sequence[str]
    loss: Mapping[str, sparklines.Points]


def analyses(claims: Ledger) -> dict[str, list[str]]:
    """The analyses whose numbers each claim compares, by the claim's id."""
    found = {}
    for claim in claims.claims:
        names = [number for part in claim.parts for number in (part.metric, part.minus) if number]
        found[claim.id] = list(dict.fromkeys(number.partition("/")[0] for number in names))
    return found


def read(name: str, plan: Plan) -> Results:
    """What there is of a study: a half-finished one has a page too."""
    summaries = {run: found for run in plan.runs if (found := read_json(paths.summary(name, run)))}
    ids = {run: id_ for run, found in summaries.items() if (id_ := tracked(found))}
    records, damaged = reader.newest(list(ids.values()), reader.folder())
    by_run = {run: records[id_] for run, id_ in ids.items() if id_ in records}
    loss = {run: _loss(name, run, by_run.get(run)) for run in summaries}
    return Results(name, plan, summaries, ids, by_run, damaged, loss)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file; nothing if it isn't there yet."""
    return store.read_json(path) if path.is_file() else {}


def tracked(summary: Mapping[str, Any]) -> str | None:
    """W&B's id of a run, from how it ended: the one that the training asked for; None if it doesn't say from what."""
    made = origin(summary)
    if not {"settings", "inputs"} <= made.keys():
        return None
    return study_runs.training_id(made)


def origin(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result's provenance; nothing if it has none."""
    return content.get(store.PROVENANCE) or {}


def claims(plan: Plan, behind: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The claims that rest on each run, by the run's name."""
    found = collections.defaultdict(list)
    for claim, names in behind.items():
        for run in {run.name for each in names if each in plan.study.analyses for run in runs_of(plan, each)}:
            found[run].append(claim)
    return found


def runs_of(plan: Plan, analysis: str) -> list[schema.Run]:
    """The runs that an analysis reads; none for one that makes what it needs itself."""
    return [] if plan.declared(analysis)["SCOPE"] == "study" else plan.select(analysis)


def _loss(name: str, run: str, record: OfflineRun | None) -> sparklines.Points:
    """A run's training loss as W&B recorded it, or else from the results, which are those that travel."""
    if record and LOSS in record.curves:
        return record.curves[LOSS]
    path = paths.history(name, run)
    if not path.is_file():
        return []
    table = store.read_table(path)
    table = table[(table["quantity"] == LOSS) & (table["layer"] == 0)]
    return list(zip(table["step"].tolist(), table["value"].tolist(), strict=True))


def row(found: Results, run: str, rests: Sequence[str]) -> Run:
    """What the page shows of a run.

    Args:
        found: the study's results.
        run: its name.
        rests: the claims that rest on it.
    """
    known = found.plan.runs[run]
    if run not in found.summaries:
        return Run(run, known.method, known.seed, MISSING, claims=rests)
    summary, record = found.summaries[run], found.records.get(run)
    made = origin(summary)
    now = (job := found.plan.job("train", run=run)).settings_hash, job.code
    return Run(
        name=run,
        method=known.method,
        seed=known.seed,
        status=summary["status"],
        settings=made.get("settings"),
        present=(made.get("settings"), made.get("code")) == now,
        tracked=found.tracked.get(run),
        record=record.status if record else "not here",
        hardware=hardware(made),
        seconds=seconds(found.name, run),
        accuracy=summary["final"].get(ACCURACY),
        claims=rests,
        spark=_panel(found, [run], *SPARK),
    )


def seconds(name: str, run: str) -> float | None:
    """A training's wall time; None if it wasn't timed."""
    path = paths.results(name) / "timing" / "train" / f"{run}.tsv"
    rows = timing.measured(path.read_text(encoding="utf-8")) if path.is_file() else []
    return math.fsum(row["s"] for row in rows) if rows else None


def _panel(found: Results, runs: Sequence[str], *size: int) -> Panel | None:
    labels = {method: entry.label for method, entry in found.plan.study.methods.items()}
    drawn = [
        Curve(found.plan.runs[run].method, found.loss[run], found.summaries[run]["status"] == DIVERGED)
        for run in runs
        if run in found.loss
    ]
    return sparklines.panel(drawn, labels, *size)


def hardware(made: Mapping[str, Any]) -> str | None:
    """Where a result was made, from its provenance."""
    machine = made.get("hardware")
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}" if machine else None


def groups(found: Results, names: Sequence[str], runs: Mapping[str, Run]) -> list[Group]:
    """The runs that analyses read, by setting; a setting that several of them read in the same runs stands once."""
    settings: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in names:
        members_of: dict[str, list[str]] = {}
        for run in runs_of(found.plan, name):
            who = identity(run)
            members_of.setdefault(setting(who["hidden"], who["varied"]), []).append(run.name)
        for words, members in members_of.items():
            settings.setdefault((words, tuple(members)), []).append(name)
    gathered = []
    for (words, members), readers in settings.items():
        methods: dict[str, list[Run]] = {}
        for run in members:
            methods.setdefault(runs[run].method, []).append(runs[run])
        gathered.append(Group(words, readers, methods, _panel(found, members)))
    return gathered
