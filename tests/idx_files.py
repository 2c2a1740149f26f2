"""A tiny data set in idx files, for the tests of fetching and reading data."""

import hashlib

import numpy as np

from pipeline.datasets.shared import idx

GENERATOR = np.random.default_rng(0)
CONTENT = {
    "train-images-idx3-ubyte": idx.encode(GENERATOR.integers(0, 256, (30, 4, 4))),
    "train-labels-idx1-ubyte": idx.encode(np.arange(30) % 3),
    "t10k-images-idx3-ubyte": idx.encode(GENERATOR.integers(0, 256, (12, 4, 4))),
    "t10k-labels-idx1-ubyte": idx.encode(np.arange(12) % 3),
}
FILES = tuple((name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items())
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def complete(root):
    return all((root / name).read_bytes() == content for name, content in CONTENT.items())


def listing(root):
    return sorted(path.name for path in root.iterdir())


def write(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
