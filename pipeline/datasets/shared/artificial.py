"""What the artificial data sets share: normal inputs, random directions, and how a drawing becomes a data set.

None has files: the same numbers are drawn from a named stream each time (`pipeline.seeds`).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pipeline import random_streams
from pipeline.datasets.shared.splits import Dataset, Points

CLASSES = 2
TRAIN, TEST = 4000, 2000  # points: ours
LICENCE = "none needed: made by this code"
SOURCE = (
    "this project, after the artificial data of Czarnecki et al.: Understanding Synthetic Gradients and Decoupled"
    " Neural Interfaces. ICML, 2017"
)


def normal(samples: int, *, inputs: int, generator: np.random.Generator) -> Float[ndarray, "n d"]:
    """Points around the origin, each input with variance 1."""
    return generator.normal(size=(samples, inputs))


def directions(count: int, *, inputs: int, generator: np.random.Generator) -> Float[ndarray, "d count"]:
    """Random unit vectors at right angles to one another, one a column.

    Raises:
        ValueError: if there are fewer inputs than directions.
    """
    if inputs < count:
        raise ValueError(f"inputs: found {inputs}, expected at least {count}, one for each direction of the classes")
    return np.linalg.qr(generator.normal(size=(inputs, count))).Q


def points(x: Float[ndarray, "n d"], second: Bool[ndarray, " n"]) -> Points:
    """The points `x`, of class 1 where `second` says so, else of class 0."""
    return Points(x.astype(np.float32), second.astype(np.int64))


def dataset(name: str, draw: Callable[..., Points], *, inputs: int) -> Dataset:
    """The data set that `draw` gives, training and test part from one and the same drawing."""
    generator = random_streams.numpy_stream("artificial data set", name, inputs)
    x, labels = draw(TRAIN + TEST, inputs=inputs, generator=generator)
    return Dataset(Points(x[:TRAIN], labels[:TRAIN]), Points(x[TRAIN:], labels[TRAIN:]), CLASSES)


def nothing_to_fetch(root: Path) -> list[str]:
    """What `fetch` says of data that are drawn."""
    return [f"{root}: nothing to fetch, the data are drawn when they are loaded"]
