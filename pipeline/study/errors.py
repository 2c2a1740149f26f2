"""Faults of a config in words: the key's path, what was found, what was expected, the nearest valid name."""

import difflib
import json
import re
from typing import Annotated, Any, get_args, get_origin

import pydantic
from pydantic import BaseModel

from pipeline import members
from pipeline.errors import ExplainedError


class ConfigError(ExplainedError, ValueError):
    """A config that can't be used; the message lists every fault with its path and what to do."""


def explain(
    error: pydantic.ValidationError,
    source: str,
    *,
    model: type[BaseModel] | None = None,
    valid: list[str] | None = None,
) -> str:
    """Every fault on a line: path, what was found, what was expected, the nearest valid name.

    Args:
        error: what pydantic found.
        source: where the settings stand, named first on every line.
        model: of the settings, to find the valid keys at a place.
        valid: the valid keys themselves, where there is no such model.
    """
    lines = []
    for fault in error.errors():
        path = ".".join(str(part) for part in fault["loc"]) or "the file"
        found = json.dumps(fault["input"], default=str)
        found = found if len(found) <= 80 else found[:77] + "…"
        if fault["type"] == "extra_forbidden":
            keys = valid or _keys_at(model, fault["loc"][:-1])
            lines.append(f"{source}: {path}: unknown key ({members.nearest(str(fault['loc'][-1]), keys)})")
        elif fault["type"] == "missing":
            lines.append(f"{source}: {path}: missing; every study has the same keys, see configs/README.md")
        else:
            said = fault["msg"].removeprefix("Value error, ")
            close = difflib.get_close_matches(str(fault["input"]), re.findall(r"'(\w+)'", said), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close and fault["type"] == "literal_error" else ""
            lines.append(f"{source}: {path}: found {found}: {said}{hint}")
    return "\n".join(lines)


def _keys_at(model: type[BaseModel] | None, path: tuple[int | str, ...]) -> list[str]:
    """The valid keys at a place in a model, found by walking down its annotations."""
    place: Any = model
    for part in path:
        while get_origin(place) is Annotated:
            place = get_args(place)[0]
        if get_origin(place) is dict:
            place = get_args(place)[1]
        elif get_origin(place) is tuple:
            place = get_args(place)[0]
        else:
            field = getattr(place, "model_fields", {}).get(part)
            place = field.annotation if field else None
    while get_origin(place) is Annotated:
        place = get_args(place)[0]
    return sorted(getattr(place, "model_fields", {}))
