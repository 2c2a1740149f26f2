"""The study's core: a gate stands after a layer and puts an estimate in place of the error gradient that arrives.

Forward it is the identity. Backward it keeps the gradient that arrives and sends down what its estimator says
instead. A network without gates is trained by backprop. Where gates are stacked, the gradient that arrives at one has
passed through the estimate of the next: it *is* the bootstrapped target of Jaderberg et al. (arXiv 1608.05343, section
2), and one backward pass does everything. Every method of the study is a gate with another estimator (claim C17): they
differ in what they wait for.

    h, y      the layer's output and the targets: there as soon as the layer has run
    error     dL/dp at the network's output: there when the forward pass is done
    above     the gradient at the next linear map's output: there when the backward pass has come that far
    arrived   the gradient that comes down to the gate: the same, one multiplication later

Scale. The gradient of a mean loss is O(1/n) in the batch size n. An estimator predicts the gradient of one sample's
loss, `n * delta`, which does not depend on n: the gate multiplies what arrives by n and divides what it sends down.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.learning.rounding import clear_noise


class Gate(nn.Module):
    """One gate: an estimator, and whether its estimate is applied or only observed."""

    def __init__(self, estimator: nn.Module, *, waits_for: Sequence[str] = ("h", "y"), apply: bool = True) -> None:
        """Store the estimator; nothing is computed yet.

        Args:
            estimator: called with the signals it waits for, by keyword; returns `n * delta`, one row a sample.
            waits_for: the signals that it needs, of those named at the top of this file.
            apply: False to "observe": the estimator learns, but the gradient that arrives passes unchanged.
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
        """Keep the gradient that arrives from above; return the gradient to send down."""
        n = len(arrived)
        self.signals["arrived"] = n * arrived.detach()
        if self.estimate is None:
            with torch.enable_grad():  # a backward pass builds no graph, and the estimator may learn
                self.estimate = self._call()
        return self.estimate.detach() / n if self.applied else arrived

    def _call(self) -> Tensor:
        return self.estimator(**{name: self.signals[name] for name in self.waits_for})

    def loss(self, target: Float[Tensor, "n units"] | None = None) -> Float[Tensor, ""]:
        """`|| SG(h, y) - target ||^2`, summed over units and averaged over the batch; for the estimator only.

        Args:
            target: what the estimate should be, `n * delta`; by default the gradient that arrived.

        Raises:
            RuntimeError: if there is no estimate or no target yet.
        """
        return self._error(target).square().sum(dim=1).mean()

    def clear_noise(self, target: Float[Tensor, "n units"] | None = None) -> None:
        """Set gradients of `loss` that are zero in theory to zero; see `pipeline.learning.rounding`."""
        error = self._error(target).detach()
        error = error * (2 / len(error))
        for parameter in self.estimator.parameters():
            if parameter.shape == error.shape[1:] and parameter.grad is not None:
                clear_noise(parameter.grad, error)

    def _error(self, target: Float[Tensor, "n units"] | None) -> Float[Tensor, "n units"]:
        target = self.signals.get("arrived") if target is None else target
        if self.estimate is None or target is None:
            raise RuntimeError("a gate has a loss only after a forward and a backward pass through it")
        return self.estimate - target


class _Exchange(torch.autograd.Function):
    """Identity forward; backward, the gate's `exchange`."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, gate: Gate) -> Tensor:
        ctx.gate = gate
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *arrived: Tensor) -> tuple[Tensor, None]:
        return ctx.gate.exchange(arrived[0]), None


class _Tap(torch.autograd.Function):
    """Identity in both directions; backward, the gate keeps a copy of the gradient that passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Gate, signal: str) -> Tensor:
        ctx.gate, ctx.signal = gate, signal
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *passing: Tensor) -> tuple[Tensor, None, None]:
        ctx.gate.signals[ctx.signal] = len(passing[0]) * passing[0].detach()
        return passing[0], None, None
