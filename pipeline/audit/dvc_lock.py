"""Compare files and folders with what dvc.lock records.

DVC itself takes a file as unchanged if its size and time stamp are; here every file is read.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

LOCK = Path("dvc.lock")
FOLDER = ".dir"  # at the end of a folder's md5


@dataclass(frozen=True)
class Out:
    """An output that dvc.lock records; `files` is the number of its files."""

    path: Path
    md5: str
    files: int


@dataclass
class Compared:
    """The result of comparing one output.

    Attributes:
        differ: file, recorded md5 and present md5 of each file that differs.
        same: how many files are the same.
        missing: how many files are not here.
        unknown: why the output couldn't be compared; None if it could.
    """

    differ: list[tuple[Path, str, str]] = field(default_factory=list)
    same: int = 0
    missing: int = 0
    unknown: str | None = None


def outs(lock: Path = LOCK) -> list[Out]:
    """Every output that dvc.lock records with an md5."""
    if not lock.is_file():
        return []
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
    listed = [out for stage in stages.values() for out in stage.get("outs", [])]
    return [Out(Path(out["path"]), out["md5"], out.get("nfiles", 1)) for out in listed if "md5" in out]


def compare(out: Out) -> Compared:
    """Compare an output with its files, one by one if DVC's cache has the folder's list of files."""
    if not out.path.exists():
        return Compared(missing=out.files)
    if not out.md5.endswith(FOLDER):
        return _differences({out.path: out.md5}, {out.path: md5(out.path)})
    present = {path: md5(path) for path in sorted(_tracked(out.path))}
    listed = _listing(out)
    if listed is not None:
        return _differences(listed, present)
    if len(present) != out.files:
        return Compared(
            unknown=f"{out.path}: {len(present)} of its {out.files} files are here and DVC's list of them is not, so "
            "its md5 can't be recomputed (`dvc fetch` gets the list)"
        )
    whole = folder_md5(out.path, present)
    return Compared(same=len(present)) if whole == out.md5 else Compared(differ=[(out.path, out.md5, whole)])


def md5(path: Path) -> str:
    """A file's md5, as DVC computes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(folder: Path, files: dict[Path, str]) -> str:
    """A folder's md5, as DVC computes it: that of the list of its files."""
    entries = [{"md5": files[path], "relpath": path.relative_to(folder).as_posix()} for path in files]
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + FOLDER


def _differences(recorded: dict[Path, str], present: dict[Path, str]) -> Compared:
    found = Compared(missing=len(recorded.keys() - present.keys()))
    for path, there in present.items():
        if recorded.get(path) == there:
            found.same += 1
        else:
            found.differ.append((path, recorded.get(path, "not in the folder"), there))
    return found


def _listing(out: Out) -> dict[Path, str] | None:
    """The md5 of each file of a folder, from DVC's cache; None if the list is missing or damaged."""
    from dvc.repo import Repo  # imported late: it takes a second

    name = Path(Repo().cache.local.oid_to_path(out.md5))
    if not name.is_file():
        return None
    content = name.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() + FOLDER != out.md5:
        return None
    return {out.path / entry["relpath"]: entry["md5"] for entry in json.loads(content)}


def _tracked(folder: Path) -> Iterator[Path]:
    """The files of a folder that DVC doesn't ignore."""
    from dvc.repo import Repo

    ignore = Repo().dvcignore
    return (p for p in folder.rglob("*") if p.is_file() and not ignore.is_ignored_file(str(p)))
