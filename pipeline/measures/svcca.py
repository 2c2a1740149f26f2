"""SVCCA: the mean canonical correlation between the leading principal components of two layers."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pipeline.measures.shared import factors
from pipeline.measures.shared.factors import Factors
from pipeline.settings_types import NotNegative, Share

LABEL = "SVCCA"
REFERENCE = "Raghu et al., SVCCA: singular vector canonical correlation analysis (2017)"
DIRECTED = False
NULL = "permutation"
VARIANCE = 0.99  # Raghu et al. 2017


def prepare(x: Float[ndarray, "n d"], *, variance: Share = VARIANCE, cut: NotNegative | None = None) -> Factors:
    """Factorise a layer and keep the fewest leading components that hold the share `variance`; `rank` is their number.

    Args:
        x: activations, samples by units.
        variance: share of the variance, the sum of the *squared* singular values; in (0, 1].
        cut: see `pipeline.measures.shared.factors.factorise`.

    Raises:
        ValueError: if there are no more samples than units, a value is not finite, or `variance` is out of range.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"found variance={variance}; expected a share in (0, 1], such as {VARIANCE}")
    factors.check_tall(x)
    whole = factors.factorise(x, cut=cut)
    held = np.cumsum(whole.scales**2)
    return whole.leading(int(np.searchsorted(held, variance * held[-1])) + 1) if whole.rank else whole


def compare(a: Factors, b: Factors) -> float:
    """Mean of the min(rank_a, rank_b) canonical correlations between the components kept, in [0, 1].

    Invariant to rotation, isotropic scale and shift. In trained networks the number of components kept
    falls with depth, and the chance level with it: compare with the null and with CCA. NaN if a layer is constant.
    """
    found = factors.canonical_correlations(a, b)
    return float(found.mean()) if len(found) else np.nan


def measure(
    x: Float[ndarray, "n d"], y: Float[ndarray, "n e"], *, variance: float = VARIANCE, cut: float | None = None
) -> float:
    """`compare` of two layers' activations at the same samples."""
    return compare(prepare(x, variance=variance, cut=cut), prepare(y, variance=variance, cut=cut))
