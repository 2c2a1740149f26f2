"""Faults that no single key of a study shows: unknown names, settings that don't fit each other, empty selections."""

from typing import Any

from pipeline import members
from pipeline.results.fingerprint import digest
from pipeline.study import analysis_checks, label_checks, member_checks, run_checks, sweeps, tuning_checks
from pipeline.study.errors import ConfigError
from pipeline.study.schema import Run, Study, Sweep

LONGEST_NAME = 120  # characters: two runs' names and an ending have to fit into a file's name, of 255 at most


def faults(study: Study) -> list[str]:
    """Everything that is wrong with a study, a line each; the key's path comes first."""
    found = []
    for name, method in study.methods.items():
        found += member_checks.misfits("estimators", method.estimator, method.settings, f"methods.{name}.settings")
        for sweep in () if method.sweeps == "all" else method.sweeps:
            if sweep not in study.sweeps:
                hint = members.nearest(sweep, [*study.sweeps])
                found.append(f"methods.{name}.sweeps: no sweep {sweep!r} ({hint})")
    for name, sweep in study.sweeps.items():
        for method in () if sweep.methods == "all" else sweep.methods:
            if method not in study.methods:
                hint = members.nearest(method, [*study.methods])
                found.append(f"sweeps.{name}.methods: no method {method!r} ({hint})")
        found += [f"sweeps.{name}.vary.{key}: an empty list gives no runs" for key, v in sweep.vary.items() if not v]
        if len(set(sweep.seeds)) != len(sweep.seeds) or not sweep.seeds:
            found.append(f"sweeps.{name}.seeds: expected at least one, each once; found {list(sweep.seeds)}")
        if not (sweeps.joining(study, name) if sweep.methods == "all" else sweep.methods):
            found.append(f"sweeps.{name}.methods: found {_listed(sweep)}, expected at least one method: it has no runs")
        if sweep.methods != "all" and len(set(sweep.methods)) != len(sweep.methods):
            found.append(f"sweeps.{name}.methods: expected each once; found {list(sweep.methods)}")
        found += _rates_faults(name, sweep)
    found += tuning_checks.faults(study)
    found += label_checks.faults(study)
    if found:
        return found
    try:
        runs = sweeps.unfold_all(study)
    except ConfigError as error:
        return [str(error)]
    return (
        _name_faults(study, runs)
        + (_data_faults(runs) or _run_faults(study, list(runs.values())))
        + list(tuning_checks.share_faults(study, list(runs.values())))
        + list(analysis_checks.faults(study, list(runs.values())))
        + _figure_faults(study)
    )


def _listed(sweep: Sweep) -> str:
    return "all, which none joins" if sweep.methods == "all" else "none"


def _rates_faults(name: str, sweep: Sweep) -> list[str]:
    """A rate that is varied and chosen by tuning would be chosen; all of the varied runs would be the same."""
    varied = [key for key in sweep.vary if key.endswith("optimiser.rate")]
    return [
        f"sweeps.{name}.vary.{key}: found rates in a sweep that is tuned; expected given or tuned rates, not both"
        for key in varied
        if sweep.tuned
    ]


def _run_faults(study: Study, runs: list[Run]) -> list[str]:
    """Settings of runs that don't fit each other, each told once, with the first run that has it."""
    activations = [
        entry
        for name, entry in study.analyses.items()
        if _declared("analyses", entry.analysis or name).get("READS") == "activations"
    ]
    represented = {run.name for entry in activations for run in sweeps.select(runs, entry)}
    first: dict[run_checks.Fault, str] = {}
    for run in runs:
        for fault in run_checks.faults(run, study.tuning):
            first.setdefault(fault, run.name)
        if run.name in represented:
            for fault in run_checks.sample_faults(run, study.samples):
                first.setdefault(fault, run.name)
    return [f"{path}: {said} (run {run})" for (path, said), run in first.items()]


def _declared(family: str, member: str) -> dict[str, Any]:
    """The constants of a member; none if there is no such member, which is reported elsewhere."""
    try:
        return members.constants(family, member)
    except members.UnknownNameError:
        return {}


def _name_faults(study: Study, runs: dict[str, Run]) -> list[str]:
    """Names that no file could have, found here and not when a training has ended and is to be written."""
    found = {}
    for run in runs.values():
        if len(run.name) > LONGEST_NAME:
            found[run.sweep] = (
                f"sweeps.{run.sweep}: the name of a run has {len(run.name)} characters, expected at most "
                f"{LONGEST_NAME}: shorten the names in it, or vary fewer or shorter settings; it is {run.name}"
            )
    for key, names in (("analyses", study.analyses), ("figures", study.figures)):
        for name in names:
            if len(name) > LONGEST_NAME:
                found[key, name] = (
                    f"{key}.{name}: the name has {len(name)} characters, expected at most {LONGEST_NAME}: shorten it"
                )
    return list(found.values())


def _data_faults(runs: dict[str, Run]) -> list[str]:
    """Settings that don't fit the data set of a run, each named once."""
    sets = {digest([run.data.dataset, run.data.settings]): run.data for run in runs.values()}
    return [
        fault
        for data in sets.values()
        for fault in member_checks.misfits("datasets", data.dataset, data.settings, "data.settings")
    ]


def _figure_faults(study: Study) -> list[str]:
    found = []
    for name, entry in study.figures.items():
        try:
            declared = members.constants("figures", entry.figure or name)
        except members.UnknownNameError as error:
            found.append(f"figures.{name}: {error}")
            continue
        found += member_checks.misfits("figures", entry.figure or name, entry.settings, f"figures.{name}.settings")
        reads = list(declared["READS"])
        titles = [(asked, tables) for asked, tables in entry.tables.items() if not isinstance(tables, str)]
        entries = {
            asked: [tables] if isinstance(tables, str) else list(tables.values())
            for asked, tables in entry.tables.items()
        }
        found += [
            f"figures.{name}.tables.{asked}: found entries with titles, expected one entry: {entry.figure or name} "
            "doesn't draw panels by setting (its file has no `BY_SETTING = True`)"
            for asked, _ in titles
            if not declared.get("BY_SETTING")
        ]
        found += [f"figures.{name}.tables.{asked}: found no entry" for asked, tables in titles if not tables]
        found += [
            f"figures.{name}.tables: {asked!r} is none of what it reads ({members.nearest(asked, reads)})"
            for asked in entry.tables
            if asked not in reads
        ]
        found += [
            f"figures.{name}: reads the analysis {needed!r}, which is not under `analyses`: add it there"
            for asked in reads
            for needed in entries.get(asked, [asked])
            if needed not in study.analyses
        ]
        found += [
            f"figures.{name}.tables.{asked}: found {entry_name!r}, an entry of the analysis {other!r}; expected an "
            f"entry of {asked!r}"
            for asked, several in entries.items()
            for entry_name in several
            if entry_name in study.analyses and (other := study.analyses[entry_name].analysis or entry_name) != asked
        ]
    return found
