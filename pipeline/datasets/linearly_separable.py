"""Two classes on the two sides of a plane, with a gap between them: a linear model makes no error.

The log loss of a linear model has no minimum here, only an infimum of 0 at infinity. The construction and its margin
are ours.
"""

from pathlib import Path

import numpy as np

from pipeline.datasets import _artificial
from pipeline.splits import Dataset, Points

FILES = ()
SOURCES = ()
LICENCE = _artificial.LICENCE
SOURCE = _artificial.SOURCE
CLASSES = _artificial.CLASSES
MARGIN = 0.5  # least distance from the plane, in standard deviations of an input


def draw(samples: int, *, inputs: int, generator: np.random.Generator) -> Points:
    """Normal points, each moved away from a random plane through the origin by `MARGIN`; its side is its class.

    Args:
        samples: number of points.
        inputs: dimensions.
        generator: draws the plane, then the points.
    """
    normal = _artificial.directions(1, inputs=inputs, generator=generator)
    x = _artificial.normal(samples, inputs=inputs, generator=generator)
    second = (x @ normal)[:, 0] > 0
    return _artificial.points(x + MARGIN * np.where(second, 1, -1)[:, None] * normal.T, second)


def fetch(root: Path) -> list[str]:
    """A line that says that there is nothing to fetch."""
    return _artificial.nothing_to_fetch(root)


def load(root: Path, *, inputs: int = 2) -> Dataset:
    """The data set in `inputs` dimensions; nothing is read from `root`."""
    return _artificial.dataset("linearly_separable", draw, inputs=inputs)
