"""Two classes on either side of a plane with some labels flipped: a linear model is best, but makes errors.

The construction and the share of flipped labels are ours.
"""

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
FLIPPED = 0.1  # probability that a label is flipped, the same for all points


def draw(samples: int, *, inputs: int, generator: np.random.Generator) -> Points:
    """Normal points whose class is their side of a random plane through the origin, flipped with probability `FLIPPED`.

    Args:
        samples: number of points.
        inputs: dimensions.
        generator: draws the plane, the points, then which labels are flipped.
    """
    normal = artificial.directions(1, inputs=inputs, generator=generator)
    x = artificial.normal(samples, inputs=inputs, generator=generator)
    flipped = generator.random(samples) < FLIPPED
    return artificial.points(x, ((x @ normal)[:, 0] > 0) ^ flipped)


def load(root: Path, *, inputs: Count = 2) -> Dataset:
    """The data set in `inputs` dimensions; nothing is read from `root`."""
    return artificial.dataset("noisy_linear", draw, inputs=inputs)
