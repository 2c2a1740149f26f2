"""Train, validation and test splits, and the fixed samples for analyses."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int64, UInt8
from numpy import ndarray

from pipeline import random_streams
from pipeline.errors import ExplainedError


class Points(NamedTuple):
    """Inputs, one row each, and their classes, counted from 0.

    Pixels are in [0, 1], except in a `Dataset`, where they may be the bytes of the file.
    """

    inputs: Float32[ndarray, "n inputs"] | UInt8[ndarray, "n inputs"]
    labels: Int64[ndarray, " n"]


@dataclass(frozen=True)
class Dataset:
    """A data set as published.

    `split` divides the inputs by `peak`, which becomes 1. Only the points in use are converted from bytes to floats:
    converting all of them would take most of the loading time.
    """

    train: Points
    test: Points
    classes: int
    peak: int = 1


@dataclass(frozen=True)
class Splits:
    """A data set as used: no point is in two parts."""

    train: Points
    validation: Points
    test: Points
    classes: int


class SplitError(ExplainedError, ValueError):
    """More points are requested than exist."""


def split(dataset: Dataset, *, train: int | None, validation: int, test: int | None, seed: int) -> Splits:
    """Draw validation points from the published training points; test points stay separate.

    The validation points depend on `seed` and `validation` only, and a smaller `train` takes a subset of a larger one.
    Points keep their published order.

    Args:
        dataset: the published data.
        train: number of training points; None for all the rest.
        validation: number of validation points.
        test: number of test points; None for all.
        seed: of the draw.

    Raises:
        SplitError: if there are fewer points.
    """
    have, have_test = len(dataset.train.labels), len(dataset.test.labels)
    _enough("data.validation", validation, have)
    train = have - validation if train is None else train
    test = have_test if test is None else test
    _enough("data.train, beside those for validation", train, have - validation)
    _enough("data.test", test, have_test)
    order = random_streams.numpy_stream("split", seed).permutation(have)
    test_order = random_streams.numpy_stream("split", seed, "test").permutation(have_test)
    return Splits(
        train=_take(dataset.train, order[validation : validation + train], dataset.peak),
        validation=_take(dataset.train, order[:validation], dataset.peak),
        test=_take(dataset.test, test_order[:test], dataset.peak),
        classes=dataset.classes,
    )


def random_labels(dataset: Dataset, *, seed: int) -> Dataset:
    """The same inputs with labels drawn uniformly from all classes; the draw depends on `seed` only."""
    parts = {}
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        drawn = random_streams.numpy_stream("random labels", seed, name).integers(
            dataset.classes, size=len(part.labels)
        )
        parts[name] = Points(part.inputs, drawn)
    return replace(dataset, **parts)


def sample(labels: Int[ndarray, " n"], count: int, generator: np.random.Generator) -> Int[ndarray, " count"]:
    """Indices of `count` points in label order, drawn so that the classes are as equally frequent as possible.

    Raises:
        SplitError: if there are fewer points.
    """
    _enough("samples", count, len(labels))
    order = generator.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)  # a point's position within its class: classes take turns
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    chosen = order[np.argsort(turn[order], kind="stable")][:count]
    return chosen[np.lexsort((chosen, labels[chosen]))]


def _take(points: Points, chosen: Int[ndarray, " m"], peak: int) -> Points:
    kept = np.sort(chosen)
    inputs = points.inputs[kept].astype(np.float32, copy=False)
    inputs /= np.float32(peak)
    return Points(inputs, points.labels[kept])


def _enough(what: str, wanted: int, there: int) -> None:
    if not 0 <= wanted <= there:
        raise SplitError(f"{what}: {wanted} points are asked for; expected 0 to {there}, the number available")
