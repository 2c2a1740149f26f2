"""PWCCA: canonical correlations, weighted by how much of the first layer each canonical variate accounts for."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors
from pipeline.settings_types import NotNegative

LABEL = "PWCCA"
REFERENCE = "Morcos, Raghu and Bengio, Insights on representational similarity with canonical correlation (2018)"
DIRECTED = True  # the weights come from the first layer
NULL = "permutation"


def prepare(x: Float[ndarray, "n d"], *, cut: NotNegative | None = None) -> Factors:
    """Factorise a layer.

    Args:
        x: activations, samples by units.
        cut: see `pipeline.measures.shared.factors.factorise`.

    Raises:
        ValueError: if there are no more samples than units, or a value is not finite.
    """
    factors.check_tall(x)
    return factors.factorise(x, cut=cut)


def compare(a: Factors, b: Factors) -> float:
    """Projection-weighted mean of the min(rank_a, rank_b) canonical correlations, in [0, 1].

    With `h_i` the orthonormal canonical variates of `a` and `z_j` its centred units, the weight of correlation `i` is
    `sum_j |<h_i, z_j>|`, over the sum of all weights (Morcos et al. 2018). Variates, not coefficients: with
    `z = basis diag(scales) directions` and `h = basis left`, `<h_i, z_j>` is `left' diag(scales) directions`.
    NaN if a layer is constant (rank 0).
    """
    if min(a.rank, b.rank) == 0:
        return np.nan
    left, correlations, _ = np.linalg.svd(factors.overlap(a, b), full_matrices=False)
    weights = np.abs(left.T @ (a.scales[:, None] * a.directions)).sum(axis=1)
    return float(np.average(np.clip(correlations, 0, 1), weights=weights))


def measure(x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, cut: float | None = None) -> float:
    """`compare` of two layers' activations at the same samples; the weights come from `x`."""
    return compare(prepare(x, cut=cut), prepare(y, cut=cut))
