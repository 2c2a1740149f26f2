"""A copy of the small study's results, for tests that publish it."""

import os
import shutil

import pytest


@pytest.fixture
def place(small_results, tmp_path, monkeypatch):
    """The working folder: a copy of the small study's results and records, without a key."""
    target = tmp_path / "study"
    shutil.copytree(small_results, target, symlinks=True)
    monkeypatch.chdir(target)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(target / "home"))
    return target
