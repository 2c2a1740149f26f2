"""Archive a study's code, settings, results and provenance in one file.

The same commit, results and version of zlib give the same bytes on any machine, at any time.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ExplainedError
from pipeline.results import paths, provenance, secrets, store
from pipeline.sharing import crate
from pipeline.study import arguments
from pipeline.study.plan import Plan

DIST = Path("dist")
LARGE = ("checkpoints", "represent")  # folders of results that can be made again from the rest
ACCOUNT = (
    "published.json",
    "wandb_report.html",
    "wandb_report.json",
)  # written by `publish`: they describe an account, not the study
CITATION, PROJECT, PROVENANCE, ZENODO = "CITATION.cff", "pyproject.toml", "PROVENANCE.json", ".zenodo.json"
PLAIN, EXECUTABLE = "100644", "100755"  # git's file modes
SHORT = 12  # characters of a commit's hash


class ArchiveError(ExplainedError, RuntimeError):
    """The archive can't be made."""


@dataclass(frozen=True)
class Commit:
    """The commit that is archived."""

    id: str
    time: int  # seconds since 1970
    dirty: bool  # whether tracked files differ from it


@dataclass(frozen=True)
class ArchivedFile:
    """A file of the archive."""

    content: bytes
    executable: bool = False


def main(argv: Sequence[str] | None = None) -> None:
    """Write the archive below `dist/` and print its path, size and checksum.

    Raises:
        ArchiveError: as `make`.
    """
    parser = arguments.parser(__doc__)
    parser.add_argument("--allow-dirty", action="store_true", help="archive even if files differ from the commit")
    given = parser.parse_args(argv)
    print(make(given.study, allow_dirty=given.allow_dirty))


def make(study: str, *, allow_dirty: bool = False) -> str:
    """Write a study's archive below `dist/`; returns a line with its path, size and checksum.

    Raises:
        ArchiveError: if there are no results, tracked files differ from the commit, a file is a link, or a file
            contains a secret.
    """
    plan = Plan.load(study)
    commit = _commit()
    if commit.dirty and not allow_dirty:
        raise ArchiveError("tracked files differ from the commit: commit them, or archive them with --allow-dirty")
    files = {**_code(), **_results(study)}
    _refuse_secrets(files)
    name = f"{_project()}-{study}-{commit.id[:SHORT]}" + ("-dirty" if commit.dirty else "")
    citation = yaml.safe_load(files[CITATION].content)
    date = datetime.fromtimestamp(commit.time, UTC).isoformat()
    files[ZENODO] = _json(crate.deposit(citation, date=date))
    sizes: dict[str, int | None] = {path: len(file.content) for path, file in files.items()}
    sizes[PROVENANCE] = None  # unknown: it contains the checksum of the crate, which would contain its size
    files[crate.METADATA] = _json(crate.crate(citation, sizes, name=name, date=date))
    files[PROVENANCE] = _json(_provenance(study, plan, commit, files))
    target = DIST / f"{name}.tar.gz"
    with store.atomic(target) as partial:
        _write(partial, name, files, commit.time)
    size = target.stat().st_size / 1e6
    return f"{target}: {len(files)} files, {size:.1f} MB, sha256 {store.sha256(target)}"


def _project() -> str:
    return tomllib.loads(Path(PROJECT).read_text(encoding="utf-8"))["project"]["name"]


def _git(*command: str) -> str:
    try:
        return subprocess.run(
            ["git", *command], capture_output=True, text=True, check=True, env=provenance.git_environment()
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()
        raise ArchiveError(f"git {command[0]}: {said}; expected a git checkout with a commit") from None


def _commit() -> Commit:
    id, time = _git("log", "-1", "--format=%H %ct").split()
    return Commit(id, int(time), bool(_git("status", "--porcelain", "--untracked-files=no")))


def _code() -> dict[str, ArchivedFile]:
    """Every file that git tracks."""
    found = {}
    for entry in _git("ls-files", "--stage", "-z").split("\0"):
        if entry:
            about, path = entry.split("\t")
            mode = about.split()[0]
            if mode not in (PLAIN, EXECUTABLE):
                raise ArchiveError(f"{path}: found a link or a repository in the repository, expected a file")
            found[path] = ArchivedFile(_read(Path(path)), mode == EXECUTABLE)
    if CITATION not in found:
        raise ArchiveError(f"{CITATION}: git tracks none, expected one: it names the authors of the archive")
    return found


def _results(study: str) -> dict[str, ArchivedFile]:
    """A study's results without the folders in `LARGE`."""
    root, found = paths.results(study), {}
    if not root.is_dir():
        raise ArchiveError(f"{root}/: found no results, expected a finished study; run the workflow, or `dvc pull`")
    for folder, folders, names in os.walk(root):
        place = Path(folder)
        if place == root:
            folders[:] = [each for each in folders if each not in LARGE]
        for each in (place / each for each in folders):
            _refuse_link(each)
        for path in (place / name for name in names):
            if not path.name.startswith(".") and not (
                place == root and path.name in ACCOUNT
            ):  # half-written ones begin with a dot
                found[path.as_posix()] = ArchivedFile(_read(path))
    if paths.metrics(study).as_posix() not in found:
        raise ArchiveError(f"{paths.metrics(study)}: found none, expected a finished study; run the workflow first")
    return found


def _read(path: Path) -> bytes:
    """A file's content.

    Raises:
        ArchiveError: if the file or a folder above it is a link, or its path leads out of the project.
    """
    for each in (path, *path.parents):
        _refuse_link(each)
    if path.is_absolute() or ".." in path.parts or not path.resolve().is_relative_to(Path.cwd()):
        raise ArchiveError(f"{path}: leads out of the project, expected a file in it")
    if not path.is_file():
        raise ArchiveError(f"{path}: git tracks it, but it is missing; restore it")
    return path.read_bytes()


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise ArchiveError(f"{path}: found a link, expected a file or a folder; replace it by a copy")


def _refuse_secrets(files: Mapping[str, ArchivedFile]) -> None:
    """Refuse a file that contains the value of an environment variable that is named like a secret."""
    for name, value in secrets.variables():
        for path, file in files.items():
            if value.encode() in file.content:
                raise ArchiveError(f"{path}: has the value of the variable {name}, expected no secret; remove it")


def _provenance(study: str, plan: Plan, commit: Commit, files: Mapping[str, ArchivedFile]) -> dict[str, Any]:
    """The origin of all files. Hardware and versions are those that made the results, not this machine's."""
    summaries = [path for name in plan.blocks if (path := paths.summary(study, name)).is_file()]
    origins = [store.provenance_of(path) for path in (paths.metrics(study), *summaries)]
    return {
        "study": study,
        "commit": commit.id,
        "dirty": commit.dirty,
        "settings": plan.settings_hash(),
        "results": {
            "settings": origins[0].get("settings"),
            "commits": _distinct(origins, "commit"),
            "dirty": provenance.any_dirty(origins),
            "hardware": _distinct(origins, "hardware"),
            "versions": _distinct(origins, "versions"),
            "lock": _distinct(origins, "lock"),
        },
        "left out": [f"{paths.results(study)}/{name}/" for name in LARGE],
        "sha256": {path: hashlib.sha256(file.content).hexdigest() for path, file in files.items()},
    }


def _distinct(origins: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """The different values that the provenances have of a key, in a fixed order."""
    found = {json.dumps(origin[key], sort_keys=True): origin[key] for origin in origins if origin.get(key)}
    return [found[text] for text in sorted(found)]


def _json(content: Any) -> ArchivedFile:
    return ArchivedFile((json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def _write(target: Path, name: str, files: Mapping[str, ArchivedFile], time: int) -> None:
    """Write a sorted tar file without owners, with the commit's time; gzip's header has no time and no name."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")  # by default uid and gid 0, no user names
            entry.size, entry.mtime = len(files[path].content), time
            entry.mode = 0o755 if files[path].executable else 0o644
            tar.addfile(entry, io.BytesIO(files[path].content))
