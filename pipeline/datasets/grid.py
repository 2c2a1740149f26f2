"""Points on a regular grid in the plane, over which a loss can be drawn as a surface (claims C9 and C10).

The paper shows implied losses on a 2-D grid. The grid's extent and sizes and both kinds of labels are ours.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from pipeline import random_streams
from pipeline.datasets.shared.splits import Dataset, Points

LICENCE = "none needed: made by this code"
SOURCE = "this project"
FILES = ()
SOURCES = ()
CLASSES = 2
POINTS = (2048, 2048)  # training and test points
LABELS = ("separable", "random")
SIDE = 64  # of the data set that `load` returns: 2,048 training points and as many test points


def draw(side: int, *, labels: str, generator: np.random.Generator) -> Points:
    """`side` x `side` points in [-1, 1] x [-1, 1], row by row from below: the first input varies fastest.

    Args:
        side: points along each axis.
        labels: "separable" by a straight line through the origin in a random direction, or "random": each point's
            class is 0 or 1 with equal probability.
        generator: draws the direction or the classes.

    Raises:
        ValueError: for another kind of labels, or a side of fewer than 2 points.
    """
    if labels not in LABELS or side < 2:
        raise ValueError(f"grid: found labels {labels!r} and side {side}; expected one of {LABELS} and at least 2")
    axis = np.linspace(-1, 1, side)
    x2, x1 = np.meshgrid(axis, axis, indexing="ij")
    inputs = np.stack([x1.ravel(), x2.ravel()], axis=1)
    if labels == "separable":
        angle = generator.uniform(0, 2 * np.pi)
        classes = inputs @ np.array([np.cos(angle), np.sin(angle)]) > 0
    else:
        classes = generator.integers(CLASSES, size=len(inputs))
    return Points(inputs.astype(np.float32), classes.astype(np.int64))


def load(root: Path, *, labels: Literal["separable", "random"] = "separable") -> Dataset:
    """The points of a `SIDE` x `SIDE` grid; training and test points alternate like the squares of a chessboard.

    Args:
        root: not used: there are no files.
        labels: as in `draw`. With "random", the test points' labels can't be predicted.
    """
    whole = draw(SIDE, labels=labels, generator=random_streams.numpy_stream("dataset", "grid", labels))
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    black = (row + column) % 2 == 0
    train, test = (Points(whole.inputs[part], whole.labels[part]) for part in (black, ~black))
    return Dataset(train, test, CLASSES)
