"""Read a study's results, finished or not, and find which claims rest on which runs."""

import collections
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths, store, timing
from pipeline.study import run_outcomes, schema
from pipeline.study.jobs import run_settings
from pipeline.study.plan import Plan
from pipeline.tracking import metric_names, reader, trainings
from pipeline.tracking.reader import OfflineRun
from pipeline.verdicts.claims import Ledger

FINISHED, DIVERGED, MISSING = "finished", "diverged", "missing"  # how a run ended; the last has no result
LOSS = "train_loss"


@dataclass(frozen=True)
class Results:
    """The results that a study has so far; mappings are by the run's name.

    Attributes:
        plan: its jobs.
        summaries: how each run ended.
        tracked: the runs' ids in W&B.
        records: the runs' W&B records.
        damaged: a message for each W&B record that can't be read.
        loss: the training losses, as pairs of step and value.
    """

    plan: Plan
    summaries: Mapping[str, Mapping[str, Any]]
    tracked: Mapping[str, str]
    records: Mapping[str, OfflineRun]
    damaged: Sequence[str]
    loss: Mapping[str, Sequence[tuple[int, float]]]

    def status(self, run: str) -> str:
        """How a run ended."""
        return self.summaries[run]["status"] if run in self.summaries else MISSING

    def is_present(self, run: str) -> bool:
        """Whether a run's result was made with the present settings and code."""
        made, job = origin(self.summaries[run]), self.plan.job("train", block=self.plan.block(run))
        return (made.get("settings"), made.get("code")) == (run_settings(self.plan.runs[run]), job.code)

    def seconds(self, run: str) -> float | None:
        """A run's share of the wall time of its block; None if that wasn't timed."""
        block = self.plan.block(run)
        path = self.plan.job("train", block=block).benchmark
        rows = timing.measured(path.read_text(encoding="utf-8")) if path.is_file() else []
        return math.fsum(row["s"] for row in rows) / len(self.plan.blocks[block]) if rows else None


def read(plan: Plan) -> Results:
    """Read the results that a study has so far."""
    summaries = run_outcomes.ended(plan)
    ids = {run: id_ for run, found in summaries.items() if (id_ := tracked(found))}
    records, damaged = reader.newest(list(ids.values()), reader.folder())
    by_run = {run: records[id_] for run, id_ in ids.items() if id_ in records}
    loss = _losses(plan, summaries, by_run)
    return Results(plan, summaries, ids, by_run, damaged, loss)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file; empty if it isn't there yet."""
    return store.read_json(path) if path.is_file() else {}


def origin(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provenance of a result; empty if it has none."""
    return content.get(store.PROVENANCE) or {}


def tracked(summary: Mapping[str, Any]) -> str | None:
    """The W&B id that a training asked for, from its summary; None if the summary's provenance is incomplete."""
    made = origin(summary)
    if not {"settings", "inputs"} <= made.keys():
        return None
    return trainings.training_id(made)


def _losses(
    plan: Plan, runs: Iterable[str], records: Mapping[str, OfflineRun]
) -> dict[str, Sequence[tuple[int, float]]]:
    """The runs' training losses as W&B recorded them, otherwise from the results."""
    found, tables = {}, {}
    name = metric_names.metric(LOSS)
    for run in runs:
        if run in records and name in records[run].curves:
            found[run] = records[run].curves[name]
            continue
        block = plan.block(run)
        if block not in tables:
            tables[block] = _training_losses(paths.history(plan.name, block))
        found[run] = tables[block].get(run, [])
    return found


def _training_losses(path: Path) -> dict[str, Sequence[tuple[int, float]]]:
    """The training losses of a block's runs, by the run's name; empty if there is no history."""
    if not path.is_file():
        return {}
    table = store.read_table(path)
    table = table[(table["quantity"] == LOSS) & (table["layer"] == 0)]
    return {
        str(run): list(zip(rows["step"].tolist(), rows["value"].tolist(), strict=True))
        for run, rows in table.groupby("run", sort=False)
    }


def analyses_by_claim(claims: Ledger) -> dict[str, list[str]]:
    """The analyses whose numbers each claim compares, by the claim's id."""
    found = {}
    for claim in claims.claims:
        found[claim.id] = list(dict.fromkeys(number.partition("/")[0] for number in claim.metrics))
    return found


def claims_by_run(plan: Plan, analyses: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The ids of the claims that rest on each run, by the run's name.

    Args:
        plan: the study's jobs.
        analyses: the analyses of each claim, by the claim's id.
    """
    found = collections.defaultdict(list)
    for claim, names in analyses.items():
        for run in {run.name for each in names if each in plan.study.analyses for run in runs_of(plan, each)}:
            found[run].append(claim)
    return found


def runs_of(plan: Plan, analysis: str) -> list[schema.Run]:
    """The runs that an analysis reads; none if it trains its own models."""
    return [] if plan.declared(analysis)["SCOPE"] == "study" else plan.select(analysis)
