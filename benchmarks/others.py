"""The same updates written with torch's own modules: plain autograd, and the style of public DNI code.

That style has a module, an optimiser and a backward pass for each layer, and a DataLoader; its pattern is that of
github.com/andrewliao11/dni.pytorch (mlp_dni.py). Here it makes the updates that this project's stack makes: all layers
move at once, and each estimator learns the gradient that has arrived.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.engine import INPUTS, OUTPUTS, RATE
from pipeline.learning.trainer import Trainer


class Block(nn.Module):
    """A layer: linear map, batch normalisation, ReLU."""

    def __init__(self, inputs: int, width: int) -> None:
        """As torch initialises them."""
        super().__init__()
        self.linear, self.norm = nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return torch.relu(self.norm(self.linear(x)))


class LinearSG(nn.Module):
    """A linear map of [h, y], zero at the start."""

    def __init__(self, width: int) -> None:
        """A module for a layer of `width` units."""
        super().__init__()
        self.linear = nn.Linear(width + OUTPUTS, width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        """The estimate of `n * delta`."""
        return self.linear(torch.cat([h, y], dim=1))


def blocks(hidden: int, width: int) -> nn.ModuleList:
    """The layers of a network."""
    sizes = [INPUTS, *[width] * (hidden - 1)]
    return nn.ModuleList([*(Block(size, width) for size in sizes), nn.Linear(width, OUTPUTS)])


def network(hidden: int, width: int) -> nn.Sequential:
    """The same network out of torch's modules."""
    return nn.Sequential(*blocks(hidden, width))


def autograd(net: nn.Module, x: Tensor, labels: Tensor) -> Callable[[], object]:
    """One update of one run by backprop: `nn` modules and `torch.optim.Adam(fused=True)`."""
    adam, criterion = torch.optim.Adam(net.parameters(), lr=RATE, fused=True), nn.CrossEntropyLoss()

    def work() -> None:
        adam.zero_grad()
        criterion(net(x), labels).backward()
        adam.step()

    return work


class PublicStyle:
    """SG everywhere, one run: everything that a module needs belongs to the module."""

    def __init__(self, hidden: int, width: int) -> None:
        """Random weights, as torch draws them."""
        self.modules = blocks(hidden, width)
        self.estimators = nn.ModuleList(LinearSG(width) for _ in range(hidden))
        self.optimisers = [torch.optim.Adam(each.parameters(), lr=RATE) for each in self.modules]
        self.sg_optimisers = [torch.optim.Adam(each.parameters(), lr=RATE) for each in self.estimators]
        self.criterion, self.sg_criterion = nn.CrossEntropyLoss(), nn.MSELoss(reduction="sum")

    def take(self, trainer: Trainer) -> None:
        """Start from the weights of one of this project's networks."""
        with torch.no_grad():
            for mine, theirs in zip(self.modules[:-1], trainer.network.layers, strict=True):
                mine.linear.weight.copy_(theirs.weight)
            self.modules[-1].weight.copy_(trainer.network.weight)
            self.modules[-1].bias.copy_(trainer.network.bias)

    def update(self, x: Tensor, y: Tensor) -> float:
        """One update on a batch with one-hot targets; the loss before it."""
        n, passed = len(x), []
        for module, estimator in zip(self.modules[:-1], self.estimators, strict=True):
            x = x.detach().requires_grad_()
            h = module(x)
            passed.append((x, h, estimator(h.detach(), y)))
            x = h
        x = x.detach().requires_grad_()
        for each in self.optimisers:
            each.zero_grad()
        loss = self.criterion(self.modules[-1](x), y)
        loss.backward()
        arrived = x.grad
        self.optimisers[-1].step()
        for place in reversed(range(len(passed))):
            below, h, estimate = passed[place]
            h.backward(estimate.detach() / n)
            self.optimisers[place].step()
            self.sg_optimisers[place].zero_grad()
            (self.sg_criterion(estimate, n * arrived) / n).backward()
            self.sg_optimisers[place].step()
            arrived = below.grad
        return loss.item()


def public_style(x: Tensor, y: Tensor, *, batch: int, hidden: int, width: int) -> Callable[[], object]:
    """One update of one run, its batch from a DataLoader."""
    learner = PublicStyle(hidden, width)
    learner.modules.to(x.device)
    learner.estimators.to(x.device)
    loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True, drop_last=True)

    def forever() -> Iterator[list[Tensor]]:
        while True:
            yield from loader

    rows = forever()
    return lambda: learner.update(*next(rows))
