"""Run one job of an analysis and write its table."""

import inspect
from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline import members, random_streams
from pipeline.results import paths, provenance, run_summaries, store
from pipeline.results.activations import Activations, sample_steps
from pipeline.study import arguments
from pipeline.study.labels import identity, kind
from pipeline.study.plan import Plan
from pipeline.study.schema import Run


def main(argv: Sequence[str] | None = None) -> None:
    """Run one job of an analysis and write its table, with the columns that tell its runs."""
    plan, job = arguments.of_stage("analyse", __doc__, argv)
    analysis, _, part = job.name.partition("/")
    runs = plan.groups(analysis)[part]
    module = members.load("analyses", plan.member(analysis))
    settings: dict[str, Any] = dict(plan.study.analyses[analysis].settings)
    if "generator" in inspect.signature(module.analyse).parameters:
        settings["generator"] = random_streams.numpy_stream("analyse", analysis, part)
    found = _analyse(plan, module, runs, settings)
    store.write_table(job.named_outputs["table"], found, provenance.of(job))
    print(f"{job.name}: {len(found)} rows")


def _analyse(plan: Plan, module: Any, runs: list[Run], settings: dict[str, Any]) -> pd.DataFrame:
    """Call a member with what it reads; a diverged run has no end state to analyse, and gives an empty table."""
    if module.READS == "trials":
        return _identify(module.analyse(_trials(plan, runs), **settings), runs)
    if module.SCOPE == "runs":
        return _identify(module.analyse(_histories(plan, runs), **settings), runs)
    if not all(_finished(plan, run) for run in runs):
        return pd.DataFrame()
    found = module.analyse(*(_activations(plan.name, run) for run in runs), **settings)
    return _identify_pair(found, *runs) if module.SCOPE == "pair" else _identify(found, runs)


def _trials(plan: Plan, runs: list[Run]) -> dict[str, pd.DataFrame]:
    """The trials of each cell, by the name of its first run."""
    found: dict[str, pd.DataFrame] = {}
    seen = set()
    for run in runs:
        cell = plan.cell(run.name)
        if cell not in seen:
            seen.add(cell)
            found[run.name] = pd.DataFrame(store.read_json(paths.choice(plan.name, cell))["trials"])
    return found


def _histories(plan: Plan, runs: list[Run]) -> dict[str, pd.DataFrame]:
    """The history of each run, by its name."""
    blocks = {name: store.read_table(paths.history(plan.name, name)) for name in plan.blocks_of(runs)}
    found = {}
    for run in runs:
        table = blocks[plan.block(run.name)]
        found[run.name] = table[table["run"] == run.name].drop(columns="run").reset_index(drop=True)
    return found


def _finished(plan: Plan, run: Run) -> bool:
    return run_summaries.read(paths.summary(plan.name, plan.block(run.name)))[run.name]["status"] == "finished"


def _activations(study: str, run: Run) -> Activations:
    path = paths.activations(study, run.name)
    return Activations(
        layers=run.training.network.hidden,
        steps=tuple(sample_steps(store.array_names(path), "cca")),
        read=lambda name: store.read_arrays(path, [name])[name],
    )


def _identify(table: pd.DataFrame, runs: list[Run]) -> pd.DataFrame:
    """Put the columns in front that tell the runs."""
    if not runs:
        return table
    who = pd.DataFrame([identity(run) for run in runs])
    if "run" not in table:
        table = table.assign(run=runs[0].name)
    return who.merge(table, on="run", how="inner")


def _identify_pair(table: pd.DataFrame, a: Run, b: Run) -> pd.DataFrame:
    who = {
        f"{key}_{side}": identity(run)[key] for side, run in (("a", a), ("b", b)) for key in ("run", "method", "seed")
    }
    shared = {key: identity(a)[key] for key in ("hidden", "varied")}
    columns = {**who, **shared, "kind": kind(a, b)}
    for place, (name, value) in enumerate(columns.items()):
        table.insert(place, name, value)
    return table
