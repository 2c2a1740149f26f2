"""Networks of one shape, trained side by side: every tensor has a leading dimension `runs`.

Activations are (runs, units, n), samples last, so that batch normalisation of all runs is one call on
(1, runs * units, n), and each linear map is one batched product. No run's numbers depend on the other runs.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name for it)
from jaxtyping import Float
from torch import Tensor

from pipeline.learning.network import ACTIVATIONS, BN_EPSILON, BN_MOMENTUM, Network
from pipeline.learning.stacked_gates import StackedGates, Tensors, gather


class StackedNetwork:
    """The training pass of several `Network`s of one shape, whose parameters and buffers become views of this one's.

    So each network always has the weights of the last update, and whatever measures a network can measure it.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        """Take over the weights of `networks`, which have the same shape."""
        self.runs, self.shape = len(networks), networks[0].shape
        self.leaves: list[Tensor] = []  # one for each kind of parameter: (runs, layers, ...)
        self._parts: list[tuple[list[str], Tensor]] = []
        for names in _alike(networks[0]):
            leaf = gather([[network.get_parameter(name) for name in names] for network in networks])
            self.leaves.append(leaf.requires_grad_())
            self._parts.append((names, leaf))
        self._statistics = [self._running(networks, layer) for layer in range(self.shape.hidden)]

    def _running(self, networks: Sequence[Network], layer: int) -> tuple[Tensor, Tensor] | None:
        """The running mean and variance of a layer, each (runs * units)."""
        if not self.shape.batch_norm:
            return None
        buffers = [[network.layers[layer].get_buffer(name)] for name in ("mean", "variance") for network in networks]
        mean, variance = buffers[: self.runs], buffers[self.runs :]
        return gather(mean).flatten(), gather(variance).flatten()

    def __call__(
        self, x: Float[Tensor, "runs n inputs"], gates: StackedGates | None = None
    ) -> Float[Tensor, "runs outputs n"]:
        """The outputs in training: batch statistics are used, and the running ones updated.

        Args:
            x: a batch for each run.
            gates: after hidden layers, or on the output; they keep what passes them.
        """
        part = self._by_name()
        h = x.transpose(1, 2)
        for number in range(1, self.shape.hidden + 1):
            z = self._linear(part, f"layers.{number - 1}.", h, bias=not self.shape.batch_norm)
            z = gates.hear_above(number - 1, z) if gates else z
            h = ACTIVATIONS[self.shape.activation](self._normalised(part, number - 1, z))
            h = gates.pass_through(number, h) if gates else h
        p = self._linear(part, "", h, bias=True)
        if not gates:
            return p
        p = gates.hear_above(self.shape.hidden, p)
        return gates.hear_error(gates.pass_through(self.shape.hidden + 1, p))

    def _by_name(self) -> Tensors:
        """Each parameter (runs, ...). `unbind` gives the gradients of all layers back in one operation."""
        return {name: value for names, leaf in self._parts for name, value in zip(names, leaf.unbind(1), strict=True)}

    def _linear(self, part: Tensors, prefix: str, h: Tensor, *, bias: bool) -> Float[Tensor, "runs units n"]:
        weight = part[f"{prefix}weight"]
        return torch.baddbmm(part[f"{prefix}bias"].unsqueeze(2), weight, h) if bias else torch.bmm(weight, h)

    def _normalised(self, part: Tensors, layer: int, z: Tensor) -> Float[Tensor, "runs units n"]:
        running = self._statistics[layer]
        if running is None:
            return z
        scale, bias = (part[f"layers.{layer}.{name}"].flatten() for name in ("scale", "bias"))
        flat = z.reshape(1, -1, z.shape[2])
        found = F.batch_norm(flat, *running, scale, bias, training=True, momentum=BN_MOMENTUM, eps=BN_EPSILON)
        return found.view_as(z)


def _alike(network: Network) -> list[list[str]]:
    """The names of the parameters, those of one kind and shape together, in the order of the layers."""
    found: dict[tuple[str, torch.Size], list[str]] = {}
    for name, parameter in network.named_parameters():
        found.setdefault((name.rpartition(".")[2], parameter.shape), []).append(name)
    return list(found.values())
