"""Whole studies drawn from the schema, and single values on either side of each bound of it.

Keys, types and bounds are read from the annotations of the schema and of the members' functions, so a new key, setting
or member is drawn as it stands. What has to fit something else in a study is drawn here by hand.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from annotated import NO_CHOICE, alternatives, constraints, is_none, parts, plain, sides
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline import members
from pipeline.study import member_checks, schema

FLOATS = (0.01, 0.3, 1.0, 0.0, 0.5, 3.0, 1e-3, -1.0, 100.0)
SEEDS = (0, 1, 2, 7, 2**31, 2**63 - 1)
LABELS = ("one", "Two lines", "Ω_3", "x" * 60, "<b>&amp;", "100 %")
TITLES = ("A study", "t", "Ω" * 120, "a `b` *c")
LOCAL = [
    name for name in members.members("datasets") if not members.constants("datasets", name)["FILES"] or name == "digits"
]
TUNED = "trials"
EVERY = "*"  # in a path: any key or place


# --- values of a type


def values(kind):
    """Small values of a type, within its bounds."""
    if is_none(kind):
        return st.none()
    if len(alternatives(kind)) > 1:
        return st.one_of(*map(values, alternatives(kind)))
    base, bounds = plain(kind), constraints(kind)
    if get_origin(base) is Literal:
        return st.sampled_from(get_args(base))
    if base is bool:
        return st.booleans()
    if base is int:
        least = bounds.get("ge", 0)
        return st.integers(least, min(least + 3, bounds.get("le", math.inf)))
    if base is float:
        return st.sampled_from([each for each in FLOATS if within(each, bounds)])
    if base is str:
        return st.sampled_from(["x", "two words"])
    if isinstance(base, type) and issubclass(base, BaseModel):
        return mapping(base)
    if get_origin(base) in (tuple, Sequence) and (get_origin(base) is Sequence or get_args(base)[1:] == (...,)):
        sizes = {"min_size": bounds.get("min_length", 0), "max_size": bounds.get("max_length", 2)}
        return st.lists(values(get_args(base)[0]), unique_by=json.dumps, **sizes)
    if get_origin(base) is tuple:
        return st.tuples(*map(values, get_args(base))).map(list)
    assert get_origin(base) is dict, f"no values of {kind} are known"
    return st.just({})


def within(number, bounds):
    """Whether a number is in the range of a type."""
    return all(
        {"ge": number >= bound, "gt": number > bound, "le": number <= bound, "lt": number < bound}.get(name, True)
        for name, bound in bounds.items()
        if isinstance(bound, int | float)
    )


@st.composite
def mapping(draw, model, /, *, always=(), **given):
    """The settings of a model of the schema; some optional ones are left out, unless `always` names them."""
    found = {}
    for name, kind in get_type_hints(model, include_extras=True).items():
        if name not in model.model_fields:
            continue
        optional = not model.model_fields[name].is_required() and name not in always
        if not optional or draw(st.integers(0, 3)):
            found[name] = draw(given[name] if name in given else values(kind))
    return found


@st.composite
def settings(draw, family, member, **given):
    """All settings of a member of a family; those that name a family are names of members."""
    found = {}
    for name, setting in members.settings(family, member).items():
        if name in given:
            found[name] = draw(given[name])
        elif name in members.FAMILIES:
            most = constraints(setting.type).get("max_length", 3)
            there = LOCAL if name == "datasets" else members.members(name)
            found[name] = draw(st.lists(st.sampled_from(there), min_size=1, max_size=most, unique=True))
        else:
            found[name] = draw(values(setting.type))
    return found


# --- a whole study


@st.composite
def studies(draw, *, analysis=None, figure=None, estimator=None, dataset=None, tuned=False):
    """A study whose settings nearly always fit each other, with these members in it."""
    dataset = dataset or draw(st.sampled_from(LOCAL))
    classes = members.constants("datasets", dataset)["CLASSES"]
    hidden = draw(st.integers(0, 4))
    sequential = (not estimator or at_once(estimator)) and draw(st.sampled_from([False, False, True]))
    training = draw(trainings(hidden, sequential=sequential))
    steps, widest = training["steps"], 10 * (training["network"]["width"] + 1)
    samples = {
        "rdm": draw(st.integers(2 * classes, 2 * classes + 3)),
        "cca": draw(st.integers(widest, widest + 3)),
        "probe": draw(st.integers(2 * classes, 2 * classes + 3)),
    }
    points = st.integers(samples["probe"], samples["probe"] + 20)
    tests = st.integers(samples["rdm"] + samples["cca"], samples["rdm"] + samples["cca"] + 9)
    data = draw(
        mapping(
            schema.Data,
            dataset=st.just(dataset),
            settings=settings("datasets", dataset),
            train=points,
            test=tests,
            split_seed=st.sampled_from(SEEDS),
        )
    )
    wanted = [analysis] if analysis else draw(st.lists(st.sampled_from(members.members("analyses")), max_size=1))
    pictures = [figure] if figure else draw(st.lists(st.sampled_from(members.members("figures")), max_size=1))
    wanted += [each for name in pictures for each in members.constants("figures", name)["READS"]]
    tuned = (
        tuned or any(members.constants("analyses", name)["READS"] == TUNED for name in wanted) or draw(st.booleans())
    )
    methods = draw(several_methods(hidden, sequential=sequential, estimator=estimator))
    varied = draw(st.sampled_from([{}, {}, {"network.hidden": [hidden, hidden + 1]}, {"network.width": [1]}, "any"]))
    if varied == "any":
        path = draw(st.sampled_from(FREE))
        varied = {path: draw(st.lists(values(KINDS[path]), min_size=1, max_size=2, unique_by=json.dumps))}
    given = {"methods": st.sampled_from(["all", "all", list(methods)]), "set": free_settings(), "always": ("tuned",)}
    sweeps = {"s": draw(mapping(schema.Sweep, seeds=seeds(SEEDS), tuned=st.just(False), vary=st.just(varied), **given))}
    if tuned:
        sweeps["t"] = draw(
            mapping(schema.Sweep, seeds=seeds(SEEDS), tuned=st.just(True), vary=st.just(varied), **given).filter(
                rates_free
            )
        )
    entries, drawn = {}, {}
    for name in dict.fromkeys(wanted):
        entries[name] = draw(analysis_entry(name, list(sweeps), list(methods)))
    for name in pictures:
        drawn[name] = draw(figure_entry(name))
    found = {
        "title": draw(st.sampled_from(TITLES)),
        "data": data,
        "samples": samples,
        "training": training,
        "tuning": draw(tunings(steps)) if tuned else None,
        "methods": methods,
        "sweeps": sweeps,
        "analyses": entries,
        "figures": drawn,
    }
    assert list(found) == list(schema.Study.model_fields), "a part of a study isn't drawn"
    return found


def at_once(estimator):
    """Whether an estimator speaks before the layers above it have run."""
    return set(members.constants("estimators", estimator)["WAITS_FOR"]) <= {"h", "y"}


@st.composite
def tunings(draw, steps):
    """How rates are chosen, by trials of at most so many steps, with an update in the first rung."""
    longest, factor = draw(st.integers(1, steps)), draw(st.integers(2, 3))
    rungs = [count for count in (1, 2, 3) if factor ** (count - 1) <= longest]
    return draw(
        mapping(
            schema.Tuning,
            rates=st.sampled_from([[0.01], [0.01, 0.3]]),
            gate_factors=st.sampled_from([[1.0], [1.0], [0.5, 2.0]]),
            widening=mapping(schema.Widening, factor=st.sampled_from([2.0, 3.0])),
            halving=mapping(schema.Halving, rungs=st.sampled_from(rungs), factor=st.just(factor)),
            seeds=st.sampled_from([[100], [100, 2**40]]),
            steps=st.just(longest),
            share=st.just(1.0),
        )
    )


def seeds(known):
    """Seeds of a sweep."""
    return st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True)


def rates_free(sweep):
    """Whether a sweep varies no rate, as tuned ones must not."""
    return not any(path.endswith("optimiser.rate") for path in sweep["vary"])


@st.composite
def optimisers(draw, steps):
    """An optimiser whose rate drops within a training."""
    name = draw(st.sampled_from(["adam", "sgd"]))
    momentum = st.just(0.0) if name == "adam" else st.sampled_from([0.0, 0.5])
    drops = st.lists(st.integers(1, steps - 1), max_size=2, unique=True).map(sorted) if steps > 1 else st.just([])
    return draw(mapping(schema.Optimiser, name=st.just(name), momentum=momentum, drops=drops))


EARLY = (st.integers(1, 3), st.integers(0, 9))  # every so many steps, and for how long


@st.composite
def trainings(draw, hidden, *, sequential):
    """A training of a few steps."""
    steps, batch_norm = draw(st.integers(1, 6)), draw(st.booleans())
    least = 2 if batch_norm else 1
    free = {} if not sequential else {"apply": st.just(True), "target": st.just("arrived")}
    update = st.just("sequential" if sequential else "simultaneous")
    return draw(
        mapping(
            schema.Training,
            network=mapping(
                schema.NetworkSettings, hidden=st.just(hidden), width=st.integers(1, 4), batch_norm=st.just(batch_norm)
            ),
            batch=st.integers(least, 4),
            steps=st.just(steps),
            optimiser=optimisers(steps),
            gates=mapping(schema.Gates, optimiser=optimisers(steps), update=update, **free),
            log_every=st.integers(1, steps),
            log_early=st.none() | st.builds(lambda every, more: {"every": every, "until": every + more}, *EARLY),
            log_points=st.integers(least, 9),
            checkpoints=st.integers(2, min(steps + 1, 4)),
        )
    )


@st.composite
def several_methods(draw, hidden, *, sequential, estimator):
    """One to three methods by name."""
    known = members.members("estimators")
    if sequential:
        known = list(filter(at_once, known))
    chosen = [estimator or draw(st.sampled_from(known)), *draw(st.lists(st.sampled_from(known), max_size=2))]
    labels = draw(st.permutations(LABELS))
    placements = [st.sampled_from(["none", "middle", "every"])]
    if hidden:
        placements.append(st.integers(1, hidden).map(lambda k: {"every": k}))
        placements.append(st.lists(st.integers(1, hidden), min_size=1, max_size=2, unique=True))
    return {
        f"m{number}": draw(
            mapping(
                schema.Method,
                label=st.just(labels[number]),
                estimator=st.just(name),
                settings=settings("estimators", name),
                placement=st.one_of(*placements),
                set=free_settings(),
                sweeps=st.just("all"),
            )
        )
        for number, name in enumerate(chosen)
    }


@st.composite
def free_settings(draw):
    """No setting or one that fits all others, by path."""
    if draw(st.integers(0, 3)):
        return {}
    path = draw(st.sampled_from(FREE))
    return {path: draw(values(KINDS[path]))}


@st.composite
def analysis_entry(draw, name, sweeps, methods):
    """An entry under `analyses`."""
    declared = members.constants("analyses", name)
    fitting = settings("analyses", name).filter(lambda each: not member_checks.misfits("analyses", name, each, ""))
    entry: dict[str, Any] = {"settings": draw(fitting)}
    if declared["SCOPE"] == "study":
        return entry | draw(st.sampled_from([{}, {"sweep": None, "where": {}}]))
    entry["sweep"] = "t" if declared["READS"] == TUNED else draw(st.sampled_from([*sweeps, [sweeps[0]]]))
    return entry | draw(
        st.sampled_from([{}, {}, {"where": {"method": methods[:1]}}, {"where": {"method": methods[0]}}])
    )


@st.composite
def figure_entry(draw, name):
    """An entry under `figures`."""
    declared = members.constants("figures", name)
    reads = declared["READS"]
    titled = [{each: {"a title": each} for each in reads}] if declared.get("BY_SETTING") else []
    tables = st.sampled_from([{}, {each: each for each in reads}, *titled])
    return draw(
        mapping(
            schema.Figure,
            always=("settings",),
            figure=st.sampled_from([None, name]),
            title=st.sampled_from([None, *TITLES]),
            note=st.sampled_from(["", "Here it is *small*."]),
            tables=tables,
            settings=settings("figures", name),
        )
    )


# --- places in a study


def keys(model, path=()):
    """Every key of a model of the schema with its type: (path, type); a name or a place in a list is `*`."""
    for name, kind in get_type_hints(model, include_extras=True).items():
        if name in model.model_fields:
            yield from within_type((*path, name), kind)


def within_type(path, kind):
    """The keys of a type at a path."""
    for one in alternatives(kind):
        base = plain(one)
        if isinstance(base, type) and issubclass(base, BaseModel):
            yield from keys(base, path)
        elif get_origin(base) is dict and get_args(base)[1] is not Any:
            yield from within_type((*path, EVERY), get_args(base)[1])
        elif get_origin(base) is tuple:
            yield from within_type((*path, EVERY), get_args(base)[0])
        elif not is_none(one):
            yield path, one


LINKED = {
    "update",
    "apply",
    "target",
    "name",
    "momentum",
    "hidden",
    "width",
    "batch",
    "steps",
    "log_every",
    "every",
    "until",
    "log_points",
}
LINKED |= {"checkpoints", "batch_norm"}
KINDS = {
    ".".join(path): kind
    for path, kind in keys(schema.Training)
    if EVERY not in path and path[-1] not in LINKED and Any not in parts(kind)
}
FREE = list(KINDS)  # paths below `training` that may have any value of their type


class Side:
    """A bound of one key: a value that it allows, or one that it refuses."""

    def __init__(self, path, bound, value, *, refused):
        """The key's path, with `*` for names; the bound's name; the value."""
        self.path, self.bound, self.value, self.refused = path, bound, value, refused

    def __str__(self):
        return f"{'.'.join(self.path)} {self.bound}: {self.value!r}{' refused' if self.refused else ''}"

    def plant(self, study):
        """Put the value into a study, and return the path at which it stands; None if there is no such place."""
        place: Any = study
        path = list(self.path)
        for number, key in enumerate(path):
            if key == EVERY:
                if isinstance(place, dict) and place:
                    path[number] = next(iter(place))
                elif isinstance(place, list):
                    path[number] = 0
                else:
                    return None
            last = number == len(path) - 1
            if isinstance(place, list):
                place[:] = place or [None]
            if last:
                place[path[number]] = self.value
                return tuple(path)
            inner = place.get(path[number]) if isinstance(place, dict) else place[path[number]]
            if number and path[number - 1] == "tables" and not isinstance(inner, dict):
                inner = place[path[number]] = {"title": None}  # one entry, or several by their title
            if inner is None and path[number + 1] == EVERY:
                return None  # left out: whether a mapping or a list is wanted can't be told
            wanted = list if path[number + 1] == EVERY and not isinstance(inner, dict) else dict
            if path[number] == "tables" and not inner:  # optional, and no list
                inner = place["tables"] = {"learning": None}
            elif not isinstance(inner, wanted):
                inner = place[path[number]] = wanted()
            place = inner
        return None


def schema_sides():
    """Every value on either side of each bound of the schema."""
    for path, kind in keys(schema.Study):
        for bound, allowed, refused in sides(kind):
            yield from (Side(path, bound, value, refused=False) for value in allowed)
            yield from (Side(path, bound, value, refused=True) for value in refused)


def places(content, path=()):
    """The path of every key and place in a study."""
    found = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in found:
        yield (*path, key)
        yield from places(value, (*path, key))


JUNK = [None, True, "", "x", NO_CHOICE, -1, 0, 1, 2, 3, 0.5, math.nan, math.inf, 1e-320, 1e300, 10**30, [], [1], [1, 1], {}, {"x": 1}, ["x"]]  # fmt: skip


@st.composite
def spoiled(draw, study):
    """The study with one or two changes anywhere, most of which are faults."""
    study = json.loads(json.dumps(study))
    for _ in range(draw(st.integers(1, 2))):
        *folders, key = draw(st.sampled_from(list(places(study))))
        place: Any = study
        for folder in folders:
            place = place[folder]
        numbers = [at(study, path) for path in places(study) if type(at(study, path)) is int]
        kind = draw(st.sampled_from(["junk", "near", "near", "delete", "add", "rename"]))
        if kind == "near":
            place[key] = draw(st.sampled_from(sorted(set(numbers)))) + draw(st.sampled_from([0, -1, 1]))
        elif kind == "junk" or isinstance(place, list):
            place[key] = draw(st.sampled_from(JUNK))
        elif kind == "add":
            place[f"{key}z"] = place[key]
        elif kind == "rename":
            place[f"{key}z"] = place.pop(key)
        else:
            del place[key]
    return study


def at(content, path):
    """What stands at a path."""
    for key in path:
        content = content[key]
    return content


# --- as text


def written(value):
    """A value as YAML in one line, as a user could write it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value, ensure_ascii=False)


def text(study):
    """A study as YAML, a part a line."""
    return "".join(f"{json.dumps(key)}: {written(value)}\n" for key, value in study.items())


def named_paths(message, source):
    """The path at the beginning of each line of an error."""
    for line in message.splitlines():
        assert line.startswith(f"{source}: "), f"a line without its file: {line}"
        path = line.removeprefix(f"{source}: ").split(": ")[0]
        yield re.sub(r" with method \w+$", "", path)
