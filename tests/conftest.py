"""Fixtures for all tests, and a hook that checks array shapes in signatures, in tests only."""

import os
import subprocess
import sys
from pathlib import Path

import pipeline  # noqa: F401 (before numpy and torch: it sets their number of threads)

# isort: split
import chromium
import numpy as np
import pytest
import studies
from filelock import FileLock
from jaxtyping import install_import_hook
from made_up_layers import related

ROOT = Path(__file__).parent.parent
os.environ.setdefault("WANDB_MODE", "offline")
# Only these modules have shapes in their signatures.
SHAPED = [
    f"pipeline.{name}"
    for name in (
        "analyses",
        "datasets.shared.splits",
        "estimators",
        "learning",
        "measures",
        "metrics.histories",
        "metrics.intervals",
        "results.activations",
        "theory",
    )
]
install_import_hook(SHAPED, "beartype.beartype")
# Folders with files of a minute and more.
LONG = ("tracking", "workflow")


def pytest_collection_modifyitems(items):
    """Begin with the long files, so that pytest's processes end together.

    One process makes the finished study, while the others have long files that don't need it.
    """
    need_it = list(dict.fromkeys(item.path for item in items if "finished" in item.fixturenames))
    long = dict.fromkeys(item.path for item in items if item.path.parent.name in LONG)
    first = [*need_it[:1], *(path for path in long if path not in need_it), *need_it[1:]]
    place = {path: number for number, path in enumerate(first)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="module")
def browser():
    """A real browser; tests of pages are skipped where there is none."""
    found = chromium.start()
    yield found
    found.quit()


@pytest.fixture
def generator():
    """A stream of random numbers, the same for every test."""
    return np.random.default_rng(3)


@pytest.fixture
def layers(generator):
    """Two layers that share a part of their activity."""
    return related(generator)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A copy of the tree in which `dvc repro` has fetched the data and run the smoke study.

    Tests must not change it: they make a copy. The variable FINISHED_STUDY may name an existing copy, which saves time
    while tests are written.
    """
    if there := os.environ.get("FINISHED_STUDY"):
        return Path(there)
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # one study for all of pytest's processes
    folder = shared / "finished" / "clone"
    with FileLock(shared / "finished.lock"):
        if not (folder / "dvc.lock").is_file():
            studies.copy_of_the_tree(folder)
            studies.call(folder, "dvc", "repro")
            studies.commit(folder)
    return folder


@pytest.fixture(scope="session")
def small_results(tmp_path_factory) -> Path:
    """A folder with results of the small study and W&B's offline records of its runs. Tests must not change it."""
    import small_results

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # one folder for all of pytest's processes
    folder = shared / "small_results" / "study"
    with FileLock(shared / "small_results.lock"):
        if not folder.is_dir():
            small_results.make(shared / "small_results" / "begun")
            (shared / "small_results" / "begun").rename(folder)
    return folder


@pytest.fixture
def wandb_server():
    """A Weights & Biases server on this machine, without any runs."""
    pytest.importorskip("graphql", reason="the extra `servers` of pyproject.toml isn't installed")
    from wandb_server.server import WandbServer

    with WandbServer() as server:
        yield server
    assert server.problems == [], "the server has a fault of its own, or got a request that it doesn't know"


@pytest.fixture
def disk(tmp_path):
    """A function that mounts a small disk at a folder."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("only root can mount a small disk, on Linux")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk can't be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
