"""Our update, as the study trains it: a stack of runs, or each run by its own trainer as before there were stacks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline.estimators import linear_sg
from pipeline.learning.build import build_gates
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.stack import Separate, Stack
from pipeline.learning.trainer import Trainer

INPUTS, OUTPUTS, RATE = 784, 10, 1e-3
CPU = torch.device("cpu")


def trainers(runs: int, *, hidden: int, width: int, placement: str, on: torch.device = CPU) -> list[Trainer]:
    """A trainer with linear SGs for each run."""
    adam, found = OptimiserSettings("adam", RATE), []
    for run in range(runs):
        net = Network(Shape(INPUTS, OUTPUTS, hidden=hidden, width=width), generator=torch.Generator().manual_seed(run))
        layers = positions(placement, hidden=hidden)
        gates = build_gates(net, linear_sg, layers, generator=lambda _: torch.Generator())
        for module in (net, *gates.values()):
            module.to(on)
        options = {"optimiser": adam, "gate_optimiser": adam, "update": "simultaneous"}
        found.append(Trainer(net, gates, loss="cross_entropy", **options))
    return found


def data(runs: int, n: int, *, on: torch.device = CPU) -> tuple[Tensor, Tensor]:
    """A batch for each run, (runs, n, inputs) and one-hot (runs, n, outputs)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(OUTPUTS, (runs, n), generator=generator)
    return torch.rand(runs, n, INPUTS, generator=generator).to(on), one_hot(labels, OUTPUTS).float().to(on)


def update(
    runs: int,
    *,
    hidden: int,
    width: int,
    batch: int,
    placement: str,
    before: bool = False,
    captured: bool = True,
    on: torch.device = CPU,
) -> Callable[[], object]:
    """One update of all runs; `before`, by the runs' own trainers; on a GPU, replayed from a graph if `captured`."""
    own = trainers(runs, hidden=hidden, width=width, placement=placement, on=on)
    x, y = data(runs, batch, on=on)
    stack = (Separate if before else Stack)(own)
    if isinstance(stack, Stack) and not captured:
        stack.captured = None
    return lambda: stack.update(x, y)


def gate_count(placement: str, hidden: int) -> int:
    """How many gates a placement means."""
    return len(positions(placement, hidden=hidden))
