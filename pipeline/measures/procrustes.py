"""Procrustes similarity: how well a rotation aligns one layer with the other, both scaled to unit norm."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors
from pipeline.settings_types import NotNegative

LABEL = "Procrustes"
REFERENCE = "Schönemann (1966); as a similarity of layers: Williams et al. (2021), Ding, Denain and Steinhardt (2021)"
DIRECTED = False
NULL = "permutation"


def prepare(x: Float[ndarray, "n d"], *, cut: NotNegative | None = None) -> Factors:
    """Factorise a layer.

    Args:
        x: activations, samples by units.
        cut: see `pipeline.measures.shared.factors.factorise`.

    Raises:
        ValueError: if a value is not finite.
    """
    return factors.factorise(x, cut=cut)


def compare(a: Factors, b: Factors) -> float:
    """Nuclear norm of `XᵀY` for centred layers of unit Frobenius norm, in [0, 1].

    The squared Procrustes distance is 2 - 2 times this. Invariant to rotation, isotropic scale and shift, not to
    general linear maps. Unrelated layers don't reach 0: see the null. NaN if a layer is constant (rank 0).
    """
    if min(a.rank, b.rank) == 0:
        return np.nan
    product = a.scales[:, None] * factors.overlap(a, b) * b.scales
    nuclear = np.linalg.svd(product, compute_uv=False).sum()
    return float(min(nuclear / (np.linalg.norm(a.scales) * np.linalg.norm(b.scales)), 1))


def measure(x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, cut: float | None = None) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, cut=cut), prepare(y, cut=cut))
