"""A study's config: read as if it were wrong, and checked as a whole before any job starts."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict

from pipeline import members
from pipeline.results.fingerprint import digest
from pipeline.results.paths import NAME
from pipeline.study import strict_yaml, sweeps
from pipeline.study.errors import ConfigError, explain
from pipeline.study.schema import Run, Study

CONFIGS = Path("configs")
DEFAULT = "study"
NOT_STUDIES = ("claims",)
LONGEST_NAME = 120  # characters: two runs' names and an ending have to fit into a file's name, of 255 at most
POINTS_PER_UNIT = 10  # the correlations of unrelated layers fall with the square root of their number


def chosen(config: Mapping[str, Any]) -> str:
    """The study that Snakemake's `--config study=NAME` chooses; the default one if nothing is said.

    Args:
        config: everything that `--config` and `--configfile` gave.

    Raises:
        ConfigError: for any other key: it would change nothing, and look as if it did.
    """
    for key in config:
        if key == "study":
            continue
        if key in Study.model_fields:
            raise ConfigError(
                f"found {key!r} from --configfile or --config, which is a key of a study's file; a study is chosen by "
                f"its name: put the file into {CONFIGS}/ and use --config study=NAME"
            )
        raise ConfigError(
            f"--config: found the key {key!r}, expected study ({members.nearest(str(key), ['study'])}); such as "
            f"--config study={DEFAULT}"
        )
    name = config.get("study", DEFAULT)
    if not isinstance(name, str):
        raise ConfigError(f"--config study: found {name!r}, expected the name of a file in {CONFIGS}/")
    return name


def load_study(name: str, root: Path = Path()) -> Study:
    """The study `configs/<name>.yaml`, checked as a whole.

    Raises:
        ConfigError: listing every fault: the key's path, what was found, what was expected.
    """
    folder = root / CONFIGS
    known = sorted(path.stem for path in folder.glob("*.yaml") if path.stem not in NOT_STUDIES)
    if name not in known:
        raise ConfigError(f"no study {name!r} ({members.nearest(name, known)}); studies are files in {CONFIGS}/")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{CONFIGS}/{name}.yaml: a study's name has lower-case letters, digits and underscores only, and begins "
            "with no underscore: rename the file"
        )
    return check(strict_yaml.read(folder / f"{name}.yaml"), source=f"{CONFIGS}/{name}.yaml")


def parse_study(text: str, *, source: str) -> Study:
    """A study from YAML text; `source` is named in errors.

    Raises:
        ConfigError: as `load_study`.
    """
    return check(strict_yaml.parse(text, source=source), source=source)


def check(content: Any, *, source: str) -> Study:
    """A study from the content of its file.

    Raises:
        ConfigError: as `load_study`.
    """
    try:
        study = Study.model_validate_json(json.dumps(content))  # JSON's types: a list may become a tuple, no more
    except pydantic.ValidationError as error:
        raise ConfigError(explain(error, source, model=Study)) from None
    except (TypeError, ValueError, RecursionError) as error:  # what JSON has no form for
        raise ConfigError(f"{source}: {error}; YAML sets, binary data and loops are not used here") from None
    faults = [f"{source}: {fault}" for fault in _faults(study)]
    if faults:
        raise ConfigError("\n".join(faults))
    return study


def _faults(study: Study) -> list[str]:
    """What no single key shows: names that refer to nothing, members' settings, empty selections."""
    faults = []
    for name, method in study.methods.items():
        faults += _misfits("estimators", method.estimator, method.settings, f"methods.{name}.settings")
        for sweep in () if method.sweeps == "all" else method.sweeps:
            if sweep not in study.sweeps:
                hint = members.nearest(sweep, [*study.sweeps])
                faults.append(f"methods.{name}.sweeps: no sweep {sweep!r} ({hint})")
    for name, sweep in study.sweeps.items():
        for method in () if sweep.methods == "all" else sweep.methods:
            if method not in study.methods:
                hint = members.nearest(method, [*study.methods])
                faults.append(f"sweeps.{name}.methods: no method {method!r} ({hint})")
        faults += [f"sweeps.{name}.vary.{key}: an empty list gives no runs" for key, v in sweep.vary.items() if not v]
        if len(set(sweep.seeds)) != len(sweep.seeds) or not sweep.seeds:
            faults.append(f"sweeps.{name}.seeds: expected at least one, each once; found {list(sweep.seeds)}")
    faults += _tuning_faults(study)
    if faults:
        return faults
    try:
        runs = sweeps.unfold_all(study)
    except ConfigError as error:
        return [str(error)]
    return (
        _name_faults(study, runs)
        + _data_faults(runs)
        + _analysis_faults(study, list(runs.values()))
        + _figure_faults(study)
    )


def _tuning_faults(study: Study) -> list[str]:
    """Trials that would choose nothing, or by seeds whose results are reported."""
    tuned = [name for name, sweep in study.sweeps.items() if sweep.tuned]
    if study.tuning is None:
        return [f"sweeps.{name}.tuned: there is no `tuning` in this study that would choose a rate" for name in tuned]
    faults = []
    reported = {seed for sweep in study.sweeps.values() for seed in sweep.seeds}
    shared = sorted(reported & set(study.tuning.seeds))
    if shared:
        faults.append(f"tuning.seeds: {shared} are reported by a sweep; rates are chosen on seeds of their own")
    for key in ("rates", "seeds"):
        values = list(getattr(study.tuning, key))
        if not values or len(set(values)) != len(values):
            faults.append(f"tuning.{key}: expected at least one, each once; found {values}")
    return faults


def _name_faults(study: Study, runs: dict[str, Run]) -> list[str]:
    """Names that no file could have, found here and not when a training has ended and is to be written."""
    faults = {}
    for run in runs.values():
        if len(run.name) > LONGEST_NAME:
            faults[run.sweep] = (
                f"sweeps.{run.sweep}: the name of a run has {len(run.name)} characters, expected at most "
                f"{LONGEST_NAME}: shorten the names in it, or vary fewer or shorter settings; it is {run.name}"
            )
    for key, names in (("analyses", study.analyses), ("figures", study.figures)):
        for name in names:
            if len(name) > LONGEST_NAME:
                faults[key, name] = (
                    f"{key}.{name}: the name has {len(name)} characters, expected at most {LONGEST_NAME}: shorten it"
                )
    return list(faults.values())


def _data_faults(runs: dict[str, Run]) -> list[str]:
    """Settings that don't fit the data set of a run, each named once."""
    sets = {digest([run.data.dataset, run.data.settings]): run.data for run in runs.values()}
    return [
        fault for data in sets.values() for fault in _misfits("datasets", data.dataset, data.settings, "data.settings")
    ]


def _analysis_faults(study: Study, runs: list[Run]) -> list[str]:
    faults = []
    for name, entry in study.analyses.items():
        try:
            declared = members.constants("analyses", entry.analysis or name)
        except members.UnknownNameError as error:
            faults.append(f"analyses.{name}: {error}")
            continue
        faults += _misfits("analyses", entry.analysis or name, entry.settings, f"analyses.{name}.settings")
        if declared["SCOPE"] == "study":
            continue
        unknown = [sweep for sweep in entry.sweeps or (str(entry.sweep),) if sweep not in study.sweeps]
        for sweep in unknown:
            faults.append(f"analyses.{name}.sweep: no sweep {sweep!r} ({members.nearest(sweep, [*study.sweeps])})")
        if unknown:
            continue
        chosen = sweeps.select(runs, entry)
        if not chosen:
            keys = ["method", "seed", *dict.fromkeys(key for each in entry.sweeps for key in study.sweeps[each].vary)]
            faults.append(f"analyses.{name}.where: {entry.where} selects no run; keys are {', '.join(keys)}")
        if declared["READS"] == "trials" and not all(run.tuned for run in chosen):
            faults.append(f"analyses.{name}.sweep: {entry.sweep} has runs at a given rate; expected tuned sweeps only")
        widest = max((run.training.network.width for run in chosen), default=0)
        if declared["READS"] == "activations" and study.samples.cca < POINTS_PER_UNIT * widest:
            faults.append(
                f"samples.cca: found {study.samples.cca}; analyses.{name} compares layers of {widest} units and needs "
                f"{POINTS_PER_UNIT} points a unit, {POINTS_PER_UNIT * widest} in all: with fewer, chance looks alike"
            )
    return faults


def _figure_faults(study: Study) -> list[str]:
    faults = []
    for name, entry in study.figures.items():
        try:
            declared = members.constants("figures", entry.figure or name)
        except members.UnknownNameError as error:
            faults.append(f"figures.{name}: {error}")
            continue
        faults += _misfits("figures", entry.figure or name, entry.settings, f"figures.{name}.settings")
        reads = list(declared["READS"])
        faults += [
            f"figures.{name}.tables: {asked!r} is none of what it reads ({members.nearest(asked, reads)})"
            for asked in entry.tables
            if asked not in reads
        ]
        faults += [
            f"figures.{name}: reads the analysis {needed!r}, which is not under `analyses`: add it there"
            for needed in (entry.tables.get(asked, asked) for asked in reads)
            if needed not in study.analyses
        ]
    return faults


def _misfits(family: str, member: str, settings: dict[str, Any], where: str) -> list[str]:
    """Check a member's settings against what its function takes."""
    model = _model(family, member)
    try:
        model.model_validate_json(json.dumps(settings))
    except pydantic.ValidationError as error:
        return [explain(error, where, valid=sorted(model.model_fields))]
    names = [(family, name) for family in members.FAMILIES for name in settings.get(family, [])]
    faults = []
    for family_named, name in names:
        try:
            members.require(family_named, name)
        except members.UnknownNameError as error:
            faults.append(f"{where}.{family_named}: {error}")
    return faults


@functools.cache
def _model(family: str, member: str) -> type[BaseModel]:
    """What a member's function takes, as a model; made once, for many entries of a study have one member."""
    declared = members.settings(family, member)
    fields: dict[str, Any] = {name: (s.type, ... if s.required else None) for name, s in declared.items()}
    return pydantic.create_model("Settings", __config__=ConfigDict(extra="forbid", strict=True), **fields)
