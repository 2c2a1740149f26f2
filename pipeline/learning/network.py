"""Multi-layer perceptrons of any depth, with gates where a method wants them."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name for it)
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss

ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda z: z}
# Gains that keep the variance of the signal (He et al. 2015 for ReLU, Glorot and Bengio 2010 else).
INIT_GAINS = {"relu": math.sqrt(2.0), "sigmoid": 1.0, "linear": 1.0}
BN_EPSILON = 1e-5
BN_MOMENTUM = 0.1


@dataclass(frozen=True)
class Shape:
    """What a network is made of, apart from its weights: `hidden` layers of `width` units and a linear output layer."""

    inputs: int
    outputs: int
    _: KW_ONLY
    hidden: int
    width: int
    activation: str = "relu"  # a key of ACTIVATIONS
    batch_norm: bool = True
    shift: float = 0.0  # start of the hidden layers' offsets
    gain: float = 1.0  # of the hidden layers' weights at the start, times INIT_GAINS

    def units(self, layer: int) -> int:
        """The units of a hidden layer, counted from 1, or of the output layer, `hidden + 1`."""
        return self.width if layer <= self.hidden else self.outputs


class Layer(nn.Module):
    """Linear map, batch normalisation (optional), activation."""

    def __init__(self, inputs: int, shape: Shape, *, generator: torch.Generator) -> None:
        """A hidden layer of a network: normal weights with deviation `gain * INIT_GAINS / sqrt(inputs)`."""
        super().__init__()
        units, deviation = shape.width, shape.gain * INIT_GAINS[shape.activation] / math.sqrt(inputs)
        self.activation = shape.activation
        self.weight = nn.Parameter(torch.randn(units, inputs, generator=generator) * deviation)
        self.bias = nn.Parameter(torch.full((units,), float(shape.shift)))
        self.scale = nn.Parameter(torch.ones(units)) if shape.batch_norm else None
        self.mean: Tensor
        self.variance: Tensor
        if shape.batch_norm:
            self.register_buffer("mean", torch.zeros(units))
            self.register_buffer("variance", torch.ones(units))

    def forward(self, x: Float[Tensor, "n inputs"], mode: str, below: Gate | None = None) -> Float[Tensor, "n units"]:
        """The layer's output; `mode` as in `Network.forward`, `below` is the gate that `x` has passed, if any."""
        # Batch normalisation would subtract a bias again.
        z = F.linear(x, self.weight, self.bias if self.scale is None else None)
        z = below.hear("above", z) if below else z
        if self.scale is None:
            return ACTIVATIONS[self.activation](z)
        mean, variance = (None, None) if mode == "measure" else (self.mean, self.variance)
        z = F.batch_norm(
            z, mean, variance, self.scale, self.bias, training=mode != "evaluate", momentum=BN_MOMENTUM, eps=BN_EPSILON
        )
        return ACTIVATIONS[self.activation](z)


class Network(nn.Module):
    """A multi-layer perceptron; without hidden layers it is a linear model.

    The gates belong to the method, not to the network: each call is given its own.
    """

    def __init__(self, shape: Shape, *, generator: torch.Generator) -> None:
        """A network with random weights drawn from `generator`, layer by layer from the input up."""
        super().__init__()
        self.shape = shape
        sizes = [shape.inputs] + [shape.width] * shape.hidden
        self.layers = nn.ModuleList(Layer(inputs, shape, generator=generator) for inputs in sizes[:-1])
        last = sizes[-1]
        self.weight = nn.Parameter(torch.randn(shape.outputs, last, generator=generator) / math.sqrt(last))
        self.bias = nn.Parameter(torch.zeros(shape.outputs))

    def forward(
        self,
        x: Float[Tensor, "n inputs"],
        *,
        mode: str,
        gates: Mapping[int, Gate] | None = None,
        y: Float[Tensor, "n classes"] | None = None,
    ) -> Float[Tensor, "n outputs"]:
        """The output `p` (logits under log loss).

        Args:
            x: a batch.
            mode: "train" (batch statistics, running ones updated), "measure" (batch statistics, nothing updated)
                or "evaluate" (running statistics).
            gates: by the hidden layer, counted from 1, after which each stands; `hidden + 1` is the output itself,
                which only the study's linear models use (claims C5 and C8).
            y: targets for the gates' estimators; needed where there are gates.
        """
        gates = gates or {}
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, mode, gates.get(number - 1))
            if number in gates:
                x = gates[number](x, y)
        p = self.output(x)
        p = gates[len(self.layers)].hear("above", p) if len(self.layers) in gates else p
        top = len(self.layers) + 1
        p = gates[top](p, y) if top in gates else p
        for gate in gates.values():
            p = gate.hear("error", p)
        return p

    def span(self, x: Float[Tensor, "n inputs"], layers: range, *, mode: str) -> Float[Tensor, "n width"]:
        """From the input of the first of `layers` (counted from 1) to the output of the last."""
        for number in layers:
            x = self.layers[number - 1](x, mode)
        return x

    def output(self, h: Float[Tensor, "n width"]) -> Float[Tensor, "n outputs"]:
        """The linear output layer alone."""
        return F.linear(h, self.weight, self.bias)

    def activations(self, x: Float[Tensor, "n inputs"]) -> list[Float[Tensor, "n width"]]:
        """`h_1 … h_L` in evaluation mode."""
        found = []
        for layer in self.layers:
            x = layer(x, "evaluate")
            found.append(x)
        return found

    def weights(self) -> list[Tensor]:
        """The weight matrices from the input up, the output layer's last."""
        return [layer.weight for layer in self.layers] + [self.weight]  # pyright: ignore[reportReturnType]

    def parameters_of(self, layers: range, *, output: bool) -> list[nn.Parameter]:
        """The parameters of hidden `layers` (counted from 1) from the input up, with the output layer's if wanted."""
        found = [parameter for number in layers for parameter in self.layers[number - 1].parameters()]
        return [*found, self.weight, self.bias] if output else found


def true_gradients(
    network: Network, layers: list[int], x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], name: str
) -> dict[int, Float[Tensor, "n width"]]:
    """`n * delta_l` of ordinary backprop at `layers`, per sample (independent of n); the output is `hidden + 1`."""
    kept, h, below, top = [], x, 0, len(network.layers) + 1
    for layer in [layer for layer in layers if layer < top]:
        h = network.span(h, range(below + 1, layer + 1), mode="measure")
        kept.append(h)
        below = layer
    p = network.output(network.span(h, range(below + 1, top), mode="measure"))
    kept += [p] if top in layers else []
    gradients = torch.autograd.grad(loss(name, p, y), kept)
    return {layer: len(x) * gradient for layer, gradient in zip(layers, gradients, strict=True)}
