"""Exclusive or: the class is whether two directions have different signs; one direction alone has no information.

The construction is ours.
"""

from pathlib import Path

import numpy as np

from pipeline.datasets.shared import artificial
from pipeline.datasets.shared.splits import Dataset, Points
from pipeline.settings_types import TwoOrMore

FILES = ()
SOURCES = ()
LICENCE = artificial.LICENCE
SOURCE = artificial.SOURCE
CLASSES = 2
POINTS = (4000, 2000)  # training and test points


def draw(samples: int, *, inputs: int, generator: np.random.Generator) -> Points:
    """Normal points, of class 1 where two random orthogonal directions have different signs.

    Args:
        samples: number of points.
        inputs: dimensions, at least 2.
        generator: draws the directions, then the points.

    Raises:
        ValueError: for fewer than 2 inputs.
    """
    both = artificial.directions(2, inputs=inputs, generator=generator)
    x = artificial.normal(samples, inputs=inputs, generator=generator)
    return artificial.points(x, np.prod(x @ both, axis=1) < 0)


def load(root: Path, *, inputs: TwoOrMore = 2) -> Dataset:
    """The data set in `inputs` dimensions; nothing is read from `root`.

    Raises:
        ValueError: for fewer than 2 inputs.
    """
    return artificial.dataset("xor", draw, inputs=inputs)
