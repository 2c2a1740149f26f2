"""Settings of a member of a family: each has the type that the member states, and together they meet its bounds.

A member states bounds between its settings in a constant, `BOUNDS`, such as `(("at_least", "width", "outputs"),)`: the
name of a rule of this module and what the rule is about.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter

from pipeline import members
from pipeline.study.errors import explain

Fault = tuple[str, str]  # a setting, what was found and what was expected


def misfits(family: str, member: str, settings: dict[str, Any], where: str) -> list[str]:
    """What is wrong with a member's settings, a line each, beginning with their path, `where`."""
    model = _model(family, member)
    try:
        model.model_validate_json(json.dumps(settings))
    except pydantic.ValidationError as error:
        return explain(error, f"{where}.", content=settings, valid=sorted(model.model_fields)).splitlines()
    found = [
        f"{where}.{setting}: {error}"
        for setting in members.FAMILIES
        for error in _unknown(setting, settings.get(setting, []))
    ]
    return found or [f"{where}.{setting}: {said}" for setting, said in _between(family, member, settings)]


@functools.cache
def _model(family: str, member: str) -> type[BaseModel]:
    """What a member's function takes, as a model; made once, for many entries of a study have one member."""
    declared = members.settings(family, member)
    fields: dict[str, Any] = {name: (s.type, ... if s.required else None) for name, s in declared.items()}
    return pydantic.create_model("Settings", __config__=ConfigDict(extra="forbid", strict=True), **fields)


def _unknown(family: str, names: list[str]) -> Iterator[members.UnknownNameError]:
    for name in names:
        try:
            members.require(family, name)
        except members.UnknownNameError as error:
            yield error


def _between(family: str, member: str, settings: dict[str, Any]) -> Iterator[Fault]:
    """Settings that don't fit each other; one that is not given has its default."""
    chosen = {name: setting.default for name, setting in members.settings(family, member).items()} | settings
    for rule, *about in members.constants(family, member).get("BOUNDS", ()):
        yield from RULES[rule](chosen, *about)


def at_least(chosen: Mapping[str, Any], setting: str, other: str) -> Iterator[Fault]:
    """One number is no less than another."""
    if chosen[setting] < chosen[other]:
        yield setting, f"found {chosen[setting]}, expected at least {other}, {chosen[other]}"


def inside(chosen: Mapping[str, Any], setting: str, limit: str) -> Iterator[Fault]:
    """Points have no coordinate beyond a limit on either side of zero."""
    for point in chosen[setting]:
        if max(map(abs, point)) > chosen[limit]:
            yield setting, f"found {list(point)}, expected coordinates of at most {limit}, {chosen[limit]}, in size"


def same_length(chosen: Mapping[str, Any], first: str, *others: str) -> Iterator[Fault]:
    """Lists have a value for each value of the first."""
    for other in others:
        found, expected = list(chosen[other]), list(chosen[first])
        if len(found) != len(expected):
            yield other, f"found {found}, expected {len(expected)} values, one for each of {first}, {expected}"


def told_apart(chosen: Mapping[str, Any], setting: str) -> Iterator[Fault]:
    """Numbers stay different in the names of metrics, which have six digits of them."""
    names = [f"{value:g}" for value in chosen[setting]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield setting, f"found {list(chosen[setting])}, expected numbers that differ in six digits: {twice[0]} is two"


def drawn_with(chosen: Mapping[str, Any], *parameters: str) -> Iterator[Fault]:
    """Each data set has a function `draw` with these parameters, and can be drawn with what is chosen for them."""
    able = [
        name for name in members.members("datasets") if members.parameters("datasets", name, "draw") == [*parameters]
    ]
    for name in chosen["datasets"]:
        if name not in able:
            yield (
                "datasets",
                f"found {name!r}, expected a data set that can be drawn by {' and '.join(parameters)}: one of "
                f"{', '.join(map(repr, able))}",
            )
            continue
        own = members.settings("datasets", name)
        for setting in {*parameters} & {*own} & {*chosen}:
            yield from _values_for(name, setting, list(chosen[setting]), own[setting].type)


def _values_for(dataset: str, setting: str, values: list[Any], kind: Any) -> Iterator[Fault]:
    for value in values:
        try:
            TypeAdapter(kind).validate_python(value, strict=True)
        except pydantic.ValidationError as error:
            yield setting, f"found {value} for the data set {dataset!r}: {error.errors()[0]['msg']}"


def declared(chosen: Mapping[str, Any], family: str, constant: str, value: Any) -> Iterator[Fault]:
    """Each member of another family that is chosen states this value for a constant."""
    able = [name for name in members.members(family) if members.constants(family, name)[constant] == value]
    for name in chosen[family]:
        if name not in able:
            yield family, f"found {name!r}, expected one with {constant} {value!r}: {', '.join(map(repr, able))}"


def fixed_among(chosen: Mapping[str, Any], *known: str) -> Iterator[Fault]:
    """At least one estimator doesn't learn, and of those that don't, only the known ones are chosen."""
    fixed = [name for name in chosen["estimators"] if not members.constants("estimators", name)["LEARNED"]]
    for name in fixed:
        if name not in known:
            yield "estimators", f"found {name!r}, expected estimators that learn, or of {', '.join(map(repr, known))}"
    if not fixed:
        yield (
            "estimators",
            f"found {list(chosen['estimators'])}, expected at least one of {', '.join(map(repr, known))} among them",
        )


def below_the_output(chosen: Mapping[str, Any], depths: str) -> Iterator[Fault]:
    """Where a network has no hidden layers, its gate is on the output: no estimator waits for a layer above."""
    if 0 not in chosen[depths]:
        return
    for name in chosen["estimators"]:
        if "above" in members.constants("estimators", name)["WAITS_FOR"]:
            yield (
                "estimators",
                f"found {name!r} with {depths} {list(chosen[depths])}, expected no 0: it waits for the layer above, "
                "which a gate on the output doesn't have",
            )


RULES: Mapping[str, Callable[..., Iterator[Fault]]] = {
    rule.__name__: rule
    for rule in (at_least, inside, same_length, told_apart, drawn_with, declared, fixed_among, below_the_output)
}
