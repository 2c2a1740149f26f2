"""RDM correlation: whether the same pairs of samples are similar in two layers."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from pipeline.measures.shared import factors

LABEL = "RDM correlation"
REFERENCE = "Kriegeskorte, Mur and Bandettini, Representational similarity analysis (2008)"
DIRECTED = False
NULL = "permutation"
FEWEST = 2  # pairs of samples, for a correlation


@dataclass(frozen=True)
class Dissimilarities:
    """A layer's dissimilarities of all pairs of samples, or their ranks; standardised if none is undefined (NaN)."""

    scores: Float[ndarray, " pairs"]
    method: Literal["spearman", "pearson"]
    whole: bool  # all pairs are defined
    n: int
    rank: int  # number of samples with a dissimilarity: those whose units are not all equal
    cut: float  # deviation, relative to the largest value, up to which they count as equal

    def permuted(self, rows: Int[ndarray, " n"]) -> "Dissimilarities":
        """The dissimilarities of the samples in another order."""
        square = squareform(self.scores, checks=False)
        return replace(self, scores=factors.upper(square[np.ix_(rows, rows)]))


def prepare(x: Float[ndarray, "n d"], *, method: Literal["spearman", "pearson"] = "spearman") -> Dissimilarities:
    """The RDM of a layer (`factors.dissimilarities`), or the ranks of its entries.

    Args:
        x: activations, samples by units.
        method: "spearman" compares the RDMs' ranks, "pearson" their values.

    Raises:
        ValueError: if a value is not finite.
    """
    matrix = factors.dissimilarities(x)
    usable = int(np.isfinite(np.diag(matrix)).sum())
    values = factors.upper(matrix)
    whole = usable == len(x)
    scores = _ranks(values) if method == "spearman" else values
    return Dissimilarities(
        _standardised(scores) if whole else scores, method, whole, len(x), usable, factors.constancy(x.shape[1])
    )


def compare(a: Dissimilarities, b: Dissimilarities) -> float:
    """Correlation between the two RDMs' upper triangles, in [-1, 1]; about 0 for unrelated layers.

    Invariant to a scale and an offset of each sample's activation vector, and to permutations of the units. Pairs that
    are undefined in either layer are left out. NaN if fewer than two pairs are left, or all are equal.
    """
    factors.check_paired(a, b)
    if a.whole and b.whole:
        return float(np.clip(a.scores @ b.scores, -1, 1))
    shared = np.isfinite(a.scores) & np.isfinite(b.scores)
    if shared.sum() < FEWEST:
        return np.nan
    # The ranks among a subset of pairs are the ranks of their ranks.
    parts = [_ranks(each[shared]) if a.method == "spearman" else each[shared] for each in (a.scores, b.scores)]
    return float(np.clip(_standardised(parts[0]) @ _standardised(parts[1]), -1, 1))


def measure(
    x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, method: Literal["spearman", "pearson"] = "spearman"
) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, method=method), prepare(y, method=method))


def _ranks(values: Float[ndarray, " pairs"]) -> Float[ndarray, " pairs"]:
    """Ranks from 1, ties get their mean rank; NaN stays NaN."""
    return rankdata(values, nan_policy="omit")


def _standardised(values: Float[ndarray, " pairs"]) -> Float[ndarray, " pairs"]:
    """Centred and scaled to unit norm, so a correlation is a product; NaN if there is no variation."""
    centred = values - values.mean()
    norm = np.linalg.norm(centred)
    if norm <= len(values) * factors.EPSILON * np.abs(values).max():
        return np.full_like(values, np.nan)
    return centred / norm
