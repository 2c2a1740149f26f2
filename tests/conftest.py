"""Shapes in signatures are checked in tests, and only there."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

import pipeline  # noqa: F401 (first: it sets the number of threads)

ROOT = Path(__file__).parent.parent
os.environ.setdefault("WANDB_MODE", "offline")
# Ground and stages have no shapes; a hook on the modules that have is enough.
SHAPED = [
    "pipeline.activations", "pipeline.diagnosis", "pipeline.gates", "pipeline.linalg", "pipeline.linear_models", "pipeline.linear_training", "pipeline.histories",
    "pipeline.losses", "pipeline.networks", "pipeline.splits", "pipeline.stats", "pipeline.training",
    "pipeline.estimators", "pipeline.measures", "pipeline.analyses",
]  # fmt: skip
install_import_hook(SHAPED, "beartype.beartype")


@pytest.fixture
def root() -> Path:
    """The project's root."""
    return ROOT
