"""Two classes on either side of a plane, with a gap between them: a linear model makes no errors.

The log loss of a linear model has no minimum here, only an infimum of 0 at infinity. The construction and its margin
are ours.
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
MARGIN = 0.5  # least distance from the plane, in standard deviations of an input


def draw(samples: int, *, inputs: int, generator: np.random.Generator) -> Points:
    """Normal points, each moved by `MARGIN` away from a random plane through the origin; the side is the class.

    Args:
        samples: number of points.
        inputs: dimensions.
        generator: draws the plane, then the points.
    """
    normal = artificial.directions(1, inputs=inputs, generator=generator)
    x = artificial.normal(samples, inputs=inputs, generator=generator)
    second = (x @ normal)[:, 0] > 0
    return artificial.points(x + MARGIN * np.where(second, 1, -1)[:, None] * normal.T, second)


def load(root: Path, *, inputs: Count = 2) -> Dataset:
    """The data set in `inputs` dimensions; nothing is read from `root`."""
    return artificial.dataset("linearly_separable", draw, inputs=inputs)
