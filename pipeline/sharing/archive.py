"""Stage: one archive of code, settings, results and their provenance. `python -m pipeline archive --study study`.

The same commit and the same results give the same bytes, wherever and whenever it is made with one version of zlib.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipeline.results import paths, store
from pipeline.sharing import crate
from pipeline.study.errors import ConfigError
from pipeline.study.plan import Plan
from pipeline.tracking import client

DIST = Path("dist")
LARGE = ("checkpoints", "represent")  # folders of results that can be made again from the rest
OWN = ("published.json", "wandb_report.json")  # of `pipeline.publish`: they tell of an account, not of the study
CITATION, PROJECT, PROVENANCE, ZENODO = "CITATION.cff", "pyproject.toml", "PROVENANCE.json", ".zenodo.json"
PLAIN, EXECUTABLE = "100644", "100755"  # git's modes of files
SHORT = 12  # characters of a commit's hash
REFUSED = 2  # exit code


class ArchiveError(RuntimeError):
    """The archive can't be made."""


@dataclass(frozen=True)
class Commit:
    """The commit that is archived, when it was made in seconds since 1970, and whether tracked files differ from it."""

    id: str
    time: int
    dirty: bool


@dataclass(frozen=True)
class Member:
    """A file of the archive."""

    content: bytes
    executable: bool = False


def main(argv: Sequence[str] | None = None) -> None:
    """Gather, check, write.

    Raises:
        SystemExit: with exit code 2 and the reason, if the archive can't be made.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--allow-dirty", action="store_true", help="archive tracked files as they are, changed or not")
    given = parser.parse_args(argv)
    try:
        print(make(given.study, allow_dirty=given.allow_dirty))
    except (ArchiveError, ConfigError, store.DamagedFileError, OSError, ValueError) as error:
        print(f"archive {given.study}: {error}", file=sys.stderr)
        raise SystemExit(REFUSED) from None


def make(study: str, *, allow_dirty: bool = False) -> str:
    """Make a study's archive below `dist`; returns a line that says what it holds.

    Raises:
        ArchiveError: if there are no results, the tree differs from its commit, a file is a link, or one has a secret.
    """
    plan = Plan.load(study)
    commit = _commit()
    if commit.dirty and not allow_dirty:
        raise ArchiveError("tracked files differ from the commit: commit them, or archive them with --allow-dirty")
    members = {**_code(), **_results(study)}
    _refuse_secrets(members)
    name = f"{_project()}-{study}-{commit.id[:SHORT]}" + ("-dirty" if commit.dirty else "")
    citation = yaml.safe_load(members[CITATION].content)
    date = datetime.fromtimestamp(commit.time, UTC).isoformat()
    members[ZENODO] = _json(crate.deposit(citation, date=date))
    sizes: dict[str, int | None] = {path: len(member.content) for path, member in members.items()}
    sizes[PROVENANCE] = None  # it has the checksum of the file that would tell its size
    members[crate.METADATA] = _json(crate.crate(citation, sizes, name=name, date=date))
    members[PROVENANCE] = _json(_provenance(study, plan, commit, members))
    target = DIST / f"{name}.tar.gz"
    with store.atomic(target) as partial:
        _write(partial, name, members, commit.time)
    size = target.stat().st_size / 1e6
    return f"{target}: {len(members)} files, {size:.1f} MB, sha256 {store.sha256(target)}"


def _project() -> str:
    return tomllib.loads(Path(PROJECT).read_text(encoding="utf-8"))["project"]["name"]


def _git(*command: str) -> str:
    try:
        return subprocess.run(["git", *command], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()
        raise ArchiveError(f"git {command[0]}: {said}; expected a git checkout with a commit") from None


def _commit() -> Commit:
    id, time = _git("log", "-1", "--format=%H %ct").split()
    return Commit(id, int(time), bool(_git("status", "--porcelain", "--untracked-files=no")))


def _code() -> dict[str, Member]:
    """Every file that git tracks."""
    found = {}
    for entry in _git("ls-files", "--stage", "-z").split("\0"):
        if entry:
            about, path = entry.split("\t")
            mode = about.split()[0]
            if mode not in (PLAIN, EXECUTABLE):
                raise ArchiveError(f"{path}: found a link or a repository in the repository, expected a file")
            found[path] = Member(_read(Path(path)), mode == EXECUTABLE)
    if CITATION not in found:
        raise ArchiveError(f"{CITATION}: git tracks none, expected one: it says whose the archive is")
    return found


def _results(study: str) -> dict[str, Member]:
    """A study's results, without the large ones."""
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
            if not path.name.startswith(".") and not (place == root and path.name in OWN):  # half-written ones begin so
                found[path.as_posix()] = Member(_read(path))
    if paths.metrics(study).as_posix() not in found:
        raise ArchiveError(f"{paths.metrics(study)}: found none, expected a finished study; run the workflow first")
    return found


def _read(path: Path) -> bytes:
    """A file's content.

    Raises:
        ArchiveError: if it, or a folder above it, is a link, or it leads out of the tree.
    """
    for each in (path, *path.parents):
        _refuse_link(each)
    if path.is_absolute() or ".." in path.parts or not path.resolve().is_relative_to(Path.cwd()):
        raise ArchiveError(f"{path}: leads out of the tree, expected a file in it")
    if not path.is_file():
        raise ArchiveError(f"{path}: git tracks it and it isn't there; restore it")
    return path.read_bytes()


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise ArchiveError(f"{path}: found a link, expected a file or a folder; put what it leads to in its place")


def _refuse_secrets(members: Mapping[str, Member]) -> None:
    """No value of an environment variable that is named like a secret may leave the machine."""
    for name, value in os.environ.items():
        if client.SECRET_NAME.search(name) and len(value) >= client.SECRET_LENGTH:
            for path, member in members.items():
                if value.encode() in member.content:
                    raise ArchiveError(f"{path}: has the value of the variable {name}, expected no secret; remove it")


def _provenance(study: str, plan: Plan, commit: Commit, members: Mapping[str, Member]) -> dict[str, Any]:
    """Where everything comes from. What is said of machines and versions is the results' own, not this machine's."""
    summaries = [path for name in plan.runs if (path := paths.summary(study, name)).is_file()]
    origins = [store.provenance_of(path) for path in (paths.metrics(study), *summaries)]
    return {
        "study": study,
        "commit": commit.id,
        "dirty": commit.dirty,
        "settings": plan.settings_hash(),
        "results": {
            "settings": origins[0].get("settings"),
            "commits": _distinct(origins, "commit"),
            "dirty": any(origin.get("dirty") for origin in origins),
            "hardware": _distinct(origins, "hardware"),
            "versions": _distinct(origins, "versions"),
            "lock": _distinct(origins, "lock"),
        },
        "left out": [f"{paths.results(study)}/{name}/" for name in LARGE],
        "sha256": {path: hashlib.sha256(member.content).hexdigest() for path, member in members.items()},
    }


def _distinct(origins: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """What provenances say, each once and in a fixed order."""
    found = {json.dumps(origin[key], sort_keys=True): origin[key] for origin in origins if origin.get(key)}
    return [found[text] for text in sorted(found)]


def _json(content: Any) -> Member:
    return Member((json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def _write(target: Path, name: str, members: Mapping[str, Member], time: int) -> None:
    """A tar file of one folder: sorted, nobody's, of the commit's time; gzip's header has neither time nor name."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(members):
            entry = tarfile.TarInfo(f"{name}/{path}")  # uid and gid 0, no names of users
            entry.size, entry.mtime = len(members[path].content), time
            entry.mode = 0o755 if members[path].executable else 0o644
            tar.addfile(entry, io.BytesIO(members[path].content))


if __name__ == "__main__":
    main()
