"""Runs of small networks, for the tests of stacks: their trainers, and a batch for each run at each step."""

import numpy as np
import torch
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.learning.build import build_gates
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

SGD = OptimiserSettings("sgd", 0.05, momentum=0.9)
ADAM = OptimiserSettings("adam", 0.003, drops=(2,))
STEPS = 4


def trainers(
    runs,
    estimator="linear_sg",
    placement="every",
    *,
    inputs=7,
    outputs=3,
    hidden=3,
    width=5,
    optimiser=ADAM,
    precision=torch.float32,
    loss="cross_entropy",
    layers=None,
    **how,
):
    """One trainer for each of `runs`, whose numbers are their seeds; gates stand after `layers` or as `placement` says."""
    apply, update, target = how.pop("apply", True), how.pop("update", "simultaneous"), how.pop("target", "arrived")
    member, found = members.load("estimators", estimator) if isinstance(estimator, str) else estimator, []
    for run in runs:
        shape = Shape(inputs, outputs, hidden=hidden, width=width, **how)
        net = Network(shape, generator=torch.Generator().manual_seed(run)).to(precision)
        gates = build_gates(
            net,
            member,
            positions(placement, hidden=hidden) if layers is None else layers,
            generator=lambda layer, run=run: torch.Generator().manual_seed(100 * run + layer),
            apply=apply,
        )
        options = {"optimiser": optimiser, "gate_optimiser": optimiser, "update": update, "target": target}
        found.append(Trainer(net, gates, loss=loss, **options))
    return found


def batches(runs, *, n=9, inputs=7, outputs=3, precision=torch.float32, steps=STEPS):
    """The batches of each step, a row for each run."""
    for step in range(steps):
        generators = [torch.Generator().manual_seed(1000 * run + step) for run in runs]
        x = torch.stack([torch.rand(n, inputs, generator=g, dtype=torch.float64) for g in generators])
        labels = torch.stack([torch.randint(outputs, (n,), generator=g) for g in generators])
        yield x.to(precision), one_hot(labels, outputs).to(precision)


def trained(stack, runs, frozen=(), **shape):
    """The losses of all updates, (steps, runs)."""
    return torch.stack([stack.update(x, y, frozen=frozen) for x, y in batches(runs, **shape)])


def same_models(one, other):
    a, b = one.model(), other.model()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


HOW = (
    {},
    {"loss": "mse", "activation": "sigmoid", "batch_norm": False},
    {"loss": "mse", "activation": "linear", "apply": False},
    {"hidden": 1},
)
