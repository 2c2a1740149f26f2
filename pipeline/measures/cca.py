"""CCA: the mean canonical correlation between two layers."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors
from pipeline.settings_types import NotNegative

LABEL = "CCA"
REFERENCE = "Hotelling, Relations between two sets of variates (1936); mean over layers' units: Raghu et al. (2017)"
DIRECTED = False
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
    """Mean of the min(rank_a, rank_b) canonical correlations (not their squares), in [0, 1].

    Invariant to invertible affine maps of either layer. Unrelated layers reach about sqrt(rank / n), so the
    value means nothing without its null. NaN if a layer is constant (rank 0).
    """
    found = factors.canonical_correlations(a, b)
    return float(found.mean()) if len(found) else np.nan


def measure(x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, cut: float | None = None) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, cut=cut), prepare(y, cut=cut))
