"""Run one job of an analysis and write its table."""

import inspect
import itertools
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline import members, random_streams
from pipeline.metrics.by_seed import DIVERGED
from pipeline.results import paths, provenance, run_summaries, store
from pipeline.results.activations import Activations, run_prefix, sample_steps
from pipeline.study import arguments
from pipeline.study.labels import PAIR, identity, kind
from pipeline.study.plan import Plan
from pipeline.study.schema import Run


def main(argv: Sequence[str] | None = None) -> None:
    """Run one job of an analysis and write its table, with the columns that tell its runs."""
    plan, job = arguments.of_stage("analyse", __doc__, argv)
    analysis, _, part = job.name.partition("/")
    runs = plan.groups(analysis)[part]
    found = _analyse(plan, analysis, part, runs)
    store.write_table(job.named_outputs["table"], found, provenance.of(job))
    print(f"{job.name}: {len(found)} rows")


def _analyse(plan: Plan, analysis: str, part: str, runs: list[Run]) -> pd.DataFrame:
    """Call a member with what it reads; a diverged run has no end state to analyse, and gets one row that says so."""
    module = members.load("analyses", plan.member(analysis))
    if module.SCOPE == "study":
        return module.analyse(**_settings(plan, analysis, module, part))
    if module.SCOPE == "runs":
        read = _trials if module.READS == "trials" else _histories
        return _identify(module.analyse(read(plan, runs), **_settings(plan, analysis, module, part)), runs)
    if module.SCOPE == "pairs":
        return _compare(plan, analysis, module, runs)
    parts = [_identify(_of_run(plan, analysis, module, run), [run]) for run in runs]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _of_run(plan: Plan, analysis: str, module: Any, run: Run) -> pd.DataFrame:
    if not _finished(plan, run):
        return _diverged(module)
    return module.analyse(_activations(plan, run), **_settings(plan, analysis, module, run.name))


def _diverged(module: Any) -> pd.DataFrame:
    """The row of a run, or a pair, without an end state: "diverged" where a quantity or measure is named, no value."""
    nothing = {"str": DIVERGED, "int64": 0, "float64": math.nan, "bool": False}
    row = {name: pd.Series([nothing[kind]], dtype=kind) for name, kind in module.COLUMNS.items()}
    return pd.DataFrame(row)


def _settings(plan: Plan, analysis: str, module: Any, part: str) -> dict[str, Any]:
    """A member's settings, with a random stream of its own for each part of an analysis if it draws numbers."""
    settings: dict[str, Any] = dict(plan.study.analyses[analysis].settings)
    if "generator" in inspect.signature(module.analyse).parameters:
        drawn = (plan.study.analyses[analysis].draw,) if plan.study.analyses[analysis].draw else ()
        settings["generator"] = random_streams.numpy_stream("analyse", analysis, part, *drawn)
    return settings


def _compare(plan: Plan, analysis: str, module: Any, runs: list[Run]) -> pd.DataFrame:
    """Call a member with the runs and the pairs to compare; each pair has a random stream of its own."""
    pairs = {(a.name, b.name): (a, b) for a, b in itertools.combinations(runs, 2) if kind(a, b)}
    if not pairs:
        return pd.DataFrame()
    ended = {run.name: run for run in runs if _finished(plan, run)}
    whole = [names for names in pairs if ended.keys() >= {*names}]
    streams = {names: random_streams.numpy_stream("analyse", analysis, PAIR.join(names)) for names in whole}
    settings = plan.study.analyses[analysis].settings
    activations = {name: _activations(plan, run) for name, run in ended.items()}
    parts = [module.analyse(activations, streams, **settings)] if streams else []
    parts += [_diverged(module).assign(run_a=a, run_b=b) for a, b in pairs if (a, b) not in streams]
    who = pd.DataFrame([_pair(*pair) for pair in pairs.values()])
    return who.merge(pd.concat(parts, ignore_index=True), on=["run_a", "run_b"], how="inner")


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


def _activations(plan: Plan, run: Run) -> Activations:
    path, prefix = paths.activations(plan.name, plan.block(run.name)), run_prefix(run.name)
    names = [name.removeprefix(prefix) for name in store.array_names(path) if name.startswith(prefix)]
    return Activations(
        layers=run.training.network.hidden,
        steps=tuple(sample_steps(names, "cca")),
        read=lambda name: store.read_arrays(path, [prefix + name])[prefix + name],
    )


def _identify(table: pd.DataFrame, runs: list[Run]) -> pd.DataFrame:
    """Put the columns in front that tell the runs."""
    who = pd.DataFrame([identity(run) for run in runs])
    if "run" not in table:
        table = table.assign(run=runs[0].name)
    return who.merge(table, on="run", how="inner")


def _pair(a: Run, b: Run) -> dict[str, Any]:
    """The columns that tell two runs."""
    who = {
        f"{key}_{side}": identity(run)[key] for side, run in (("a", a), ("b", b)) for key in ("run", "method", "seed")
    }
    return {**who, **{key: identity(a)[key] for key in ("hidden", "varied")}, "kind": kind(a, b)}
