"""Representational dissimilarity matrices (RDM) of a network's hidden layers, and their class structure (C13)."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.metrics.names import per_seed
from pipeline.results.activations import Activations

SCOPE = "run"
READS = "activations"
CLAIMS = ("C13",)
SAMPLE = "rdm"
COLUMNS = ["layer", "quantity", "value", "i", "j"]
PICTURES = 5  # layers, if none are asked for
NOWHERE = -1  # in the columns i and j: the number has no place in a picture
LOW = 0.25  # share of the depth at which a "low" layer lies
SETTLED = 0.9  # of the last layer's class structure: from there on it "hardly changes"


def analyse(
    activations: Activations,
    *,
    generator: np.random.Generator,
    show: tuple[int, ...] | list[int] = (),
    pixels: int = 40,
) -> pd.DataFrame:
    """RDMs at the end of training over the points of the sample `rdm`, which stand in label order.

    Args:
        activations: of one run.
        generator: not used; nothing here is random.
        show: layers whose RDM goes into the table as a picture (those that the network has); none means five, evenly
            spread from the first to the last.
        pixels: side of a picture. Larger RDMs are averaged over square blocks, without the dissimilarity of a
            point with itself.

    Returns:
        Columns layer, quantity, value, i, j. By hidden layer: `class_correlation` (see `class_structure`), `within` and
        `between` (mean dissimilarity of points of the same class, and of different ones), `constant_points` (how many
        points have units all of the same value, so no dissimilarity, and are left out). As pictures: `rdm`, with row
        `i` and column `j`, NaN where no dissimilarity is defined; and, with layer 0, `class_start`: at which pixel the
        `i`-th class begins. Where they don't apply, `i` and `j` are -1.
    """
    labels = activations.labels(SAMPLE)
    shown = set(show) or _spread(activations.layers)
    rows: list[tuple[int, str, float, int, int]] = []
    for place, start in enumerate(np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))):
        rows.append((0, "class_start", start * min(pixels / len(labels), 1), place, NOWHERE))
    for layer in range(1, activations.layers + 1):
        matrix = factors.dissimilarities(activations.layer(SAMPLE, layer))
        numbers = class_structure(matrix, labels)
        rows += [(layer, quantity, value, NOWHERE, NOWHERE) for quantity, value in numbers.items()]
        if layer in shown:
            picture = block_means(matrix, pixels)
            rows += [(layer, "rdm", value, i, j) for (i, j), value in np.ndenumerate(picture)]
    return pd.DataFrame(rows, columns=COLUMNS)


def class_structure(matrix: Float[ndarray, "n n"], labels: Int[ndarray, " n"]) -> dict[str, float]:
    """How much an RDM looks like the ideal one, in which points of a class are alike (0) and others not (1).

    `class_correlation` is Pearson's correlation between the two over all pairs of points: 0 without class structure,
    1 for the ideal. NaN if there is a single class, or all dissimilarities are equal.
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
    """An RDM averaged over blocks of nearly equal size, what is undefined and the diagonal left out of the means.

    A matrix that is no larger than `pixels` stays as it is.

    Raises:
        ValueError: for no pixel.
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
    alone = np.diff(starts, append=n) == 1  # blocks of a point with itself: 0 by definition
    means[alone, alone] = np.diag(matrix)[starts[alone]]
    return means


def _spread(layers: int) -> set[int]:
    return set(np.linspace(1, layers, PICTURES).round().astype(int).tolist()) if layers else set()


def _mean(values: Float[ndarray, " pairs"]) -> float:
    return float(values.mean()) if len(values) else np.nan


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The correlation with the ideal class RDM at a low layer, the middle one and the last; and where it settles.

    The low layer is at a quarter of the depth, rounded up; the middle one is where a single gate stands.
    `class_structure_settles` is the first layer that reaches 90 % of the last layer's correlation, as a share of the
    depth: C13 says that it is low with backprop. These bounds are ours.
    """
    if table.empty:
        return {}
    scores = table[table["quantity"] == "class_correlation"]
    low, middle = (np.ceil(share * scores["hidden"]) for share in (LOW, 0.5))
    places = {"low": low, "middle": middle, "last": scores["hidden"]}
    found: dict[str, list[float]] = {}
    for name, place in places.items():
        at = scores[scores["layer"] == place].set_index("run")["value"]
        found |= per_seed(scores, at, f"class_structure_{name}")
    settled = {run: _settles(part) for run, part in scores.groupby("run")}
    return found | per_seed(scores, pd.Series(settled, dtype=float), "class_structure_settles")


def _settles(of_run: pd.DataFrame) -> float:
    """The share of the depth at which a run's class structure first comes near to that of its last layer; in (0, 1].

    NaN if the last layer has none.
    """
    curve = of_run.set_index("layer")["value"].sort_index()
    reached = curve.index[curve >= SETTLED * curve.iloc[-1]]
    return float(reached[0] / curve.index[-1]) if curve.iloc[-1] > 0 else np.nan
