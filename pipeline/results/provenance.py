"""Provenance of a result: code, settings, data, environment and machine."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.results import store

PACKAGES = ("dvc", "matplotlib", "numpy", "pandas", "scikit-learn", "scipy", "snakemake", "torch", "wandb")
LOCK = Path("requirements.lock")
SHORT = 12  # characters of a commit's hash that readers see
SECONDS = 10  # limit on one question to git or to the graphics card's driver


class Stamped(Protocol):
    """The attributes of a `pipeline.study.jobs.Job` that its provenance records."""

    @property
    def rule(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def study(self) -> str: ...  # noqa: D102
    @property
    def settings_hash(self) -> str: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def inputs(self) -> tuple[Path, ...]: ...  # noqa: D102
    @property
    def seeds(self) -> tuple[int, ...]: ...  # noqa: D102


def of(job: Stamped) -> dict[str, Any]:
    """The provenance of a job's results: settings, code, the sha256 of each input, environment, machine, commit."""
    return {
        "stage": job.rule,
        "job": job.name,
        "study": job.study,
        "settings": job.settings_hash,
        "code": job.code,
        "inputs": {str(path): store.sha256(path) for path in job.inputs},
        "lock": store.sha256(LOCK) if LOCK.is_file() else None,
        "versions": versions(),
        "hardware": hardware(),
        **commit(),
        **({"seeds": list(job.seeds)} if job.seeds else {}),
    }


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that affect numbers or freshness."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@functools.cache
def hardware() -> Mapping[str, Any]:
    """Processor, number of usable cores, graphics card, and its products if they aren't in float32."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": _card(),
        "system": platform.system(),
        **({"products": "TF32"} if os.environ.get("PIPELINE_TF32") == "1" else {}),  # of a GPU; else float32
    }


@functools.cache
def commit() -> Mapping[str, Any]:
    """The commit and whether tracked files differ from it (`dirty`); both None unless git answers every question.

    It doesn't answer if it isn't installed, takes too long, can't read the index, or doesn't trust the folder's owner.
    If this folder is not the top of its work tree, the repository is another project's and says nothing of this code.
    """
    prefix = _git("rev-parse", "--show-prefix")
    head = _git("rev-parse", "--verify", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    if prefix != "" or not head or changes is None:
        return {"commit": None, "dirty": None}
    return {"commit": head, "dirty": bool(changes)}


def git_environment() -> dict[str, str]:
    """The environment without git's own variables, which could send git to another repository or index."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def describe_commit(origin: Mapping[str, Any]) -> str | None:
    """The short commit of a provenance, and what is known of uncommitted changes; None if it has no commit."""
    if not origin.get("commit"):
        return None
    dirty = origin.get("dirty")
    changes = " (uncommitted changes: not known)" if dirty is None else " with uncommitted changes" if dirty else ""
    return origin["commit"][:SHORT] + changes


def any_dirty(origins: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether any of these provenances has uncommitted changes; None if none has and it is not known of one."""
    found = {origin.get("dirty") for origin in origins}
    return True if True in found else None if None in found else False


def describe_hardware(origin: Mapping[str, Any]) -> str | None:
    """Processor, cores and graphics card of a provenance; None if it has no hardware."""
    machine = origin.get("hardware")
    if not machine:
        return None
    products = f", products in {machine['products']}" if machine.get("products") else ""
    return f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('gpu') or 'no GPU'}{products}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _card() -> str | None:
    listed = _stdout("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return listed.splitlines()[0] if listed else None


def _git(*words: str) -> str | None:
    """What git prints, stripped; None if it fails or takes too long."""
    return _stdout("git", "--no-optional-locks", *words, environment=git_environment())


def _stdout(*command: str, environment: Mapping[str, str] | None = None) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, env=environment, stdin=subprocess.DEVNULL, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
