"""The loss implied by each linear SG, compared with the true loss on a grid of points, as in the paper (C9, C10).

A linear SG is the derivative of a quadratic (the paper's "implied loss"): `L_SG(h, y) = h A_sym hᵀ / 2 + (y B + c) hᵀ +
const`, where `A_sym` is the symmetric part of `A`; the constant may differ between the targets `y`. Both losses are per
sample. The true one is the loss of a sample from `h_l` upwards, so it is the same for all layers `l`.

Departure: the paper trains a ReLU net with 5 hidden layers on points of a 2-D grid. Width, grid, rates and steps are
ours, chosen so that backprop fits all four cases. Both kinds of labels, batch normalisation before each ReLU, training
on all points at once, and all numbers that compare the surfaces are ours too. With all points in each batch, the
batch's statistics (mode "measure") are those of training, and a point's loss is exactly the one that its SG learns
from.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline import members
from pipeline.analyses.shared.curves import peak_time
from pipeline.analyses.shared.peaks import since_peak
from pipeline.datasets.shared.splits import Points
from pipeline.metrics.by_seed import DIVERGED, MEASURED, UNDEFINED, BySeed, mean
from pipeline.metrics.intervals import layer_trend, rank_correlation
from pipeline.settings_types import Count, Distinct, One, Positive, Share, TwoOrMore

SCOPE = "study"
READS = None
CLAIMS = ("C9", "C10")
BOUNDS = (("drawn_with", "side", "labels"), ("declared", "estimators", "IMPLIED_LOSS", "quadratic in h"))
RANGES = {
    "r2_early": "share",
    "r2_late": "share",
    "r2_top_late": "share",
    "r2_within_early": "share",
    "r2_within_late": "share",
    "r2_trend": "correlation",
    "r2_since_peak": "share_change",
    "r2_within_trend": "correlation",
    "r2_within_since_peak": "share_change",
    "rank": "correlation",
    "rank_since_peak": "change",
    "rank_within_since_peak": "change",
    "antisymmetric_share": "share",
    "mean_of_r2": "share",
    "mean_of_rank": "correlation",
    "trend_of_mean_": "correlation",
    "peak_time_": "share",
}
COLUMNS = ["loss", "labels", "seed", "layer", "step", "quantity", "value", "x1", "x2"]
MOST = 2**31  # seeds of networks are below this
EDGE = 0.2  # share of all steps that counts as "early" or "late"
COMPARED = ("r2", "rank", "r2_within", "rank_within")
Row = tuple[int, str, float, float, float]  # layer (0: the whole net), quantity, value, x1, x2
NOWHERE = (np.nan, np.nan)  # x1 and x2 of numbers that belong to no point


def analyse(
    *,
    generator: np.random.Generator,
    seeds: Count = 5,
    losses: Distinct[Literal["cross_entropy", "mse"]] = ("cross_entropy", "mse"),
    labels: Distinct[Literal["separable", "random"]] = ("separable", "random"),
    side: TwoOrMore = 24,
    hidden: Count = 5,
    width: Count = 64,
    placement: Literal["every", "middle"] = "every",
    steps: Count = 2000,
    looks: TwoOrMore = 28,
    rate: Positive = 0.003,
    gate_rate: Positive = 0.003,
    pictured: Distinct[Share] = (0.05, 1.0),
    estimators: One[str] = ("linear_sg",),
    datasets: One[str] = ("grid",),
) -> pd.DataFrame:
    """Train nets with linear SGs on a grid, and compare true and implied loss over its points during training.

    Args:
        generator: draws labels and starting weights; all cases of a seed start from the same weights, and both losses
            learn the same labels.
        seeds: number of repetitions.
        losses: the losses to train with.
        labels: kinds of labels of the data set.
        side: points along each axis of the grid.
        hidden: number of hidden layers.
        width: units of each hidden layer.
        placement: which hidden layers are followed by an SG, "every" or "middle".
        steps: number of updates, each with all points and of all layers.
        looks: number of log-spaced states to measure, including the start and the end.
        rate: Adam's rate for the network.
        gate_rate: Adam's rate for the SGs.
        pictured: shares of `steps`; the surfaces of seed 0 are kept at the nearest measured states.
        estimators: the estimator, exactly one.
        datasets: the data set, exactly one.

    Returns:
        Columns loss, labels, seed, layer, step, quantity, value, x1, x2. For each layer with an SG: `r2` in [0, 1], the
        share of the true loss's variance over points that `a L_SG + b` explains with the best `a` and `b` (of either
        sign); `rank` in [-1, 1], their Spearman correlation; `r2_within` and `rank_within`, the same two numbers within
        one class, averaged over classes; `antisymmetric_share`; `cosine` of the SG's estimates with the true gradients,
        over all points and units. Layer 0 is the net: its mean `loss` and its `accuracy`. For seed 0 the surfaces are
        included, with coordinates x1 and x2: `true_loss` (layer 0) and `implied_loss`, per sample.

        `r2`, `rank` and `antisymmetric_share` are NaN where they are undefined: if a surface is constant, like the
        implied one at step 0 where each SG is zero, or if training diverged.
    """
    # Imported here because it needs torch, which takes 3 s.
    from pipeline.analyses.shared import implied_loss_training

    (estimator,), grid = estimators, members.load("datasets", *datasets)
    setting = implied_loss_training.TrainingSettings(estimator, hidden, width, placement, steps, looks, rate, gate_rate)
    kept = {implied_loss_training.nearest_look(share, setting) for share in pictured}
    about, cases = [], []
    for seed, stream in enumerate(generator.spawn(seeds)):
        start = int(stream.integers(MOST))
        for kind, coins in zip(labels, stream.spawn(len(labels)), strict=True):
            points = grid.draw(side, labels=kind, generator=coins)
            about += [(name, kind, seed) for name in losses]
            cases += [implied_loss_training.Case(points, name, start) for name in losses]
    rows: list[list[tuple]] = [[] for _ in cases]
    for number, look in implied_loss_training.follow(cases, setting, classes=grid.CLASSES):
        surfaces = about[number][2] == 0 and look.step in kept
        found = _compare(look, cases[number].points, grid.CLASSES, surfaces=surfaces)
        rows[number] += [(*about[number], layer, look.step, *rest) for layer, *rest in found]
    return pd.DataFrame([row for part in rows for row in part], columns=COLUMNS)


def implied(
    h: Float[ndarray, "n units"],
    y: Float[ndarray, "n k"],
    A: Float[ndarray, "units units"],  # noqa: N803 (the paper's name)
    B: Float[ndarray, "k units"],  # noqa: N803
    c: Float[ndarray, " units"],
) -> Float[ndarray, " n"]:
    """The loss that `SG(h, y) = h A + y B + c` implies for each sample, without its constant: 0 at h = 0."""
    # The antisymmetric part of A drops out of h A hᵀ.
    return ((h @ A) * h).sum(axis=1) / 2 + ((y @ B + c) * h).sum(axis=1)


def antisymmetric_share(A: Float[ndarray, "units units"]) -> float:  # noqa: N803 (the paper's name)
    """`||A - Aᵀ|| / (2 ||A||)` in [0, 1]: 0 if the SG is the gradient of its implied loss. NaN for a zero matrix."""
    size = np.linalg.norm(A)
    return float(np.linalg.norm(A - A.T) / (2 * size)) if size > 0 else np.nan


def r2(true: Float[ndarray, " n"], model: Float[ndarray, " n"]) -> float:
    """The squared Pearson correlation: how much an affine function of `model` explains. NaN if one is constant."""
    if not np.isfinite([true, model]).all() or len(true) == 0 or np.ptp(true) == 0 or np.ptp(model) == 0:
        return np.nan
    return float(np.corrcoef(true, model)[0, 1] ** 2)


def compare(true: Float[ndarray, " n"], model: Float[ndarray, " n"], labels: Int[ndarray, " n"]) -> dict[str, float]:
    """`r2` and `rank` of two surfaces over all points, and the means of both over classes."""
    parts = [(true[labels == label], model[labels == label]) for label in np.unique(labels)]
    within = pd.DataFrame([(r2(*part), rank_correlation(*part)) for part in parts]).mean().tolist()
    return dict(zip(COMPARED, [r2(true, model), rank_correlation(true, model), *within], strict=True))


def _compare(look: Any, points: Points, classes: int, *, surfaces: bool) -> Iterator[Row]:
    """The rows of one look (an `implied_loss_training.Look`, whose module needs torch)."""
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

    `r2` is the share of the true loss's variance over points that the implied loss explains. `rank` is the Spearman
    correlation of the two. `r2_within` and `rank_within` are the same within classes.

    `*_trend` is Spearman's correlation of the layer's number with that quantity at the end: 1 if agreement rises with
    each layer towards the loss. It is missing with a single SG. `*_early` and `*_late` are means over layers and over
    the first fifth of training, without step 0, or the last fifth. `r2_top_late` is the latter for the uppermost SG
    alone. `antisymmetric_share` is the share of A that is not symmetric, averaged over layers at the end. Undefined
    values are left out of means; a mean of none is NaN.

    Over training: `mean_of_*` is the mean over layers and over all measured states but the first, which are evenly
    spaced in the logarithm of the step, so that each tenfold of the training counts alike: at the end of a separable
    problem the true loss is about zero, and there is next to nothing to model. `trend_of_mean_*` is Spearman's
    correlation of the layer's number with that mean by layer, over the states at which all layers have a value;
    `trend_of_mean_r2` without an ending is the mean over all losses and labels, of a seed that has them all.
    `peak_time_*` is the step of each SG's own best state as a share of all steps, as a mean over layers. `*_since_peak`
    is the mean over layers late in training minus that at the peak which the other seeds show, see
    `pipeline.analyses.shared.peaks`; below 0 if agreement decays.
    """
    if table.empty:
        return {}
    found: dict[str, BySeed] = {}
    for (name, kind), case in table.groupby(["loss", "labels"]):
        parts = {int(str(seed)): part for seed, part in case.groupby("seed")}
        falls = _falls(case)
        numbers = {seed: _headline(part) | _over_training(part) | falls[seed] for seed, part in parts.items()}
        gone = {seed for seed, part in parts.items() if not np.isfinite(_of(part, "loss")["value"]).all()}
        for number in next(iter(numbers.values())):
            values = {seed: each[number] for seed, each in numbers.items()}
            found[f"{number}.{name}.{kind}"] = BySeed(
                values.values(),
                seeds=list(values),
                outcomes=[_outcome(each, diverged=seed in gone) for seed, each in values.items()],
            )
    trends = [values for number, values in found.items() if number.startswith("trend_of_mean_r2.")]
    return {**found, **({"trend_of_mean_r2": mean(trends)} if trends else {})}


def _outcome(value: float, *, diverged: bool) -> str:
    return DIVERGED if diverged else UNDEFINED if np.isnan(value) else MEASURED


def _headline(part: pd.DataFrame) -> dict[str, float]:
    """The numbers of one training."""
    end = part["step"].max()
    early, late = part[(part["step"] > 0) & (part["step"] <= EDGE * end)], part[part["step"] >= (1 - EDGE) * end]
    last = part[part["step"] == end]
    numbers = {}
    for quantity in COMPARED:
        if len(by_layer := _of(last, quantity)) > 1:
            numbers[f"{quantity}_trend"] = layer_trend(by_layer)
        numbers[f"{quantity}_early"] = float(_of(early, quantity)["value"].mean())
        numbers[f"{quantity}_late"] = float(_of(late, quantity)["value"].mean())
    top = _of(late[late["layer"] == part["layer"].max()], "r2")
    numbers["r2_top_late"] = float(top["value"].mean())
    numbers["antisymmetric_share"] = float(_of(last, "antisymmetric_share")["value"].mean())
    return numbers


def _over_training(part: pd.DataFrame) -> dict[str, float]:
    """The numbers of one training about all of its states but the first."""
    numbers: dict[str, float] = {}
    for quantity in COMPARED:
        table = _of(part[part["step"] > 0], quantity).pivot(index="layer", columns="step", values="value")
        layers, steps = table.index.to_numpy(np.float64), table.columns.to_numpy(np.float64)
        values = table.to_numpy(np.float64)
        numbers[f"mean_of_{quantity}"] = _mean(values)
        if len(layers) > 1:
            whole = values[:, np.isfinite(values).all(axis=0)]
            trend = rank_correlation(layers, whole.mean(axis=1)) if whole.size else np.nan
            numbers[f"trend_of_mean_{quantity}"] = trend
        numbers[f"peak_time_{quantity}"] = _mean(np.array([peak_time(steps, row) for row in values]))
    return numbers


def _falls(case: pd.DataFrame) -> dict[int, dict[str, float]]:
    """By seed, how far each quantity, as a mean over layers, lies late in training from the peak."""
    found: dict[int, dict[str, float]] = {int(seed): {} for seed in case["seed"].unique()}
    for quantity in COMPARED:
        curves = _of(case, quantity).pivot_table(index="seed", columns="step", values="value", aggfunc="mean")
        fallen = since_peak(curves)
        for seed, numbers in found.items():
            numbers[f"{quantity}_since_peak"] = float(fallen.get(seed, np.nan))
    return found


def _mean(values: ndarray) -> float:
    """The mean of what is defined; NaN if nothing is."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _of(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    return table[table["quantity"] == quantity]
