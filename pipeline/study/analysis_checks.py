"""Faults of the entries under `analyses`: which runs they select, and whether these belong together."""

import itertools
from collections.abc import Iterator
from typing import Any

from pipeline import members
from pipeline.study import member_checks, sweeps
from pipeline.study.labels import identity, kind
from pipeline.study.schema import Analysis, Run, Study

SETTINGS = [name for name in Run.model_fields if name not in {"name", "sweep", "method", "seed", "varied"}]
POINTS = ("dataset", "settings", "labels", "test", "split_seed")  # of a run's data: what decides the test points


def faults(study: Study, runs: list[Run]) -> Iterator[str]:
    """Everything that is wrong with the entries, a line each; the key's path comes first."""
    for name, entry in study.analyses.items():
        member = entry.analysis or name
        try:
            declared = members.constants("analyses", member)
        except members.UnknownNameError as error:
            yield f"analyses.{name}: {error}"
            continue
        yield from member_checks.misfits("analyses", member, entry.settings, f"analyses.{name}.settings")
        if declared["SCOPE"] == "study":
            yield from _idle(name, entry, member)
        else:
            yield from _selection(study, name, entry, runs, declared)


def _idle(name: str, entry: Analysis, member: str) -> Iterator[str]:
    """A selection of runs by an analysis that reads none: it would change nothing, and look as if it did."""
    for key, value in (("sweep", list(entry.sweeps)), ("where", entry.where)):
        if value:
            yield f"analyses.{name}.{key}: found {value}, expected nothing: {member} reads no run"


def _selection(study: Study, name: str, entry: Analysis, runs: list[Run], declared: dict[str, Any]) -> Iterator[str]:
    if not entry.sweeps:
        yield f"analyses.{name}.sweep: found none; expected the sweep (or sweeps) whose runs are analysed"
        return
    unknown = [sweep for sweep in entry.sweeps if sweep not in study.sweeps]
    for sweep in unknown:
        yield f"analyses.{name}.sweep: no sweep {sweep!r} ({members.nearest(sweep, [*study.sweeps])})"
    if unknown:
        return
    chosen = sweeps.select(runs, entry)
    if len(set(entry.sweeps)) != len(entry.sweeps):
        yield f"analyses.{name}.sweep: expected each sweep once; found {list(entry.sweeps)}"
    elif not chosen:
        keys = ["method", "seed", *dict.fromkeys(key for each in entry.sweeps for key in study.sweeps[each].vary)]
        yield f"analyses.{name}.where: {entry.where} selects no run; keys are {', '.join(keys)}"
    else:
        yield from _where(name, entry, chosen)
        yield from _mixed(name, chosen)
        if declared["SCOPE"] == "pairs":
            yield from _other_points(name, chosen)
    if declared["READS"] == "trials" and not all(run.tuned for run in chosen):
        yield f"analyses.{name}.sweep: {entry.sweep} has runs at a given rate; expected tuned sweeps only"


def _where(name: str, entry: Analysis, chosen: list[Run]) -> Iterator[str]:
    """Values of a selection that no run has: a typing error in one of several would stay unseen."""
    for key, value in entry.where.items():
        there = [{"method": run.method, "seed": run.seed, **run.varied}.get(key) for run in chosen]
        strange = [each for each in (value if isinstance(value, list) else [value]) if each not in there]
        if strange:
            yield f"analyses.{name}.where.{key}: found {strange}, which no run of its sweeps has"


def _mixed(name: str, chosen: list[Run]) -> Iterator[str]:
    """Runs with one name in tables that are no repetitions of each other: means and intervals are over seeds alone."""
    named: dict[tuple[Any, ...], Run] = {}
    for run in chosen:
        who = identity(run)
        name_in_tables = tuple(who[key] for key in ("method", "hidden", "varied"))
        same = named.setdefault(name_in_tables, run)
        if any(getattr(run, each) != getattr(same, each) for each in SETTINGS):
            yield (
                f"analyses.{name}.sweep: the runs {same.name} and {run.name} have one name in its tables and other "
                "settings; expected runs that differ in their seeds, since its means are over seeds"
            )
            return
        again = named.setdefault((*name_in_tables, run.seed), run)
        if again is not run:
            yield (
                f"analyses.{name}.sweep: the runs {again.name} and {run.name} are the same training; expected each "
                "seed once, since its means are over seeds"
            )
            return


def _other_points(name: str, chosen: list[Run]) -> Iterator[str]:
    """Pairs of networks whose activations are at different points, so that nothing can be compared."""
    if all(run.data == chosen[0].data for run in chosen):
        return
    for a, b in itertools.combinations(chosen, 2):
        other = [key for key in POINTS if getattr(a.data, key) != getattr(b.data, key)]
        if other and kind(a, b):
            yield (
                f"analyses.{name}.sweep: the runs {a.name} and {b.name} differ in data.{other[0]}; expected pairs of "
                "runs at the same points"
            )
            return
