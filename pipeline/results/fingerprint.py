"""Hash the code that a stage runs; comments, docstrings and layout don't change the hash, nor does Python's version."""

import ast
import functools
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
PATTERN = re.compile(r"[0-9a-f]{16}")  # of a fingerprint; the hash of settings is shorter
# Python 3.13 leaves empty fields out of a dump unless told otherwise.
DUMP: dict[str, Any] = {"show_empty": True} if sys.version_info >= (3, 13) else {}


def fingerprint(*modules: str, without: frozenset[str] = frozenset()) -> str:
    """A hash of the syntax trees of `modules` and of every module of this package that they import, at any depth.

    Args:
        modules: dotted names such as `pipeline.stages.train`. Family members are loaded by name at run time, so the
            caller has to list those that its job loads.
        without: modules and packages that are left out, with what only they import.

    Raises:
        FileNotFoundError: if a module has no source file.
    """
    todo, seen = list(modules), set()
    while todo:
        name = todo.pop()
        if name not in seen and not any(name == each or name.startswith(f"{each}.") for each in without):
            seen.add(name)
            todo.extend(_imports(name))
    lines = [f"{name} {_tree_hash(name)}" for name in sorted(seen)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def digest(settings: BaseModel | dict[str, Any] | list[Any]) -> str:
    """A short hash of settings; equal settings have equal hashes."""
    plain = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def _path(module: str) -> Path:
    stem = ROOT.joinpath(*module.split("."))
    path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    if not path.is_file():
        raise FileNotFoundError(f"no source file for module {module!r}: expected {path.relative_to(ROOT)}")
    return path


@functools.cache
def _parse(module: str) -> ast.Module:
    """A module's syntax tree without its docstrings, as Python 3.11 gives it."""
    tree = ast.parse(_path(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
        if not getattr(node, "type_params", True):  # since Python 3.12
            del node.type_params  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(node, ast.JoinedStr):  # early versions of Python 3.12 add empty texts to a format
            node.values = [part for part in node.values if not _is_empty(part)]
    return tree


@functools.cache
def _tree_hash(module: str) -> str:
    return hashlib.sha256(ast.dump(_parse(module), **DUMP).encode()).hexdigest()


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of this package that `module` imports, with their packages, whose `__init__` runs too."""
    found = []
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = {name for name in found if name.split(".")[0] == "pipeline" and _exists(name)}
    packages = {name.rpartition(".")[0] for name in ours | {module}}
    return tuple(sorted(ours | {name for name in packages if name}))


def _exists(module: str) -> bool:
    stem = ROOT.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()
