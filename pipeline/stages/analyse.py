"""Stage: run one job of one analysis and write its table.

`python -m pipeline analyse --study smoke --analysis norms --job runs`
"""

import argparse
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import members, random_streams
from pipeline.results import paths, provenance, store
from pipeline.results.activations import Activations
from pipeline.results.fingerprint import digest
from pipeline.study.load import load_study
from pipeline.study.plan import Plan, identity, kind
from pipeline.study.schema import Run


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--analysis", required=True)
    parser.add_argument("--job", required=True)
    wanted = parser.parse_args(argv)
    plan = Plan(load_study(wanted.study))
    module, runs = members.load("analyses", plan.member(wanted.analysis)), plan.jobs(wanted.analysis)[wanted.job]
    settings: dict[str, Any] = dict(plan.study.analyses[wanted.analysis].settings)
    if "generator" in inspect.signature(module.analyse).parameters:
        settings["generator"] = random_streams.numpy_stream("analyse", wanted.analysis, wanted.job)
    if module.READS == "trials":
        found = module.analyse(
            {
                runs[0].name: pd.DataFrame(store.read_json(path)["trials"])
                for path, runs in _choices(plan, wanted.study, runs).items()
            },
            **settings,
        )
        found = _identify(found, runs)
    elif module.SCOPE == "runs":
        found = module.analyse(
            {run.name: store.read_table(paths.history(wanted.study, run.name)) for run in runs}, **settings
        )
        found = _identify(found, runs)
    elif all(_finished(wanted.study, run) for run in runs):
        found = module.analyse(*(_activations(wanted.study, run) for run in runs), **settings)
        found = _identify_pair(found, *runs) if module.SCOPE == "pair" else _identify(found, runs)
    else:
        found = pd.DataFrame()  # a diverged run has no end state to analyse: no rows, and the report says so
    inputs = [path for run in runs for path in _inputs(wanted.study, module, run)]
    inputs = [*_choices(plan, wanted.study, runs)] if module.READS == "trials" else inputs
    settings_hash = digest(plan.analyse_settings(wanted.analysis, wanted.job))
    code = plan.analyse_code(wanted.analysis)
    job = f"{wanted.analysis}/{wanted.job}"
    origin = provenance.collect("analyse", job, study=wanted.study, settings=settings_hash, code=code, inputs=inputs)
    store.write_table(paths.table(wanted.study, wanted.analysis, wanted.job), found, origin)
    print(f"{job}: {len(found)} rows")


def _choices(plan: Plan, study: str, runs: list[Run]) -> dict[Path, list[Run]]:
    """The files of chosen rates, each with the runs that take theirs from it."""
    found: dict[Path, list[Run]] = {}
    for run in runs:
        found.setdefault(paths.choice(study, plan.cell(run.name)), []).append(run)
    return found


def _inputs(study: str, module: Any, run: Run) -> list:
    if module.READS == "history":
        return [paths.history(study, run.name)]
    return [paths.activations(study, run.name), paths.summary(study, run.name)]


def _finished(study: str, run: Run) -> bool:
    return store.read_json(paths.summary(study, run.name))["status"] == "finished"


def _activations(study: str, run: Run) -> Activations:
    path = paths.activations(study, run.name)
    names = store.array_names(path)
    steps = sorted({int(name.split("/")[1].removeprefix("step")) for name in names if name.startswith("cca/step")})
    return Activations(
        layers=run.training.network.hidden,
        steps=tuple(steps),
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


if __name__ == "__main__":
    main()
