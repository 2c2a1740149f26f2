"""Losses of the study, each the mean over the batch."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

LOSSES = ("cross_entropy", "mse")


def loss(name: str, p: Float[Tensor, "n k"], y: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """The loss of outputs `p` against targets `y` (one-hot for classes).

    `cross_entropy` is the log loss of softmax(p), in nats. `mse` is the mean over samples and over the `k` outputs,
    so a linear top has `delta = 2 (p - y) Vᵀ / k` per sample.
    """
    if name == "mse":
        return (p - y).square().mean()
    return F.cross_entropy(p, y)


def loss_of_runs(
    names: Sequence[str], p: Float[Tensor, "runs k n"], y: Float[Tensor, "runs n k"]
) -> Float[Tensor, " runs"]:
    """`loss` of each of several runs, by its own name; outputs have the samples last."""
    kinds = sorted(set(names))
    if len(kinds) > 1:
        found = p.new_empty(len(names))
        for kind in kinds:
            at = torch.tensor([run for run, name in enumerate(names) if name == kind], device=p.device)
            found = found.index_copy(0, at, loss_of_runs([kind] * len(at), p[at], y[at]))
        return found
    targets = y.transpose(1, 2)
    if kinds == ["mse"]:
        return (p - targets).square().mean(dim=2).mean(dim=1)
    return F.cross_entropy(p, targets, reduction="none").mean(dim=1)


def accuracy(p: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """The share of samples whose largest output is that of their class."""
    return (p.argmax(dim=1) == labels).double().mean()
