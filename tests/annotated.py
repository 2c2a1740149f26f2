"""Types with bounds, taken apart: what they are built from, and values on either side of each bound."""

import math
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

WORDS = {int: ["many", True, 1.5], float: ["much", True], bool: ["yes", 1], str: [3]}
NO_CHOICE = "nosuch"


def parts(kind):
    """A type and all types that it is built from."""
    yield kind
    for part in get_args(kind) if get_origin(kind) is not Literal else ():
        yield from parts(part)


def alternatives(kind):
    """The types of a union, or the type alone."""
    return list(get_args(kind)) if get_origin(kind) in (Union, UnionType) else [kind]


def plain(kind):
    """A type without its bounds."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def constraints(kind):
    """What bounds an annotated type, by name."""
    found = {}
    for extra in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        for one in getattr(extra, "metadata", [extra]):
            found |= {name: getattr(one, name) for name in one.__slots__ if hasattr(one, name)}
            found |= getattr(one, "__dict__", {})
    return found


def sides(kind):
    """The values on either side of a type's bounds: (name of the bound, values that it allows, values that it refuses).

    Of a number, those at the bound and next to it; of a choice, each; and for each type a few of another type.
    """
    base, bounds = plain(kind), constraints(kind)
    if get_origin(base) is Literal:
        return [("choice", list(get_args(base)), [NO_CHOICE])]
    found = [("type", [], WORDS[base])] if base in WORDS else []
    if base is bool:
        found += [("choice", [False, True], [])]
    for name, bound in bounds.items():
        if base is int and name in ("ge", "le"):
            inwards = 1 if name == "ge" else -1
            found.append((f"{name} {bound}", [bound, bound + inwards], [bound - inwards]))
        elif base is float and name in ("ge", "le", "gt", "lt"):
            inwards = math.inf if name[0] == "g" else -math.inf
            inside, outside = math.nextafter(bound, inwards), math.nextafter(bound, -inwards)
            found.append(
                (f"{name} {bound}", *(([bound, inside], [outside]) if name[1] == "e" else ([inside], [bound])))
            )
    if base is float:
        found.append(("finite", [], [math.inf, -math.inf, math.nan]))
    return found


def is_none(kind):
    """Whether a type has no value but None."""
    return kind in (None, NoneType)
