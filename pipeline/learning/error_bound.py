"""How closely synthetic gradients track the true ones: both sides of the study's inequality, on one batch (claim C7).

The statement, as it is usually described (the study's text was not at hand): if at every step, for one d in (0, 1),

    e K <= g (1 - d) / (1 + d),    e = || SG - delta ||,   K = || dh / dtheta_< ||,   g = || dL / dtheta_< ||,

training with the SG converges to a solution of the original problem. With `J = dh / dtheta_<`, of the whole batch, the
parameters below the SG move along `J' SG`; with backprop they would move along `J' delta`. So the error that counts is
`|| J' (SG - delta) ||`, and `e K` bounds it from above. Whenever it is smaller than g, the two directions have a
positive inner product.

`SG` and `delta` are gradients of the mean loss, both O(1/n) in the batch size n, and `||.||` of them is the Frobenius
norm of the n x units matrix. K is the largest singular value of `J`.

Departure: the study speaks of one SG. Where several are stacked, `theta_<` of each are the parameters that learn
through it: those from the next SG below up to its own layer. The blocks are disjoint, so if the inequality holds in
every block, it holds for all of them together.
"""

import itertools
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, true_gradients

ITERATIONS = 300
TOLERANCE = 1e-5  # relative change of the singular value in one iteration


class Jacobian:
    """`J = d vec(h) / d theta`, given by its products with vectors; the matrix itself is never computed.

    `J' v` is a backward pass. It is linear in `v`, and `J u` is its derivative by `v` (the "double backward").
    """

    def __init__(self, h: Float[Tensor, "n units"], parameters: list[nn.Parameter]) -> None:
        """Keep the graph from `parameters` to `h`."""
        self._h, self._parameters = h, parameters
        self._v = torch.zeros_like(h, requires_grad=True)
        self._pulled = torch.autograd.grad(h, parameters, self._v, create_graph=True)

    def pull(self, v: Float[Tensor, "n units"]) -> Float[Tensor, " parameters"]:
        """`J' v`."""
        found = torch.autograd.grad(self._h, self._parameters, v, retain_graph=True)
        return torch.cat([part.flatten() for part in found])

    def push(self, u: Float[Tensor, " parameters"]) -> Float[Tensor, "n units"]:
        """`J u`."""
        parts = u.split([parameter.numel() for parameter in self._parameters])
        shaped = [part.view_as(parameter) for part, parameter in zip(parts, self._parameters, strict=True)]
        return torch.autograd.grad(self._pulled, self._v, shaped, retain_graph=True)[0]


def spectral_norm(
    jacobian: Jacobian, start: Float[Tensor, "n units"], *, tolerance: float = TOLERANCE, iterations: int = ITERATIONS
) -> float:
    """The largest singular value, from below, by power iteration on `J J'` (Golub and Van Loan, section 8.2).

    The value never falls from one iteration to the next, and never exceeds the true one. The iteration stops when the
    value rises by no more than `tolerance` of itself, or after `iterations`. If the second singular value is almost as
    large as the first, it stops early, with a small error.

    Args:
        jacobian: the matrix.
        start: any matrix but zero; one that is orthogonal to the leading vector finds the next singular value instead.
        tolerance: relative rise at which to stop.
        iterations: the largest number of iterations, each with one product with `J` and one with `J'`.
    """
    v, value = start, 0.0
    for _ in range(iterations):
        pulled = jacobian.pull(v / v.norm())
        before, value = value, pulled.norm().item()
        if not value - before > tolerance * value:  # written with `not`, so that zero and NaN stop it too
            break
        v = jacobian.push(pulled)
    return value


def inequality_terms(
    network: Network,
    gates: Mapping[int, Gate],
    x: Float[Tensor, "n inputs"],
    y: Float[Tensor, "n k"],
    name: str,
    *,
    generator: torch.Generator,
) -> list[tuple[int, str, float]]:
    """Both sides of the inequality for every gate on a batch, under the loss `name`. Nothing in the models is changed.

    Batch normalisation uses the batch's statistics, as training's gradient does. In a sequential update the blocks
    above the first get inputs from blocks that have already moved; here no block has moved.

    Args:
        network: as it is before the update.
        gates: by layer; a gate that only observes is measured as if it were applied.
        x: the inputs of the batch.
        y: its targets.
        name: the loss.
        generator: draws the start of the power iteration.

    Returns:
        Rows of layer, quantity, value: `tracking_error` (e), `tracking_jacobian` (K), `tracking_gradient` (g),
        `tracking_parameter_error` (`|| J' (SG - delta) ||`) and `tracking_cosine` (of `J' SG` and `J' delta`; 0 if one
        of them is zero). K is a lower bound of the spectral norm, by power iteration, but never so low that `e K` is
        below the parameter error.
    """
    if not gates:
        return []
    estimated = _estimates(network, gates, x, y, name)
    true = true_gradients(network, sorted(gates), x, y, name)
    rows, below = [], x
    for first, last in itertools.pairwise([0, *sorted(gates)]):
        h, parameters = _block(network, below, first, last)
        start = torch.randn(h.shape, generator=generator, dtype=h.dtype).to(h.device)
        found = _compare(Jacobian(h, parameters), estimated[last] / len(x), true[last] / len(x), start)
        rows += [(last, f"tracking_{quantity}", value) for quantity, value in found.items()]
        below = h.detach()
    return rows


@torch.no_grad()
def batch_loss(network: Network, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n k"], name: str) -> float:
    """The loss `name` on a batch with the batch's statistics, as in training. Nothing is changed."""
    return loss(name, network(x, mode="measure"), y).item()


def _compare(jacobian: Jacobian, estimate: Tensor, true: Tensor, start: Tensor) -> dict[str, float]:
    error = (estimate - true).norm().item()
    moved, right = jacobian.pull(estimate), jacobian.pull(true)  # directions of the parameters
    parameter_error, sizes = (moved - right).norm().item(), (moved.norm() * right.norm()).item()
    norm = spectral_norm(jacobian, start)
    return {
        "error": error,
        "jacobian": max(norm, parameter_error / error) if error > 0 else norm,
        "gradient": right.norm().item(),
        "parameter_error": parameter_error,
        "cosine": (moved @ right).item() / sizes if sizes > 0 else 0.0,
    }


def _estimates(network: Network, gates: Mapping[int, Gate], x: Tensor, y: Tensor, name: str) -> dict[int, Tensor]:
    """Each gate's estimate of `n * delta`."""
    value = loss(name, network(x, mode="measure", gates=gates, y=y), y)
    torch.autograd.grad(value, list(network.parameters()))  # some gates have an estimate only after a backward pass
    found = {layer: gate.estimate for layer, gate in gates.items()}
    return {layer: estimate.detach() for layer, estimate in found.items() if estimate is not None}


def _block(network: Network, below: Tensor, first: int, last: int) -> tuple[Tensor, list[nn.Parameter]]:
    """The output of layer `last`, computed from that of layer `first`, and the parameters between the two."""
    on_output = last > len(network.layers)
    layers = range(first + 1, min(last, len(network.layers)) + 1)
    h = network.span(below, layers, mode="measure")
    return network.output(h) if on_output else h, network.parameters_of(layers, output=on_output)
