"""Debiased linear CKA: centred kernel alignment from the unbiased estimator of HSIC."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.measures.shared.factors import EPSILON, Factors, factorise, overlap
from pipeline.settings_types import NotNegative

LABEL = "CKA (debiased)"
REFERENCE = "Kornblith et al. (2019); unbiased HSIC: Song et al., Feature selection via dependence maximization (2012)"
DIRECTED = False
NULL = "permutation"
FEWEST = 4  # samples: the unbiased estimator divides by n - 3


@dataclass(frozen=True)
class Kernel:
    """A layer's linear kernel, stored without the n x n matrix."""

    factors: Factors
    diagonal: Float[ndarray, " n"]  # of the kernel of the centred layer: squared norms of the rows
    own: float  # HSIC of the layer with itself, times n (n - 3)

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.factors.n

    @property
    def rank(self) -> int:
        """Rank of the centred layer."""
        return self.factors.rank

    @property
    def cut(self) -> float:
        """Relative size up to which a singular value counts as zero."""
        return self.factors.cut

    def permuted(self, rows: Int[ndarray, " n"]) -> "Kernel":
        """The kernel of the rows in another order."""
        return replace(self, factors=self.factors.permuted(rows), diagonal=self.diagonal[rows])


def prepare(x: Float[ndarray, "n d"], *, cut: NotNegative | None = None) -> Kernel:
    """Factorise a layer and compute its HSIC with itself.

    Args:
        x: activations, samples by units.
        cut: see `pipeline.measures.shared.factors.factorise`.

    Raises:
        ValueError: if a value is not finite or there are fewer than 4 samples.
    """
    if len(x) < FEWEST:
        raise ValueError(f"found {len(x)} samples; expected at least {FEWEST}: unbiased HSIC divides by n - 3")
    factors = factorise(x, cut=cut)
    diagonal = factors.basis**2 @ factors.scales**2
    trace = float(np.sum(factors.scales**4))  # tr(K K) of K = U S² Uᵀ
    own = _unbiased(trace, diagonal, diagonal)
    return Kernel(factors, diagonal, own if own > len(x) * EPSILON * trace else 0.0)


def compare(a: Kernel, b: Kernel) -> float:
    """`HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b))`, each unbiased: about 0 for unrelated layers, so it may be negative.

    At most about 1 (1 for a layer with itself). Invariant to rotation, isotropic scale and shift, not to general
    linear maps. NaN if a layer is constant, or if its HSIC with itself isn't positive (all samples but one are equal).
    """
    if min(a.rank, b.rank) == 0 or min(a.own, b.own) <= 0:
        return np.nan
    product = a.factors.scales[:, None] * overlap(a.factors, b.factors) * b.factors.scales
    shared = _unbiased(float(np.sum(product**2)), a.diagonal, b.diagonal)
    return shared / float(np.sqrt(a.own) * np.sqrt(b.own))


def measure(x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, cut: float | None = None) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, cut=cut), prepare(y, cut=cut))


def _unbiased(trace: float, k: Float[ndarray, " n"], l: Float[ndarray, " n"]) -> float:  # noqa: E741 (Song's K, L)
    """Unbiased HSIC of two centred kernels, times n (n - 3), from tr(K L) and the kernels' diagonals.

    Song's estimator uses K and L with zero diagonals and doesn't depend on centring. For centred kernels the rows of K
    and L sum to zero, so without their diagonals they sum to -k and -l, and the n x n matrices aren't needed.
    """
    n = len(k)
    return float(trace - n / (n - 2) * (k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)))
