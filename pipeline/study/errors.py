"""Faults of a config in words: the key's path, what was found, what was expected, the nearest valid name."""

import difflib
import json
import re
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel

from pipeline import members
from pipeline.errors import ExplainedError


class ConfigError(ExplainedError, ValueError):
    """A config that can't be used; the message lists every fault with its path and what to do."""


def explain(
    error: pydantic.ValidationError,
    before: str,
    *,
    content: Any = None,
    model: type[BaseModel] | None = None,
    valid: list[str] | None = None,
) -> str:
    """Every fault on a line: path, what was found, what was expected, the nearest valid name.

    Args:
        error: what pydantic found.
        before: what each line begins with, such as `configs/study.yaml: `; the path of the key follows at once.
        content: the settings, to leave out the parts of a path that pydantic adds for alternatives.
        model: of the settings, to find the valid keys at a place.
        valid: the valid keys themselves, where there is no such model.
    """
    lines = []
    for fault in error.errors():
        path = ".".join(map(str, _place(fault, content))) or "the file"
        found = json.dumps(fault["input"], default=str)
        found = found if len(found) <= 80 else found[:77] + "…"
        if fault["type"] == "extra_forbidden":
            keys = valid or _keys_at(model, fault["loc"][:-1])
            lines.append(f"{before}{path}: unknown key ({members.nearest(str(fault['loc'][-1]), keys)})")
        elif fault["type"] == "missing":
            lines.append(f"{before}{path}: missing; every study has the same keys, see configs/README.md")
        else:
            said = fault["msg"].removeprefix("Value error, ")
            close = difflib.get_close_matches(str(fault["input"]), re.findall(r"'(\w+)'", said), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close and fault["type"] == "literal_error" else ""
            lines.append(f"{before}{path}: found {found}: {said}{hint}")
    return "\n".join(lines)


def _place(fault: Any, content: Any) -> list[int | str]:
    """The place of a fault as keys of the settings: pydantic's own has the types of alternatives in between."""
    if content is None:
        return list(fault["loc"])
    found, place = [], content
    for part in fault["loc"]:
        if (isinstance(place, dict) and part in place) or (isinstance(place, list | tuple) and isinstance(part, int)):
            place = place[part]
            found.append(part)
    return [*found, fault["loc"][-1]] if fault["type"] == "missing" else found


def _keys_at(model: type[BaseModel] | None, path: tuple[int | str, ...]) -> list[str]:
    """The valid keys at a place in a model, found by walking down its annotations."""
    place: Any = _plain(model)
    for part in path:
        if get_origin(place) in (Union, UnionType):  # pydantic names the alternative
            place = _plain(next((each for each in get_args(place) if getattr(each, "__name__", "") == part), None))
            continue
        if get_origin(place) is dict:
            place = get_args(place)[1]
        elif get_origin(place) is tuple:
            place = get_args(place)[0]
        else:
            field = getattr(place, "model_fields", {}).get(part)
            place = field.annotation if field else None
        place = _plain(place)
    return sorted(getattr(place, "model_fields", {}))


def _plain(kind: Any) -> Any:
    """A type without its bounds, and without the None that may stand in its place."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    others = [each for each in get_args(kind) if each is not NoneType] if get_origin(kind) in (Union, UnionType) else []
    return _plain(others[0]) if len(others) == 1 else kind
