"""Labels drawn at random, independent of the inputs: they can only be memorised."""

from pathlib import Path

import numpy as np

from pipeline.datasets.shared import artificial
from pipeline.datasets.shared.splits import Dataset, Points
from pipeline.settings_types import Count

FILES = ()
SOURCES = ()
LICENCE = artificial.LICENCE
SOURCE = artificial.SOURCE
CLASSES = 2
POINTS = (4000, 2000)  # training and test points


def draw(samples: int, *, inputs: int, generator: np.random.Generator) -> Points:
    """Normal points, of class 0 or 1 with equal probability, independent of the inputs.

    Args:
        samples: number of points.
        inputs: dimensions.
        generator: draws the points, then the labels.
    """
    x = artificial.normal(samples, inputs=inputs, generator=generator)
    return artificial.points(x, generator.integers(2, size=samples) == 1)


def load(root: Path, *, inputs: Count = 2) -> Dataset:
    """The data set in `inputs` dimensions; nothing is read from `root`."""
    return artificial.dataset("random_labels", draw, inputs=inputs)
