"""Representational dissimilarity matrices (RDM) of a network's hidden layers, and their class structure (C13)."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.analyses.shared.cut import cut_layer
from pipeline.measures.shared import factors
from pipeline.metrics.by_seed import DIVERGED
from pipeline.metrics.names import against, per_seed
from pipeline.results.activations import Activations
from pipeline.settings_types import Count, DistinctOrNone, Natural

SCOPE = "run"
READS = "activations"
CLAIMS = ("C13",)
SAMPLE = "rdm"
RANGES = {
    "class_structure_": "correlation",
    "class_structure_settles": "share",
    "rdm_distance_": "positive",
    "rdm_block_distance_": "positive",
}
COLUMNS = {"layer": "int64", "quantity": "str", "value": "float64", "i": "int64", "j": "int64"}
PICTURES = 5  # number of layers shown by default
NOWHERE = -1  # in the columns i and j of numbers that are not part of a picture
LOW = 0.25  # share of the depth at which a "low" layer lies
SETTLED = 0.9  # share of the last layer's class structure from which it counts as settled


def analyse(
    activations: Activations,
    *,
    generator: np.random.Generator,
    show: DistinctOrNone[Count] = (),
    pixels: Count = 40,
    cut: Natural = 0,
) -> pd.DataFrame:
    """RDMs at the end of training over the points of the sample `rdm`, in label order.

    Args:
        activations: of one run.
        generator: not used; nothing here is random.
        show: layers whose RDM is included as a picture, as far as the network has them; by default five, evenly spaced
            from the first to the last.
        pixels: side of a picture. Larger RDMs are averaged over square blocks, leaving out the dissimilarity of a
            point with itself.
        cut: the last layer of the lower block, over which distances are averaged; 0 for the middle layer.

    Returns:
        Columns layer, quantity, value, i, j. By hidden layer: `class_correlation` (see `class_structure`), `within` and
        `between` (mean dissimilarity of points of the same class and of different classes), `constant_points` (number
        of points whose units all have the same value; their dissimilarities are undefined and left out),
        `distance_to_last` and `block_distance_to_last` (see `distance`, from the RDM of the last hidden layer; the
        second of pairs of the same class alone, the diagonal blocks). With layer 0: `cut`, the cut's layer. As
        pictures: `rdm`, with row `i` and column `j`, NaN where no dissimilarity is defined; and, with layer 0,
        `class_start`: the pixel at which the `i`-th class begins. If they don't apply, `i` and `j` are -1.
    """
    labels = activations.labels(SAMPLE)
    shown = set(show) or _spread(activations.layers)
    rows: list[tuple[int, str, float, int, int]] = []
    for place, start in enumerate(np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))):
        rows.append((0, "class_start", start * min(pixels / len(labels), 1), place, NOWHERE))
    rows.append((0, "cut", cut_layer(activations.layers, given=cut), NOWHERE, NOWHERE))
    layers = range(1, activations.layers + 1)
    matrices = [factors.dissimilarities(activations.layer(SAMPLE, layer)) for layer in layers]
    for layer, matrix in zip(layers, matrices, strict=True):
        numbers = class_structure(matrix, labels) | distances(matrix, matrices[-1], labels)
        rows += [(layer, quantity, value, NOWHERE, NOWHERE) for quantity, value in numbers.items()]
        if layer in shown:
            picture = block_means(matrix, pixels)
            rows += [(layer, "rdm", value, i, j) for (i, j), value in np.ndenumerate(picture)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def distances(
    matrix: Float[ndarray, "n n"], last: Float[ndarray, "n n"], labels: Int[ndarray, " n"]
) -> dict[str, float]:
    """The distance of two RDMs over all pairs of points, and over those of the same class."""
    same = factors.upper(np.equal.outer(labels, labels).astype(np.float64)) == 1
    here, there = factors.upper(matrix), factors.upper(last)
    return {
        "distance_to_last": distance(here, there),
        "block_distance_to_last": distance(here[same], there[same]),
    }


def distance(a: Float[ndarray, " pairs"], b: Float[ndarray, " pairs"]) -> float:
    """The L2 norm of the difference of two vectors of dissimilarities, each pair of points once.

    With undefined entries in either, the norm over all others is scaled up to the number of pairs, by the square root:
    the mean square is kept. NaN if no entry is defined in both.
    """
    squares = np.square(a - b)
    return float(np.sqrt(len(squares) * np.nanmean(squares))) if np.isfinite(squares).any() else np.nan


def class_structure(matrix: Float[ndarray, "n n"], labels: Int[ndarray, " n"]) -> dict[str, float]:
    """How similar an RDM is to the ideal one, which is 0 for points of the same class and 1 for all others.

    `class_correlation` is Pearson's correlation between the two over all pairs of points: 0 without class structure,
    1 for the ideal RDM. NaN if there is a single class, or all dissimilarities are equal.
    """
    other = factors.upper(np.not_equal.outer(labels, labels).astype(np.float64))
    found = factors.upper(matrix)
    defined = np.isfinite(found)
    found, other = found[defined], other[defined]
    varies = len(found) > 0 and np.ptp(other) > 0 and np.ptp(found) > len(labels) * factors.EPSILON
    return {
        "class_correlation": float(np.corrcoef(found, other)[0, 1]) if varies else np.nan,
        "within": _mean(found[other == 0]),
        "between": _mean(found[other == 1]),
        "constant_points": float(np.isnan(np.diag(matrix)).sum()),
    }


def block_means(matrix: Float[ndarray, "n n"], pixels: int) -> Float[ndarray, "p p"]:
    """An RDM averaged over blocks of nearly equal size, without the diagonal and undefined values.

    A matrix no larger than `pixels` is returned unchanged.

    Raises:
        ValueError: if `pixels` is below 1.
    """
    if pixels < 1:
        raise ValueError(f"found pixels={pixels}; expected at least 1")
    n = len(matrix)
    if n <= pixels:
        return matrix
    counted = np.isfinite(matrix) & ~np.eye(n, dtype=bool)
    starts = np.arange(pixels) * n // pixels
    sums, counts = (
        np.add.reduceat(np.add.reduceat(each, starts, axis=0), starts, axis=1)
        for each in (np.where(counted, matrix, 0), counted.astype(np.float64))
    )
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    alone = np.diff(starts, append=n) == 1  # blocks of one point with itself: 0 by definition
    means[alone, alone] = np.diag(matrix)[starts[alone]]
    return means


def _spread(layers: int) -> set[int]:
    return set(np.linspace(1, layers, PICTURES).round().astype(int).tolist()) if layers else set()


def _mean(values: Float[ndarray, " pairs"]) -> float:
    return float(values.mean()) if len(values) else np.nan


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The correlation of the RDM with the ideal class RDM at three layers, and the depth at which it settles.

    `class_structure_low` is at a quarter of the depth, rounded up. `class_structure_middle` is at the middle layer,
    where a single gate is placed. `class_structure_last` is at the last hidden layer. `class_structure_settles` is the
    first layer that reaches 90 % of the last layer's correlation, as a share of the depth. C13 states that it is low
    with backprop. These bounds are ours.

    `rdm_distance_below` is the L2 distance of a layer's RDM to that of the last hidden layer, averaged over the layers
    up to the cut, `rdm_distance_middle` that of the cut's layer alone, and `rdm_distance_mean` the average over all
    layers but the last. `rdm_block_distance_*` are the same of the diagonal blocks alone, the pairs of one class. As
    remembered (source R), the paper's figure shows such distances for backprop, one SG, and SGs everywhere: with
    backprop they are small from about layer 9 of 20 on. `versus_backprop_<number>` is a method's difference to
    backprop, paired by seed. A run that diverged has no value.

    Departure: the average over layers is ours; the figure shows layer by layer. Its number of points is the paper's,
    400 (`samples.rdm`); the distance grows with that number.
    """
    if table.empty:
        return {}
    gone = set(table.loc[table["quantity"] == DIVERGED, "run"])
    scores = table[table["quantity"] == "class_correlation"]
    low, middle = (np.ceil(share * scores["hidden"]) for share in (LOW, 0.5))
    places = {"low": low, "middle": middle, "last": scores["hidden"]}
    found: dict[str, list[float]] = {}
    for name, place in places.items():
        at = scores[scores["layer"] == place].set_index("run")["value"]
        found |= per_seed(table, at, f"class_structure_{name}", diverged=gone)
    settled = {run: _settles(part) for run, part in scores.groupby("run")}
    found |= per_seed(table, pd.Series(settled, dtype=float), "class_structure_settles", diverged=gone)
    for name, values in _distances(table).items():
        found |= per_seed(table, values, name, diverged=gone) | against(table, values, name, diverged=gone)
    return found


def _distances(table: pd.DataFrame) -> dict[str, pd.Series]:
    """The averages of the distances to the last layer, by run."""
    cuts, found = table[table["quantity"] == "cut"].set_index("run")["value"], {}
    for name in ("", "block_"):
        rows = table[(table["quantity"] == f"{name}distance_to_last") & (table["layer"] < table["hidden"])]
        at = rows["run"].map(cuts).astype("float64")
        for place, chosen in (
            ("below", rows["layer"] <= at),
            ("middle", rows["layer"] == at),
            ("mean", rows["layer"] > 0),
        ):
            found[f"rdm_{name}distance_{place}"] = rows[chosen].groupby("run")["value"].mean()
    return found


def _settles(of_run: pd.DataFrame) -> float:
    """The share of the depth, in (0, 1], at which a run's class structure first reaches `SETTLED` of the last layer's.

    NaN if the last layer has none.
    """
    curve = of_run.set_index("layer")["value"].sort_index()
    reached = curve.index[curve >= SETTLED * curve.iloc[-1]]
    return float(reached[0] / curve.index[-1]) if curve.iloc[-1] > 0 else np.nan
