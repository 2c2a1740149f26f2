"""The loss that each linear SG implies, against the true one, in the study's own setting: a grid (claims C9 and C10).

A linear SG is the derivative of a quadratic (study, "implied loss"): `L_SG(h, y) = h A_sym hᵀ / 2 + (y B + c) hᵀ +
const`, where `A_sym` is the symmetric part of `A`; the constant may differ between the targets `y`. Both losses are
taken per sample. The true one is the loss of a sample from `h_l` upwards, so it is the same for all layers `l`.

Departure: that a 5-hidden-layer ReLU net learns points on a 2-D grid is the study's. Width, grid, rates and steps are
ours, chosen so that backprop fits all four cases. So are both kinds of labels, batch normalisation before each ReLU,
training on all points at once, and all numbers by which the surfaces are compared. With all points in each batch the
batch's statistics (mode "measure") are those of training, and a point's loss is the very one that its SG is told of.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline import members
from pipeline.datasets.shared.splits import Points
from pipeline.metrics.intervals import rank_correlation

SCOPE = "study"
READS = None
CLAIMS = ("C9", "C10")
COLUMNS = ["loss", "labels", "seed", "layer", "step", "quantity", "value", "x1", "x2"]
MOST = 2**31  # seeds of networks lie below
EDGE = 0.2  # of all steps: what "early" and "late" mean
COMPARED = ("r2", "rank", "r2_within", "rank_within")
Row = tuple[int, str, float, float, float]  # layer (0: the whole net), quantity, value, x1, x2
NOWHERE = (np.nan, np.nan)  # x1 and x2 of what is no point's


def analyse(
    *,
    generator: np.random.Generator,
    seeds: int = 5,
    losses: tuple[str, ...] = ("cross_entropy", "mse"),
    labels: tuple[str, ...] = ("separable", "random"),
    side: int = 24,
    hidden: int = 5,
    width: int = 64,
    placement: str = "every",
    steps: int = 2000,
    looks: int = 28,
    rate: float = 0.003,
    gate_rate: float = 0.003,
    pictured: tuple[float, ...] = (0.05, 1.0),
    estimators: tuple[str, ...] = ("linear_sg",),
    datasets: tuple[str, ...] = ("grid",),
) -> pd.DataFrame:
    """Train nets with linear SGs on a grid, and compare true and implied loss over its points along the way.

    Args:
        generator: gives labels and starting weights; the cases of a seed begin with the same weights, and both losses
            learn the same labels.
        seeds: number of repetitions.
        losses: the losses.
        labels: kinds of labels, as in the data set.
        side: points along each axis of the grid.
        hidden: hidden layers.
        width: units of each.
        placement: which of them have an SG behind them, "every" or "middle".
        steps: updates, each with all points, everything at once.
        looks: how many states are looked at, log-spaced, with the start and the end.
        rate: of Adam, for the network.
        gate_rate: of Adam, for the SGs.
        pictured: shares of `steps`; the surfaces of seed 0 at the nearest looks are kept.
        estimators: the member that this rests on.
        datasets: the same.

    Returns:
        Columns loss, labels, seed, layer, step, quantity, value, x1, x2. For each layer with an SG: `r2` in [0, 1], the
        share of the true loss's variance over points that `a L_SG + b` explains with the best `a` and `b` (of either
        sign); `rank` in [-1, 1], their Spearman correlation; `r2_within` and `rank_within`, the means of both over
        classes, with the points of one class each; `antisymmetric_share`; `cosine` of the SG's estimates with the true
        gradients, over all points and units. Layer 0 is the net: its mean `loss` and its `accuracy`. Of seed 0 also,
        with the coordinates x1 and x2, the surfaces: `true_loss` (layer 0) and `implied_loss`, per sample.

        `r2`, `rank` and `antisymmetric_share` are NaN where they have no meaning: a surface is constant, as the
        implied one is at step 0 where each SG is zero, or training diverged.
    """
    from pipeline.analyses.shared import (
        implied_loss_training,  # torch takes 3 s to import, and few jobs of this stage need it
    )

    (estimator,), grid = estimators, members.load("datasets", *datasets)
    setting = implied_loss_training.Setting(estimator, hidden, width, placement, steps, looks, rate, gate_rate)
    kept = {implied_loss_training.nearest_look(share, setting) for share in pictured}
    rows = []
    for seed, stream in enumerate(generator.spawn(seeds)):
        start = int(stream.integers(MOST))
        for kind, coins in zip(labels, stream.spawn(len(labels)), strict=True):
            points = grid.draw(side, labels=kind, generator=coins)
            for name in losses:
                for look in implied_loss_training.follow(points, name, start, setting, classes=grid.CLASSES):
                    found = _compare(look, points, grid.CLASSES, surfaces=seed == 0 and look.step in kept)
                    rows += [(name, kind, seed, layer, look.step, *rest) for layer, *rest in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def implied(
    h: Float[ndarray, "n units"], y: Float[ndarray, "n k"], A: Float[ndarray, "units units"],  # noqa: N803 (the study's name)
    B: Float[ndarray, "k units"], c: Float[ndarray, " units"],  # noqa: N803
) -> Float[ndarray, " n"]:  # fmt: skip
    """The loss that `SG(h, y) = h A + y B + c` implies for each sample, without its constant: 0 at h = 0."""
    # The antisymmetric part of A drops out of h A hᵀ.
    return ((h @ A) * h).sum(axis=1) / 2 + ((y @ B + c) * h).sum(axis=1)


def antisymmetric_share(A: Float[ndarray, "units units"]) -> float:  # noqa: N803 (the study's name)
    """`||A - Aᵀ|| / (2 ||A||)` in [0, 1]: 0 if the SG is the gradient of its implied loss. NaN for a zero matrix."""
    size = np.linalg.norm(A)
    return float(np.linalg.norm(A - A.T) / (2 * size)) if size > 0 else np.nan


def r2(true: Float[ndarray, " n"], model: Float[ndarray, " n"]) -> float:
    """The squared Pearson correlation: how much an affine function of `model` explains. NaN if either is constant."""
    if not np.isfinite([true, model]).all() or len(true) == 0 or np.ptp(true) == 0 or np.ptp(model) == 0:
        return np.nan
    return float(np.corrcoef(true, model)[0, 1] ** 2)


def compare(true: Float[ndarray, " n"], model: Float[ndarray, " n"], labels: Int[ndarray, " n"]) -> dict[str, float]:
    """`r2` and `rank` of two surfaces over all points, and the means of both over classes."""
    parts = [(true[labels == label], model[labels == label]) for label in np.unique(labels)]
    within = pd.DataFrame([(r2(*part), rank_correlation(*part)) for part in parts]).mean().tolist()
    return dict(zip(COMPARED, [r2(true, model), rank_correlation(true, model), *within], strict=True))


def _compare(look: Any, points: Points, classes: int, *, surfaces: bool) -> Iterator[Row]:
    """The rows of one look (a `_implied_loss.Look`, whose module needs torch)."""
    y = np.eye(classes)[points.labels]
    yield 0, "loss", float(look.losses.mean()), *NOWHERE
    yield 0, "accuracy", look.accuracy, *NOWHERE
    if surfaces:
        yield from _surface(0, "true_loss", look.losses, points)
    for layer, module in look.modules.items():
        model = implied(module.h, y, module.A, module.B, module.c)
        numbers = compare(look.losses, model, points.labels)
        numbers |= {"antisymmetric_share": antisymmetric_share(module.A), "cosine": module.cosine}
        yield from ((layer, quantity, value, *NOWHERE) for quantity, value in numbers.items())
        if surfaces:
            yield from _surface(layer, "implied_loss", model, points)


def _surface(layer: int, quantity: str, values: Float[ndarray, " n"], points: Points) -> Iterator[Row]:
    pairs = zip(values.tolist(), points.inputs.tolist(), strict=True)
    return ((layer, quantity, value, x1, x2) for value, (x1, x2) in pairs)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Headline numbers of each case, named `<number>.<loss>.<labels>`.

    `*_trend`: Spearman's correlation of the layer's number with r2 (rank, r2 within classes, …) at the last look: 1 if
    the model is the better the nearer the layer is to the loss; not there with a single SG. `*_early` and `*_late`:
    means over layers and looks in the first fifth of training, without step 0, and in the last. `r2_top_late`: the
    same of the uppermost SG alone. `antisymmetric_share`: mean over layers at the end. Undefined values are left out of
    means; a mean of none is NaN.
    """
    if table.empty:
        return {}
    found: dict[str, list[float]] = {}
    for (name, kind, _), part in table.groupby(["loss", "labels", "seed"]):
        for number, value in _headline(part).items():
            found.setdefault(f"{number}.{name}.{kind}", []).append(value)
    return found


def _headline(part: pd.DataFrame) -> dict[str, float]:
    """The numbers of one training."""
    end = part["step"].max()
    early, late = part[(part["step"] > 0) & (part["step"] <= EDGE * end)], part[part["step"] >= (1 - EDGE) * end]
    last = part[part["step"] == end]
    numbers = {}
    for quantity in COMPARED:
        layer, value = _of(last, quantity)[["layer", "value"]].to_numpy(dtype=np.float64).T
        if len(layer) > 1:
            numbers[f"{quantity}_trend"] = rank_correlation(layer, value)
        numbers[f"{quantity}_early"] = float(_of(early, quantity)["value"].mean())
        numbers[f"{quantity}_late"] = float(_of(late, quantity)["value"].mean())
    top = _of(late[late["layer"] == part["layer"].max()], "r2")
    numbers["r2_top_late"] = float(top["value"].mean())
    numbers["antisymmetric_share"] = float(_of(last, "antisymmetric_share")["value"].mean())
    return numbers


def _of(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    return table[table["quantity"] == quantity]
