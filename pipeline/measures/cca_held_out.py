"""Held-out CCA: canonical variates are found on half of the samples and correlated on the other half."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors
from pipeline.settings_types import NotNegative

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
        """Number of samples in both halves together."""
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
        """The samples in another order: each half is permuted separately, in the order of its samples in `rows`."""
        even, odd = rows[rows % 2 == 0] // 2, rows[rows % 2 == 1] // 2
        return Halves(self.found.permuted(even), self.tested[odd])


def prepare(x: Float[ndarray, "n d"], *, cut: NotNegative | None = None) -> Halves:
    """Factorise every second sample, and whiten the others by the same factors.

    With samples in label order, both halves then contain the same classes.

    Args:
        x: activations, samples by units.
        cut: see `pipeline.measures.shared.factors.factorise`.

    Raises:
        ValueError: if half of the samples are no more than the units, or a value is not finite.
    """
    first, second = x[0::2], x[1::2]
    factors.check_tall(second)
    factors.check_finite(second)
    found = factors.factorise(first, cut=cut)
    return Halves(found, (second - second.mean(axis=0)) @ (found.directions.T / found.scales))


def compare(a: Halves, b: Halves) -> float:
    """Mean over the min(rank_a, rank_b) pairs of variates of their correlation on the other half, in [-1, 1].

    About 0 for unrelated layers at any n. Invariant to invertible affine maps. A pair counts as 0 if one of its
    variates is constant on the other half. NaN if a layer is constant (rank 0).
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
