"""Find and load the members of a family: a family is a folder of this package, a member is a file in it.

A member's constants and settings are read from its source without running it, so that configs are checked and workflows
planned without importing torch.
"""

import ast
import difflib
import functools
import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, get_origin

from pipeline import settings_types
from pipeline.errors import ExplainedError

PACKAGE = Path(__file__).parent
FAMILIES = ("analyses", "datasets", "estimators", "figures", "measures")
ENTRY = {"analyses": "analyse", "datasets": "load", "estimators": "build", "figures": "draw", "measures": "prepare"}
# Keyword-only parameters that stages pass to a member's function; all others are settings.
GIVEN = ("above", "generator", "style")
UNKNOWN = object()


class UnknownNameError(ExplainedError, ValueError):
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
    # Asked ten thousand times when a study is planned: paths would take longer than the question.
    if not name.isidentifier() or name.startswith("_") or not os.path.isfile(f"{PACKAGE}/{family}/{name}.py"):  # noqa: PTH113
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
    return dict(_constants(_tree(family, name)))


@functools.cache
def _constants(tree: ast.Module) -> dict[str, Any]:
    found = {}
    for node in tree.body:
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


def parameters(family: str, name: str, function: str) -> list[str]:
    """The names of the parameters of a member's function, without those in `GIVEN`; none if it has no such function."""
    found = [n.args for n in _tree(family, name).body if isinstance(n, ast.FunctionDef) and n.name == function]
    return [each.arg for args in found for each in (*args.args, *args.kwonlyargs) if each.arg not in GIVEN]


def _tree(family: str, name: str) -> ast.Module:
    return _parse(f"{PACKAGE}/{family}/{require(family, name)}.py")


@functools.cache
def _parse(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def _setting(parameter: ast.arg, default: ast.expr | None) -> Setting:
    kind = _type(parameter.annotation) if parameter.annotation else Any
    if default is None:
        return Setting(kind, required=True, default=UNKNOWN)
    try:
        return Setting(kind, required=False, default=ast.literal_eval(default))
    except ValueError:
        return Setting(kind, required=False, default=UNKNOWN)


def _type(annotation: ast.expr) -> Any:
    """The type that an annotation names, built from the known names alone; Any for what is not understood."""
    match annotation:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name):
            return NAMED.get(name, Any)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type(left) | _type(right)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            return _literal(values)
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in NAMED:
            return _generic(NAMED[name], inner)
    return Any


def _literal(values: ast.expr) -> Any:
    try:
        found = ast.literal_eval(values)
    except ValueError:
        return Any
    return Literal[found]


def _generic(kind: Any, inner: ast.expr) -> Any:
    """`kind[inner]`, such as `tuple[int, ...]`."""
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    arguments = tuple(... if isinstance(p, ast.Constant) and p.value is ... else _type(p) for p in parts)
    try:
        return kind[arguments if isinstance(inner, ast.Tuple) else arguments[0]]
    except TypeError:  # it takes no such arguments
        return Any


_PLAIN = (bool, int, float, str, list, tuple, dict, set, Sequence)
# The names that annotations of settings are built from, with what they mean.
NAMED: Mapping[str, Any] = {
    **{kind.__name__: kind for kind in _PLAIN},
    **{name: kind for name, kind in vars(settings_types).items() if get_origin(kind) is Annotated},
}
