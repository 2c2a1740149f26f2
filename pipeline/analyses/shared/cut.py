"""The cut: the layer after which a single gate stands. It divides a network into the block below and the one above."""

from pipeline.learning.placement import positions


def cut_layer(hidden: int, *, given: int = 0) -> int:
    """The last layer of the lower block, in 1…`hidden`; 0 without hidden layers.

    It is `given` if that leaves a layer above it, else the middle, where a single gate is placed by default. Methods
    without a gate, or with many, are divided at the same layer, so that blocks can be compared.
    """
    middle = positions("middle", hidden=hidden)
    return given if 0 < given < hidden else middle[0] if middle else 0
