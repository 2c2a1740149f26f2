"""Hash the code that a stage runs; comments, docstrings and layout don't change the hash, nor does Python's version."""

import ast
import atexit
import contextlib
import functools
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parents[1] / "__pycache__" / "sources.json"
MOST = 2000  # sources that are kept; of more, those that were used last
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
    lines = [f"{name} {_source(name).hash}" for name in sorted(seen)]
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


@dataclass(frozen=True)
class Source:
    """What a fingerprint needs of a module.

    Attributes:
        hash: of its syntax tree.
        names: of this package that it imports: modules, or what is in them.
    """

    hash: str
    names: tuple[str, ...]


@functools.cache
def _source(module: str) -> Source:
    content = _path(module).read_bytes()
    return _kept().source(content)


@functools.cache
def _kept() -> "Kept":
    return Kept(KEPT)


class Kept:
    """Sources that were parsed before, by the bytes of their files: parsing all of them takes longer than the rest.

    They lie in a file beside Python's own compiled modules. A file that isn't one of these is made anew; where none can
    be written, each process parses by itself.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one of this version of the code."""
        self.path, self.version = path, hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        self.found: dict[str, Source] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(path.read_bytes())
            if content["version"] == self.version:
                self.found = {key: Source(str(of[0]), tuple(map(str, of[1]))) for key, of in content["sources"].items()}
        self.used: set[str] = set()
        self.new = False

    def source(self, content: bytes) -> Source:
        """What a fingerprint needs of a module with these bytes."""
        key = hashlib.sha256(content).hexdigest()
        self.used.add(key)
        if key not in self.found:
            self.found[key] = _parsed(content)
            if not self.new:
                self.new = True
                atexit.register(self._write)
        return self.found[key]

    def _write(self) -> None:
        kept = self.found.keys() if len(self.found) <= MOST else self.used
        sources = {key: [self.found[key].hash, self.found[key].names] for key in sorted(kept)}
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(exist_ok=True)
            partial = self.path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps({"version": self.version, "sources": sources}), encoding="utf-8")
            partial.replace(self.path)


def _parsed(content: bytes) -> Source:
    """Its syntax tree without docstrings, as Python 3.11 gives it, and what it imports."""
    tree = ast.parse(content)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
        if not getattr(node, "type_params", True):  # since Python 3.12
            del node.type_params  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(node, ast.JoinedStr):  # early versions of Python 3.12 add empty texts to a format
            node.values = [part for part in node.values if not _is_empty(part)]
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = {name for name in names if name.split(".")[0] == "pipeline"}
    return Source(hashlib.sha256(ast.dump(tree, **DUMP).encode()).hexdigest(), tuple(sorted(ours)))


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of this package that `module` imports, with their packages, whose `__init__` runs too."""
    ours = {name for name in _source(module).names if _exists(name)}
    packages = {name.rpartition(".")[0] for name in ours | {module}}
    return tuple(sorted(ours | {name for name in packages if name}))


def _exists(module: str) -> bool:
    stem = ROOT.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()
