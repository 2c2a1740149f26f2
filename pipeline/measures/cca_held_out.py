"""Held-out CCA: canonical variates found on half of the samples, correlated on the other half."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors

LABEL = "CCA (held out)"
REFERENCE = "Hotelling (1936); cross-validation of it is ours"
DIRECTED = False
NULL = "permutation"


@dataclass(frozen=True)
class Halves:
    """A layer's factors on one half of the samples, and the other half in their coordinates."""

    found: Factors
    tested: Float[ndarray, "m rank"]  # centred; whitened by the first half

    @property
    def n(self) -> int:
        """Number of samples, both halves together."""
        return self.found.n + len(self.tested)

    @property
    def rank(self) -> int:
        """Rank of the half on which variates are found."""
        return self.found.rank

    @property
    def cut(self) -> float:
        """Relative size up to which a singular value counts as zero."""
        return self.found.cut

    def permuted(self, rows: Int[ndarray, " n"]) -> "Halves":
        """The samples in another order, each half by itself: the order in which `rows` has the samples of that half."""
        even, odd = rows[rows % 2 == 0] // 2, rows[rows % 2 == 1] // 2
        return Halves(self.found.permuted(even), self.tested[odd])


def prepare(x: Float[ndarray, "n d"], *, cut: float | None = None) -> Halves:
    """Factorise every second sample, and whiten the others with what was found.

    Samples in label order have the same classes in both halves that way.

    Args:
        x: activations, samples by units.
        cut: see `linalg.factorise`.

    Raises:
        ValueError: unless half of the samples are more than the units and all values are finite.
    """
    first, second = x[0::2], x[1::2]
    factors.check_tall(second)
    factors.check_finite(second)
    found = factors.factorise(first, cut=cut)
    return Halves(found, (second - second.mean(axis=0)) @ (found.directions.T / found.scales))


def compare(a: Halves, b: Halves) -> float:
    """Mean over the min(rank_a, rank_b) pairs of variates of their correlation on the other half, in [-1, 1].

    About 0 for unrelated layers whatever n is. Invariant to invertible affine maps. A pair of which a variate doesn't
    vary on the other half counts as 0: nothing found there holds. NaN if a layer is constant (rank 0).
    """
    factors.check_paired(a, b)
    if min(a.rank, b.rank) == 0:
        return np.nan
    left, _, right = np.linalg.svd(factors.overlap(a.found, b.found), full_matrices=False)
    p, q = a.tested @ left, b.tested @ right.T
    size_p, size_q = np.linalg.norm(p, axis=0), np.linalg.norm(q, axis=0)  # on the first half all are 1
    vary = (size_p > a.cut) & (size_q > b.cut)
    correlations = np.divide((p * q).sum(axis=0), size_p * size_q, out=np.zeros_like(size_p), where=vary)
    return float(correlations.mean())


def measure(x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, cut: float | None = None) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, cut=cut), prepare(y, cut=cut))
