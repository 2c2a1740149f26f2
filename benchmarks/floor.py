"""The matrix products of an update alone: what no way of arranging it can do without."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.engine import CPU, INPUTS, OUTPUTS
from pipeline.learning.captured import WARM_UP


def products(
    runs: int,
    *,
    hidden: int,
    width: int,
    batch: int,
    gates: int,
    inputs: int = INPUTS,
    outputs: int = OUTPUTS,
    on: torch.device = CPU,
) -> Callable[[], None]:
    """All products of one update of `runs` networks with linear SGs after `gates` layers, as batched products.

    Forward one for each layer, backward two (none by the inputs' gradient); of each gate, the estimate and the
    gradients of its two matrices. On a GPU they are replayed from a graph, as the update is.
    """

    def random(*shape: int) -> Tensor:
        return torch.randn(runs, *shape, device=on)

    sizes = [inputs, *[width] * hidden, outputs]
    weights = [random(b, a) for a, b in itertools.pairwise(sizes)]
    h = [random(batch, inputs).transpose(1, 2), *(random(width, batch) for _ in range(hidden))]
    z = [random(size, batch) for size in sizes[1:]]
    places = runs * gates
    signals, labels, errors = (torch.randn(places, batch, size, device=on) for size in (width, outputs, width))
    a, b = (torch.randn(places, size, width, device=on) for size in (width, outputs))

    def work() -> None:
        for weight, below, above in zip(weights, h, z, strict=True):
            torch.bmm(weight, below)
            torch.bmm(above, below.transpose(1, 2))
            if below is not h[0]:
                torch.bmm(weight.transpose(1, 2), above)
        if gates:
            torch.bmm(signals, a)
            torch.bmm(labels, b)
            torch.bmm(signals.transpose(1, 2), errors)
            torch.bmm(labels.transpose(1, 2), errors)

    if on.type != "cuda":
        return work
    for _ in range(WARM_UP):
        work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()

    def replay(_kept: Callable[[], None] = work) -> None:
        """Do them again; `_kept` keeps the tensors that they read, which a graph does not."""
        graph.replay()

    return replay
