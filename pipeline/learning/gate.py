"""The study's core: a gate stands after a layer and puts an estimate in place of the error gradient that arrives.

Forward it is the identity. Backward it keeps the gradient that arrives and sends down what its estimator says
instead. No gate is backprop. Where gates are stacked, the gradient that arrives at one has passed through the
estimate of the next: it *is* the bootstrapped target of Jaderberg et al. (arXiv 1608.05343, section 2), and one
backward pass does everything. Every method of the study is a gate with another estimator (claim C17): they differ in
what they wait for.

    h, y      the layer's output and the targets: there as soon as the layer has run
    error     dL/dp at the network's output: there when the forward pass is done
    above     the gradient at the next linear map's output: there when the backward pass has come that far
    arrived   the gradient that comes down to the gate: the same, one multiplication later

Scale. The gradient of a mean loss is O(1/n) in the batch size n. An estimator speaks of the gradient of one sample's
loss, `n * delta`, which does not depend on n: the gate multiplies what arrives by n and divides what it sends down.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Gate(nn.Module):
    """One gate: an estimator, and whether what it says is applied or only observed."""

    def __init__(self, estimator: nn.Module, *, waits_for: Sequence[str] = ("h", "y"), apply: bool = True) -> None:
        """Put `estimator` to work.

        Args:
            estimator: called with the signals it waits for, by keyword; returns `n * delta`, one row a sample.
            waits_for: the signals that it needs, of those named at the top of this file.
            apply: False to "observe": the estimator learns, but the true gradient passes.
        """
        super().__init__()
        self.estimator = estimator
        self.waits_for = tuple(waits_for)
        self.applied = apply
        self.signals: dict[str, Tensor] = {}
        self.estimate: Tensor | None = None

    def forward(self, h: Float[Tensor, "n units"], y: Float[Tensor, "n classes"]) -> Float[Tensor, "n units"]:
        """`h` unchanged. The estimator sees only copies that carry no gradient, so nothing leaks into the network."""
        self.signals = {"h": h.detach(), "y": y.detach()}
        self.estimate = self._call() if set(self.waits_for) <= set(self.signals) else None
        return _Exchange.apply(h, self)

    def hear(self, signal: str, x: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
        """`x` unchanged; backward, `n` times its gradient is kept as `signal` for the estimator."""
        return _Tap.apply(x, self, signal) if signal in self.waits_for else x

    def exchange(self, arrived: Float[Tensor, "n units"]) -> Float[Tensor, "n units"]:
        """Keep the gradient that arrives from above; return what goes down."""
        n = len(arrived)
        self.signals["arrived"] = n * arrived.detach()
        if self.estimate is None:
            self.estimate = self._call()
        return self.estimate.detach() / n if self.applied else arrived

    def _call(self) -> Tensor:
        return self.estimator(**{name: self.signals[name] for name in self.waits_for})

    def loss(self) -> Float[Tensor, ""]:
        """`|| SG(h, y) - target ||^2`, summed over units and averaged over the batch; for the estimator only."""
        if self.estimate is None or "arrived" not in self.signals:
            raise RuntimeError("a gate has a loss only after a forward and a backward pass through it")
        return (self.estimate - self.signals["arrived"]).square().sum(dim=1).mean()


class _Exchange(torch.autograd.Function):
    """Identity forward; backward, whatever the gate says."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, gate: Gate) -> Tensor:
        ctx.gate = gate
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *arrived: Tensor) -> tuple[Tensor, None]:
        return ctx.gate.exchange(arrived[0]), None


class _Tap(torch.autograd.Function):
    """Identity both ways; backward, the gate overhears what passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Gate, signal: str) -> Tensor:
        ctx.gate, ctx.signal = gate, signal
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *passing: Tensor) -> tuple[Tensor, None, None]:
        ctx.gate.signals[ctx.signal] = len(passing[0]) * passing[0].detach()
        return passing[0], None, None


def positions(placement: str | Sequence[int] | Mapping[str, int], *, hidden: int) -> list[int]:
    """After which of the hidden layers 1…`hidden` gates stand.

    There is never one on the output: the last layer always gets the true gradient.

    Args:
        placement: "none", "middle" (one after layer ceil(hidden / 2)), "every", `{"every": k}` for layers k, 2k, …, or
            the layers themselves.
        hidden: number of hidden layers; a network without any has no gates.

    Raises:
        ValueError: for a layer that the network doesn't have.
    """
    if placement == "none" or hidden == 0:
        return []
    if placement == "middle":
        return [(hidden + 1) // 2]
    if placement == "every":
        return list(range(1, hidden + 1))
    if isinstance(placement, Mapping):
        apart = placement["every"]
        if not 1 <= apart <= hidden:
            raise ValueError(f"gates at the layers that {apart} divides: the network has {hidden} hidden layers")
        return list(range(apart, hidden + 1, apart))
    layers = sorted({int(layer) for layer in placement})
    wrong = [layer for layer in layers if not 1 <= layer <= hidden]
    if wrong:
        raise ValueError(f"gates after layers {wrong}: the network has hidden layers 1 to {hidden}")
    return layers
