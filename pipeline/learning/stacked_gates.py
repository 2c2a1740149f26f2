"""The gates of several runs: an estimator is written for one run and one layer, and called for all of them at once.

What `pipeline.learning.gate` says holds for each run and layer, its scale too: what arrives is multiplied by the batch
size n, what is sent down is divided by it. Activations and gradients of the network are (runs, units, n), signals and
estimates (runs, layers, n, units).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call, vmap

from pipeline.learning.gate import Gate
from pipeline.learning.rounding import clear_noise

Tensors = dict[str, Tensor]


class StackedGates:
    """Gates after the same layers of several runs, with estimators of one kind.

    Estimators that wait for no more than `h`, `y` and `error` are called for all layers together, as soon as these
    are known; the others layer by layer, as the backward pass comes down.
    """

    def __init__(self, gates: Sequence[Mapping[int, Gate]], *, units: Callable[[int], int], per_run: str = "") -> None:
        """Take over the parameters and buffers of `gates`, which become views of this object's.

        Args:
            gates: for each run, by layer.
            units: of a layer, as `Shape.units` of the networks.
            per_run: why the estimator can't be called for several runs at once; empty if it can.
        """
        self.layers = sorted(gates[0])
        first = gates[0][self.layers[0]]
        self.waits_for, self.applied = first.waits_for, first.applied
        self._groups = [_Group(layers, gates, per_run=per_run) for layers in _alike(gates[0], units)]
        self._group_of = {layer: group for group in self._groups for layer in group.layers}
        self._signals: Tensors = {}  # those that all layers share: (runs, n, classes)

    @property
    def leaves(self) -> list[Tensor]:
        """The parameters that are learned, each (runs, layers, ...)."""
        return [leaf for group in self._groups for leaf in group.parameters.values()]

    def begin(self, y: Float[Tensor, "runs n classes"]) -> None:
        """Forget the last update; `y` are the targets of the next one."""
        self._signals = {"y": y.detach()}
        for group in self._groups:
            group.begin(len(y[0]))

    def pass_through(self, layer: int, h: Float[Tensor, "runs units n"]) -> Float[Tensor, "runs units n"]:
        """`h` unchanged; backward, the gradient that arrives is kept and the estimate goes down instead."""
        if layer not in self.layers:
            return h
        self._keep("h", layer, h.detach())
        return _Exchange.apply(h, self, layer)

    def hear_above(self, layer: int, z: Tensor) -> Tensor:
        """`z` unchanged; backward, its gradient is kept for the gate after `layer`."""
        if layer not in self.layers or "above" not in self.waits_for:
            return z
        return _Tap.apply(z, lambda gradient: self._keep("above", layer, gradient))

    def hear_error(self, p: Float[Tensor, "runs outputs n"]) -> Float[Tensor, "runs outputs n"]:
        """`p` unchanged; backward, its gradient is kept, and estimators that wait for nothing else are called."""
        return _Tap.apply(p, self._start)

    def _start(self, error: Float[Tensor, "runs outputs n"]) -> None:
        """The backward pass begins."""
        # Contiguous, so that sums over it are added up in the same order however many runs there are.
        self._signals["error"] = error.shape[2] * error.transpose(1, 2).contiguous()
        if set(self.waits_for) <= {"h", "y", "error"}:
            for group in self._groups:
                self._call(group, group.layers)

    def exchange(self, layer: int, arrived: Float[Tensor, "runs units n"]) -> Float[Tensor, "runs units n"]:
        """Keep the gradient that arrives; return the gradient to send down."""
        group = self._group_of[layer]
        self._keep("arrived", layer, arrived)
        if layer not in group.sent:
            self._call(group, [layer])
        return group.sent[layer] if self.applied else arrived

    def _keep(self, signal: str, layer: int, value: Float[Tensor, "runs units n"]) -> None:
        if signal in self.waits_for or (signal == "arrived" and self.leaves):
            self._group_of[layer].keep(signal, layer, value)

    def _call(self, group: "_Group", layers: list[int]) -> None:
        """Estimates for some layers of a group."""
        signals = {}
        for name in self.waits_for:
            if name in self._signals:
                signals[name] = self._signals[name].unsqueeze(1).expand(-1, len(layers), -1, -1).flatten(0, 1)
            else:
                signals[name] = group.kept(name, layers)
        group.call(layers, signals)

    def learn(self) -> None:
        """Give the leaves the gradient of `|| SG(h, y) - target ||^2`, summed over units and averaged over the batch.

        By an estimate, it is `2 (SG(h, y) - target) / n`; the target is what has arrived.
        """
        for group in self._groups:
            group.learn()


class _Group:
    """Gates whose estimators have tensors of the same shapes: one call serves any of their layers, in all runs."""

    def __init__(self, layers: list[int], gates: Sequence[Mapping[int, Gate]], *, per_run: str) -> None:
        self.layers, self.per_run, self.runs = layers, per_run, len(gates)
        estimators = [[run[layer].estimator for layer in layers] for run in gates]
        self.estimator = estimators[0][0]
        self.parameters = {
            name: gather([[each.get_parameter(name) for each in row] for row in estimators]).requires_grad_()
            for name, _ in self.estimator.named_parameters()
        }
        self.buffers = {
            name: gather([[each.get_buffer(name) for each in row] for row in estimators])
            for name, _ in self.estimator.named_buffers()
        }
        self._kept: Tensors = {}  # signals by name: (runs, layers, n, units)
        self.sent: dict[int, Tensor] = {}  # by layer, what goes down: (runs, units, n)
        self.called: list[tuple[list[int], Tensor]] = []  # with the graph of the parameters: (runs * layers, n, units)

    def begin(self, n: int) -> None:
        """Forget the last update; the next batch has n samples."""
        self.sent.clear()
        self.called.clear()
        self._kept = {name: kept for name, kept in self._kept.items() if kept.shape[2] == n}

    def keep(self, signal: str, layer: int, value: Float[Tensor, "runs units n"]) -> None:
        """Keep a layer's signal, in the layout that estimators are written for, next to those of the other layers."""
        runs, units, n = value.shape
        if signal not in self._kept:
            self._kept[signal] = value.new_empty(runs, len(self.layers), n, units)
        place = self._kept[signal][:, self.layers.index(layer)]
        torch.mul(value.transpose(1, 2), 1 if signal == "h" else n, out=place)

    def kept(self, signal: str, layers: list[int]) -> Float[Tensor, "runs_layers n units"]:
        """A signal of some layers."""
        return self._kept[signal][:, self._places(layers)].flatten(0, 1)

    def _places(self, layers: list[int]) -> slice:
        """Where the tensors of some layers stand: of all or of one."""
        first = self.layers.index(layers[0])
        return slice(first, first + len(layers))

    def call(self, layers: list[int], signals: Tensors) -> None:
        """Estimates after `layers`, from signals (runs * layers, n, units)."""
        places = self._places(layers)
        with torch.enable_grad():  # estimators are called in the backward pass
            tensors = {
                name: leaf[:, places].flatten(0, 1) for name, leaf in {**self.parameters, **self.buffers}.items()
            }
            found = self._one_by_one(tensors, signals) if self.per_run else self._batched(tensors, signals)
        count, n, units = found.shape
        sent = torch.div(found.detach().transpose(1, 2), n, out=found.new_empty(count, units, n))
        by_layer = sent.unflatten(0, (self.runs, len(layers)))
        self.sent |= {layer: by_layer[:, place] for place, layer in enumerate(layers)}
        if self.parameters:
            self.called.append((layers, found))

    def learn(self) -> None:
        """Give the parameters their gradients."""
        for layers, estimates in self.called:
            error = (estimates.detach() - self.kept("arrived", layers)).mul_(2 / estimates.shape[1])
            _Seed.apply(estimates, error).backward()
            for leaf in self.parameters.values():
                if leaf.shape[2:] == error.shape[2:] and leaf.grad is not None:  # a number for each unit of the output
                    part = leaf.grad[:, self._places(layers)]
                    clear_noise(part, error.unflatten(0, part.shape[:2]))

    def _one(self, tensors: Tensors, signals: Tensors) -> Float[Tensor, "n units"]:
        return functional_call(self.estimator, tensors, kwargs=signals)

    def _batched(self, tensors: Tensors, signals: Tensors) -> Float[Tensor, "runs_layers n units"]:
        try:
            return vmap(self._one)(tensors, signals)
        except RuntimeError as error:
            if "vmap" not in str(error):
                raise
            raise TypeError(
                f"{type(self.estimator).__name__} can't be called for several runs at once: {error} Change it, or say "
                "why in its file with PER_RUN = 'the reason': then it is called for one run and layer after the other"
            ) from error

    def _one_by_one(self, tensors: Tensors, signals: Tensors) -> Float[Tensor, "runs_layers n units"]:
        count = len(next(iter(signals.values())))
        rows = (
            [{name: value[row] for name, value in each.items()} for each in (tensors, signals)] for row in range(count)
        )
        return torch.stack([self._one(*row) for row in rows])


class _Exchange(torch.autograd.Function):
    """Identity forward; backward, the gates' `exchange`."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, gates: StackedGates, layer: int) -> Tensor:
        ctx.gates, ctx.layer = gates, layer
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *arrived: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gates.exchange(ctx.layer, arrived[0]), None, None


class _Seed(torch.autograd.Function):
    """A scalar whose gradient by `estimates` is `gradient`.

    `estimates.backward(gradient)` does the same, but torch imports a compiler and sympy for the check of its shape.
    """

    @staticmethod
    def forward(ctx: Any, estimates: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return gradient.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient, None


class _Tap(torch.autograd.Function):
    """Identity in both directions; backward, the gradient that passes is handed to `keep`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Callable[[Tensor], None]) -> Tensor:
        ctx.keep = keep
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *passing: Tensor) -> tuple[Tensor, None]:
        ctx.keep(passing[0])
        return passing[0], None


def gather(tensors: Sequence[Sequence[Tensor]]) -> Float[Tensor, "runs places *shape"]:
    """Tensors of one shape, `tensors[run][place]`, in one new tensor; each of them becomes a view of its part."""
    found = torch.stack([torch.stack([each.detach() for each in row]) for row in tensors])
    for row, values in zip(tensors, found, strict=True):
        for each, value in zip(row, values, strict=True):
            each.data = value
    return found


def _alike(gates: Mapping[int, Gate], units: Callable[[int], int]) -> list[list[int]]:
    """The layers whose estimators have tensors and signals of the same shapes, together."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for layer in sorted(gates):
        gate = gates[layer]
        named = (*gate.estimator.named_parameters(), *gate.estimator.named_buffers())
        signals = (units(layer), units(layer + 1) if "above" in gate.waits_for else None)
        found.setdefault((signals, *((name, value.shape) for name, value in named)), []).append(layer)
    return list(found.values())
