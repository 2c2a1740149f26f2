"""The idx format of the MNIST database: two zeros, a type, the number of axes, big-endian sizes, then the values."""

import hashlib
import math
import struct
from pathlib import Path

import numpy as np
from numpy import ndarray

from pipeline.datasets.shared.splits import Dataset, Points
from pipeline.results import store

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
BYTES = 0x08  # the format's code for unsigned bytes, the only type used here
MAX_AXES = 4


def load(root: Path, files: tuple[tuple[str, str], ...], *, peak: int, classes: int) -> Dataset:
    """The data set whose four idx files are in `root`.

    Args:
        root: the folder.
        files: (name, sha256) of each.
        peak: the largest value of a pixel, which `splits.split` maps to 1.
        classes: number of classes.

    Raises:
        FileNotFoundError: if a file is missing.
        store.DamagedFileError: if a file differs from the published one.
    """
    train_images, train_labels, test_images, test_labels = (read(root / name, sha256) for name, sha256 in files)
    return Dataset(
        train=_points(train_images, train_labels), test=_points(test_images, test_labels), classes=classes, peak=peak
    )


def read(path: Path, sha256: str) -> ndarray:
    """The array of one idx file.

    Raises:
        FileNotFoundError: if it is missing.
        store.DamagedFileError: if its checksum, type or length is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: fetch the data first, with `python -m pipeline prepare`")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise store.DamagedFileError(
            f"{path}: found sha256 {found}, expected {sha256}; fetch it again with `python -m pipeline prepare`"
        )
    return decode(content, str(path))


def decode(content: bytes, name: str) -> ndarray:
    """The array encoded by the bytes of an idx file; `name` is for errors.

    Raises:
        store.DamagedFileError: if they aren't an idx file of unsigned bytes, or too few or too many.
    """
    zeros, kind, axes = struct.unpack(">HBB", content[:4].ljust(4, b"\xff"))
    start = 4 + 4 * axes
    if zeros != 0 or kind != BYTES or not 1 <= axes <= MAX_AXES or len(content) < start:
        raise store.DamagedFileError(f"{name}: expected the head of an idx file of bytes, found {content[:4].hex()!r}")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise store.DamagedFileError(
            f"{name}: expected {math.prod(shape)} values for shape {shape}, found {len(content) - start}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def encode(array: ndarray) -> bytes:
    """The bytes of an idx file for an array of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, BYTES, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def _points(images: ndarray, labels: ndarray) -> Points:
    return Points(images.reshape(len(images), -1), labels.astype(np.int64))
