"""Find and load the members of a family: a family is a folder of this package, a member is a file in it.

A member's constants and settings are read from its source without running it, so that configs are checked and workflows
planned without importing torch.
"""

import ast
import difflib
import functools
import importlib
import typing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parent
FAMILIES = ("analyses", "datasets", "estimators", "figures", "measures")
ENTRY = {"analyses": "analyse", "datasets": "load", "estimators": "build", "figures": "draw", "measures": "prepare"}
# Keyword-only parameters that stages pass to a member's function; all others are settings.
GIVEN = ("above", "generator", "style")
UNKNOWN = object()


class UnknownNameError(ValueError):
    """A name that isn't valid; the message gives the nearest valid one."""


@dataclass(frozen=True)
class Setting:
    """A setting of a member; `default` is `UNKNOWN` if there is none or it isn't a literal."""

    type: Any
    required: bool
    default: Any


def nearest(name: str, valid: list[str]) -> str:
    """A hint for an error message: the nearest valid name, or all valid names."""
    close = difflib.get_close_matches(str(name), valid, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(map(repr, valid)) or 'none'}"


def members(family: str) -> list[str]:
    """The sorted names of a family's members: its files, without `__init__` and without the folder `shared/`."""
    return sorted(path.stem for path in (PACKAGE / family).glob("*.py") if not path.stem.startswith("_"))


def require(family: str, name: str) -> str:
    """Return `name` if the family has such a member.

    Raises:
        UnknownNameError: with the nearest valid name.
    """
    if not name.isidentifier() or name.startswith("_") or not (PACKAGE / family / f"{name}.py").is_file():
        raise UnknownNameError(
            f"no {name!r} in pipeline/{family}/ ({nearest(name, members(family))}); a new one is a new file there"
        )
    return name


def load(family: str, name: str) -> ModuleType:
    """Import a member's module.

    Raises:
        UnknownNameError: if the family has no such member.
    """
    return importlib.import_module(f"pipeline.{family}.{require(family, name)}")


def constants(family: str, name: str) -> dict[str, Any]:
    """The literal constants at the top level of a member's source, such as SCOPE and READS."""
    found = {}
    for node in _tree(family, name).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def settings(family: str, name: str) -> dict[str, Setting]:
    """A member's settings: the keyword-only parameters of its function, except those in `GIVEN`."""
    entry = next(n for n in _tree(family, name).body if isinstance(n, ast.FunctionDef) and n.name == ENTRY[family])
    parameters = zip(entry.args.kwonlyargs, entry.args.kw_defaults, strict=True)
    return {p.arg: _setting(p, default) for p, default in parameters if p.arg not in GIVEN}


def _tree(family: str, name: str) -> ast.Module:
    return _parse(PACKAGE / family / f"{require(family, name)}.py")


@functools.cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _setting(parameter: ast.arg, default: ast.expr | None) -> Setting:
    names = {"Literal": typing.Literal, "Any": Any, "__builtins__": {t.__name__: t for t in _PLAIN}}
    try:
        kind = eval(ast.unparse(parameter.annotation), names) if parameter.annotation else Any  # noqa: S307 (our source)
    except NameError:
        kind = Any
    if default is None:
        return Setting(kind, required=True, default=UNKNOWN)
    try:
        return Setting(kind, required=False, default=ast.literal_eval(default))
    except ValueError:
        return Setting(kind, required=False, default=UNKNOWN)


_PLAIN = (bool, int, float, str, list, tuple, dict, set)
