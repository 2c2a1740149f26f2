"""Sweeps unfolded into named runs, and selections of runs."""

import itertools
import json
import re
from typing import Any

import pydantic

from pipeline import members
from pipeline.results.fingerprint import digest
from pipeline.study.errors import ConfigError, explain
from pipeline.study.labels import UNSAFE, setting, without_labels, without_seed
from pipeline.study.schema import Analysis, Run, Study


def unfold_all(study: Study) -> dict[str, Run]:
    """Every run of every sweep, by name.

    Raises:
        ConfigError: where a method's, a sweep's or a varied setting doesn't fit, or two runs have one name.
    """
    runs = [run for sweep in study.sweeps for run in unfold(study, sweep)]
    found = {run.name: run for run in runs}
    if len(found) != len(runs):
        raise ConfigError(f"sweeps: {len(runs)} runs but only {len(found)} names: a value stands twice in a `vary`")
    return found


def unfold(study: Study, sweep: str) -> list[Run]:
    """The runs of one sweep; what is varied wins over what the sweep sets, and that over what the method sets.

    Raises:
        ConfigError: where a setting doesn't fit.
    """
    plan = study.sweeps[sweep]
    methods = joining(study, sweep) if plan.methods == "all" else list(plan.methods)
    runs = []
    for values in itertools.product(*plan.vary.values()):
        varied = dict(zip(plan.vary, values, strict=True))
        for method in methods:
            first = _first(study, sweep, method, varied)
            runs += [first.model_copy(update={"seed": seed, "name": _name(first, seed)}) for seed in plan.seeds]
    return runs


def cells(runs: list[Run]) -> dict[str, list[Run]]:
    """The tuned runs by cell, named after its first run. Runs that differ only in their seed share their rates."""
    named: dict[str, list[Run]] = {}
    for run in runs:
        if run.tuned:
            named.setdefault(without_seed(run), []).append(run)
    alike: dict[str, list[Run]] = {}
    for group in named.values():
        alike.setdefault(digest(without_labels(group[0], "name", "seed")), []).extend(group)
    return {without_seed(group[0]): group for group in alike.values()}


def _first(study: Study, sweep: str, method: str, varied: dict[str, Any]) -> Run:
    """A run of one method; those of other seeds differ in their seed and name only."""
    plan, chosen, where = study.sweeps[sweep], study.methods[method], f"sweeps.{sweep} with method {method}"
    base = {"training": study.training.model_dump(), "data": study.data.model_dump()}
    for path, value in {**chosen.set, **plan.set, **varied}.items():
        _put(base, path, value, where)
    content = {
        "name": sweep,
        "sweep": sweep, "method": method, "seed": 0, "tuned": plan.tuned, "varied": varied, **base,
        "estimator": chosen.estimator, "estimator_settings": chosen.settings,
        "placement": chosen.model_dump()["placement"],
    }  # fmt: skip
    try:
        return Run.model_validate_json(json.dumps(content))
    except pydantic.ValidationError as error:
        raise ConfigError(explain(error, f"{where}: ", content=content, model=Run)) from None


def _name(run: Run, seed: int) -> str:
    parts = (run.sweep, run.method, setting(run.varied), f"s{seed}")
    return re.sub(UNSAFE, "_", "-".join(part for part in parts if part))


def joining(study: Study, sweep: str) -> list[str]:
    """The methods that a sweep over all of them has."""
    return [name for name, method in study.methods.items() if method.sweeps == "all" or sweep in method.sweeps]


def _put(settings: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set `path` (such as `network.hidden`, below `training`, or `data.dataset`) to `value`."""
    *folders, key = path.split(".") if path.startswith("data.") else ["training", *path.split(".")]
    place = settings
    for folder in folders:
        place = place.get(folder, {}) if isinstance(place, dict) else {}
    if not isinstance(place, dict) or key not in place:
        hint = members.nearest(path, _paths(settings["training"]) + [f"data.{name}" for name in settings["data"]])
        raise ConfigError(f"{where}: no setting {path!r} ({hint})")
    place[key] = value


def _paths(settings: dict[str, Any]) -> list[str]:
    found = []
    for key, value in settings.items():
        found += [f"{key}.{path}" for path in _paths(value)] if isinstance(value, dict) else [key]
    return found


def select(runs: list[Run], wanted: Analysis) -> list[Run]:
    """The runs that an analysis asks for, in the order of the sweep."""
    return [run for run in runs if run.sweep in wanted.sweeps and _matches(run, wanted.where)]


def _matches(run: Run, where: dict[str, Any]) -> bool:
    """Does a run fit a selection? Keys are `method`, `seed` or a varied setting; a list means "one of these"."""
    has = {"method": run.method, "seed": run.seed, **run.varied}
    return all(has.get(key) in (value if isinstance(value, list) else [value]) for key, value in where.items())
