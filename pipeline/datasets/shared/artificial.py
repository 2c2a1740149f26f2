"""Parts of the artificial data sets: normal inputs, random directions, and the step from drawn points to a data set.

They have no files: the same numbers are drawn from a named stream each time (`pipeline.random_streams`).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline import random_streams
from pipeline.datasets.shared.splits import Dataset, Points
from pipeline.errors import SettingError

CLASSES = 2
TRAIN, TEST = 4000, 2000  # number of points: ours
LICENCE = "none needed: made by this code"
SOURCE = (
    "this project, after the artificial data of Czarnecki et al.: Understanding Synthetic Gradients and Decoupled"
    " Neural Interfaces. ICML, 2017"
)


def normal(samples: int, *, inputs: int, generator: np.random.Generator) -> Float[ndarray, "n d"]:
    """Points around the origin, each input with variance 1."""
    return generator.normal(size=(samples, inputs))


def directions(count: int, *, inputs: int, generator: np.random.Generator) -> Float[ndarray, "d count"]:
    """Random orthogonal unit vectors, one per column.

    Raises:
        SettingError: if there are fewer inputs than directions.
    """
    if inputs < count:
        raise SettingError(f"inputs: found {inputs}, expected at least {count}, one for each direction of the classes")
    return np.linalg.qr(generator.normal(size=(inputs, count))).Q


def points(x: Float[ndarray, "n d"], second: Bool[ndarray, " n"]) -> Points:
    """The points `x`, of class 1 where `second` is true, else of class 0."""
    return Points(x.astype(np.float32), second.astype(np.int64))


def dataset(name: str, draw: Callable[..., Points], *, inputs: int) -> Dataset:
    """A data set drawn by `draw`: training and test points come from the same call."""
    generator = random_streams.numpy_stream("artificial data set", name, inputs)
    x, labels = draw(TRAIN + TEST, inputs=inputs, generator=generator)
    return Dataset(Points(x[:TRAIN], labels[:TRAIN]), Points(x[TRAIN:], labels[TRAIN:]), CLASSES)
