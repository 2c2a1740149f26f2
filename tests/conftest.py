"""Shapes in signatures are checked in tests, and only there."""

import os
from pathlib import Path

import pipeline  # noqa: F401 (before numpy and torch: it sets their number of threads)

# isort: split
import numpy as np
import pytest
from jaxtyping import install_import_hook
from made_up_layers import related

ROOT = Path(__file__).parent.parent
os.environ.setdefault("WANDB_MODE", "offline")
# Ground and stages have no shapes; a hook on the modules that have is enough.
SHAPED = [
    "pipeline.activations", "pipeline.diagnosis", "pipeline.epsilon", "pipeline.gates", "pipeline.linalg", "pipeline.linear_models",
    "pipeline.linear_training", "pipeline.linear_problems", "pipeline.linear_rates", "pipeline.histories", "pipeline.losses", "pipeline.networks", "pipeline.optima", "pipeline.splits", "pipeline.stats", "pipeline.training",
    "pipeline.estimators", "pipeline.measures", "pipeline.analyses",
]  # fmt: skip
install_import_hook(SHAPED, "beartype.beartype")


@pytest.fixture
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture
def generator():
    """A stream of random numbers, the same for every test."""
    return np.random.default_rng(3)


@pytest.fixture
def layers(generator):
    """Two layers that have something in common."""
    return related(generator)
