"""Small networks, trainers and an easy batch, for the tests of the learning rule."""

import torch
from torch.nn.functional import one_hot

from pipeline.estimators import linear_sg
from pipeline.learning.build import build_gates
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.trainer import Trainer

INPUTS, CLASSES, WIDTH, N = 6, 3, 8, 30
SGD = OptimiserSettings("sgd", 0.1)
ADAM = OptimiserSettings("adam", 0.01)


def network(hidden=3, seed=0, **changes):
    shape = Shape(INPUTS, CLASSES, hidden=hidden, width=WIDTH, **changes)
    return Network(shape, generator=torch.Generator().manual_seed(seed))


def trainer(
    placement="middle",
    *,
    hidden=3,
    update="simultaneous",
    target="arrived",
    optimiser=ADAM,
    gate_optimiser=ADAM,
    apply=True,
    **changes,
):
    """A trainer under the log loss, with linear SGs."""
    net, unused = network(hidden, **changes), torch.Generator()
    layers = positions(placement, hidden=hidden)
    gates = build_gates(net, linear_sg, layers, generator=lambda layer: unused, apply=apply)
    options = {"optimiser": optimiser, "gate_optimiser": gate_optimiser, "update": update, "target": target}
    return Trainer(net, gates, loss="cross_entropy", **options)


def easy_batch():
    """Three clouds of points and their one-hot classes."""
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(N) % CLASSES
    centres = torch.randn(CLASSES, INPUTS, generator=generator) * 2
    return centres[labels] + torch.randn(N, INPUTS, generator=generator), one_hot(labels, CLASSES).float()
