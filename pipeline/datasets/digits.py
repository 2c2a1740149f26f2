"""The 8 × 8 digits that come with scikit-learn: small enough for tests, and need no download."""

from collections.abc import Iterator
from io import BufferedReader, BytesIO
from pathlib import Path

import numpy as np

from pipeline.datasets.shared import idx
from pipeline.datasets.shared.splits import Dataset

LICENCE = "CC BY 4.0"
SOURCE = "Alpaydin and Kaynak: Optical recognition of handwritten digits. UCI Machine Learning Repository, 1998"
FILES = (
    ("train-images-idx3-ubyte", "ce5ef69ff3b37f460541609efae995cabe178da8901c1a75905412d97d32faa5"),
    ("train-labels-idx1-ubyte", "2a1050ca454bdf3d371a75b53152314c86a8a4a825e1bcda897265fb42f38eee"),
    ("t10k-images-idx3-ubyte", "f4b0f66acf80db22165131a6425aedcbcfb7c6a2898c88c225342da5061be8e2"),
    ("t10k-labels-idx1-ubyte", "e6574d5613e34c9b6c02937f7b0464175158630085627f88071118838d430609"),
)
PEAK = 16
CLASSES = 10
POINTS = (1000, 797)  # training and test points
TRAIN = 1000  # ours: the first 1,000 of 1,797, in published order; the rest are test points


class ScikitLearn:
    """scikit-learn's copy as idx files, so all image data sets are stored and checked in the same way."""

    def __str__(self) -> str:
        return "sklearn.datasets.load_digits"

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, BufferedReader]]:
        """Yield the wanted files."""
        from sklearn.datasets import load_digits  # takes 1 s to import; not needed once the files exist

        digits = load_digits()
        images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)  # pyright: ignore[reportAttributeAccessIssue]
        arrays = (images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:])
        for (name, _), array in zip(FILES, arrays, strict=True):
            if name in wanted:
                yield name, BufferedReader(BytesIO(idx.encode(array)))


SOURCES = (ScikitLearn(),)


def load(root: Path) -> Dataset:
    """The data set read from `root`; for errors see `idx.load`."""
    return idx.load(root, FILES, peak=PEAK, classes=CLASSES)
