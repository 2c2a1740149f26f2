"""Provenance of a result: code, settings, data, environment and machine."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.results import store

PACKAGES = ("dvc", "matplotlib", "numpy", "pandas", "scikit-learn", "scipy", "snakemake", "torch", "wandb")
LOCK = Path("requirements.lock")
SHORT = 12  # characters of a commit's hash that readers see


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
    def seed(self) -> int | None: ...  # noqa: D102


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
        **({} if job.seed is None else {"seed": job.seed}),
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
    """Processor, number of usable cores, graphics card."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": _card(),
        "system": platform.system(),
    }


@functools.cache
def commit() -> Mapping[str, Any]:
    """The commit and whether tracked files differ from it (`dirty`); both None outside a git checkout."""
    head = _stdout("git", "rev-parse", "HEAD")
    return {
        "commit": head,
        "dirty": bool(_stdout("git", "status", "--porcelain", "--untracked-files=no")) if head else None,
    }


def describe_commit(origin: Mapping[str, Any]) -> str | None:
    """The short commit of a provenance, and whether there were uncommitted changes; None if it has no commit."""
    if not origin.get("commit"):
        return None
    return origin["commit"][:SHORT] + (" with uncommitted changes" if origin.get("dirty") else "")


def describe_hardware(origin: Mapping[str, Any]) -> str | None:
    """Processor, cores and graphics card of a provenance; None if it has no hardware."""
    machine = origin.get("hardware")
    if not machine:
        return None
    return f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('gpu') or 'no GPU'}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _card() -> str | None:
    listed = _stdout("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return listed.splitlines()[0] if listed else None


def _stdout(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
