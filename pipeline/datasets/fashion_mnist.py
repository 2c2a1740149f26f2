"""Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 × 28 pixels; a harder drop-in for MNIST."""

from pathlib import Path

from pipeline.datasets.shared import idx, sources
from pipeline.datasets.shared.splits import Dataset

LICENCE = "MIT"
SOURCE = (
    "Xiao, Rasul and Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms."
    " arXiv 1708.07747, 2017"
)
FILES = (
    ("train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    ("train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    ("t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    ("t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
)
SOURCES = (
    sources.LocalCopy(("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", ".")),
    sources.Mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    sources.Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets"),
    sources.Mirror("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"),
    sources.Debian("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
)
PEAK = 255
CLASSES = 10
POINTS = (60_000, 10_000)  # training and test points


def load(root: Path) -> Dataset:
    """The data set read from `root`; for errors see `idx.load`."""
    return idx.load(root, FILES, peak=PEAK, classes=CLASSES)
