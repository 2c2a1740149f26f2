"""SVCCA: the mean canonical correlation between the leading principal components of two layers."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors

LABEL = "SVCCA"
REFERENCE = "Raghu et al., SVCCA: singular vector canonical correlation analysis (2017)"
DIRECTED = False
NULL = "permutation"
VARIANCE = 0.99  # Raghu et al. 2017


def prepare(x: Float[ndarray, "n d"], *, variance: float = VARIANCE, cut: float | None = None) -> Factors:
    """Factorise a layer and keep as few leading components as hold `variance` of its variance; they are its `rank`.

    Args:
        x: activations, samples by units.
        variance: share of the variance, which is the sum of the *squared* singular values; in (0, 1].
        cut: see `linalg.factorise`.

    Raises:
        ValueError: unless there are more samples than units and all values are finite, or for another `variance`.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"found variance={variance}; expected a share in (0, 1], such as {VARIANCE}")
    factors.check_tall(x)
    whole = factors.factorise(x, cut=cut)
    held = np.cumsum(whole.scales**2)
    return whole.leading(int(np.searchsorted(held, variance * held[-1])) + 1) if whole.rank else whole


def compare(a: Factors, b: Factors) -> float:
    """Mean of the canonical correlations between the components kept, as many as the smaller number of them; in [0, 1].

    Invariant to rotation, isotropic scale and shift. How many components are kept falls with depth in trained
    networks, and with it the chance level: compare with the null and with CCA. NaN if a layer is constant.
    """
    found = factors.canonical_correlations(a, b)
    return float(found.mean()) if len(found) else np.nan


def measure(
    x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, variance: float = VARIANCE, cut: float | None = None
) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, variance=variance, cut=cut), prepare(y, variance=variance, cut=cut))
