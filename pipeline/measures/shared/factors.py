"""Factors of a layer's activations, dissimilarities of its samples, and the permutation null of a measure.

A layer is factorised once. Each comparison with another layer is then one product of two cached matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

EPSILON = float(np.finfo(np.float64).eps)


@runtime_checkable
class Prepared(Protocol):
    """A layer as a measure prepares it, once for all comparisons; rows are samples."""

    @property
    def n(self) -> int:
        """Number of samples."""
        ...

    @property
    def rank(self) -> int:
        """Number of dimensions that the measure uses."""
        ...

    @property
    def cut(self) -> float:
        """Relative size up to which a value counts as zero."""
        ...

    def permuted(self, rows: Int[ndarray, " n"]) -> "Prepared":
        """The same layer with its samples in another order; costs only a copy."""
        ...


@dataclass(frozen=True)
class Factors:
    """Centred activations as `basis @ diag(scales) @ directions`, without the components that the cut sets to zero."""

    basis: Float[ndarray, "n rank"]  # orthonormal columns
    scales: Float[ndarray, " rank"]  # singular values, descending
    directions: Float[ndarray, "rank d"]  # orthonormal rows
    cut: float

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.basis.shape[0]

    @property
    def rank(self) -> int:
        """Number of singular values kept."""
        return len(self.scales)

    def permuted(self, rows: Int[ndarray, " n"]) -> "Factors":
        """The factors of the samples in another order: means and covariances stay, so only the basis changes."""
        return replace(self, basis=self.basis[rows])

    def leading(self, count: int) -> "Factors":
        """The `count` components with the largest variance."""
        return Factors(self.basis[:, :count], self.scales[:count], self.directions[:count], self.cut)


def factorise(x: Float[ndarray, "n d"], *, cut: float | None = None) -> Factors:
    """Centre the columns and decompose. Dead, constant and duplicate units only lower the rank.

    Args:
        x: activations in float64. In float32, rounding hides the small singular values of a trained layer.
        cut: singular values up to `cut` times the largest count as zero; `max(n, d)` times the machine epsilon by
            default. If the norm of the means is larger than all singular values, it takes the place of the largest:
            centring leaves rounding noise of that size.

    Raises:
        ValueError: if a value is not finite.
    """
    check_finite(x)
    relative = max(x.shape) * EPSILON if cut is None else cut
    means = x.mean(axis=0, keepdims=True)
    basis, scales, directions = np.linalg.svd(x - means, full_matrices=False)
    removed = np.sqrt(len(x)) * np.abs(means).max()
    rank = int(np.sum(scales > relative * max(scales[0], removed)))
    return Factors(np.ascontiguousarray(basis[:, :rank]), scales[:rank], directions[:rank], relative)


def check_finite(x: Float[ndarray, "n d"]) -> None:
    """Check that a layer's activations can be compared.

    Raises:
        ValueError: if `x` has no unit, fewer than two samples, or a value that is not finite.
    """
    if len(x) <= 1 or x.shape[1] == 0:
        raise ValueError(f"found activations of shape {x.shape}; expected at least 2 samples and 1 unit")
    if not np.isfinite(x).all():
        count = int(np.sum(~np.isfinite(x)))
        raise ValueError(f"found {count} of {x.size} activations not finite: leave out runs that diverged")


def check_tall(x: Float[ndarray, "n d"]) -> None:
    """Check that there are more samples than units: otherwise all canonical correlations are 1 (Kornblith et al. 2019).

    Raises:
        ValueError: if there are no more samples than units.
    """
    n, d = x.shape
    if n <= d:
        raise ValueError(
            f"found {n} samples of {d} units; expected more samples than units, better ten times as many: with fewer, "
            "the canonical correlations are 1 for any data. Use a larger sample"
        )


def overlap(a: Factors, b: Factors) -> Float[ndarray, "rank_a rank_b"]:
    """The product of two bases. Its singular values are the canonical correlations (Björck and Golub 1973).

    Raises:
        ValueError: if the two have different numbers of samples.
    """
    check_paired(a, b)
    return a.basis.T @ b.basis


def check_paired(a: Prepared, b: Prepared) -> None:
    """Check that two layers have the same number of samples.

    Raises:
        ValueError: if the two have different numbers of samples.
    """
    if a.n != b.n:
        raise ValueError(f"found {a.n} and {b.n} samples; expected the same samples, row by row, in both layers")


def canonical_correlations(a: Factors, b: Factors) -> Float[ndarray, " count"]:
    """All min(rank_a, rank_b) canonical correlations, descending, in [0, 1]; none if a rank is 0."""
    if min(a.rank, b.rank) == 0:
        return np.zeros(0)
    return np.clip(np.linalg.svd(overlap(a, b), compute_uv=False), 0, 1)


def dissimilarities(x: Float[ndarray, "n d"]) -> Float[ndarray, "n n"]:
    """Representational dissimilarity matrix (RDM; Kriegeskorte et al. 2008), as in claim C13.

    1 - Pearson correlation between the activation vectors of each pair of samples, in [0, 2]. If all units of a sample
    have the same value, no correlation is defined and its row and column are NaN. Elsewhere the diagonal is 0.

    Raises:
        ValueError: if a value is not finite.
    """
    check_finite(x)
    centred = x - x.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = norms <= constancy(x.shape[1]) * np.abs(x).max(axis=1, keepdims=True)
    unit = centred / np.where(flat, np.nan, norms)
    found = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(found, np.where(flat[:, 0], np.nan, 0))
    return found


def constancy(units: int) -> float:
    """Deviation, relative to the largest value, up to which a sample's units count as equal: the size of rounding."""
    return units * EPSILON


def upper(matrix: Float[ndarray, "n n"]) -> Float[ndarray, " pairs"]:
    """The elements above the diagonal, row by row: each pair of samples once."""
    return matrix[np.triu_indices(len(matrix), k=1)]


def nbytes(prepared: Any) -> int:
    """The memory of a prepared layer's arrays."""
    if is_dataclass(prepared):
        return sum(nbytes(getattr(prepared, field.name)) for field in fields(prepared))
    return prepared.nbytes if isinstance(prepared, ndarray) else 0


def permuted_values(
    compare: Callable[[Any, Any], float], a: Prepared, others: Sequence[Prepared], rows: Int[ndarray, "permutations n"]
) -> Float[ndarray, "permutations others"]:
    """The measure's chance level (permutation null): its values with the samples of `a` in other orders.

    Nothing is factorised again, since a permutation doesn't change means and covariances.
    """
    found = [[compare(shuffled, b) for b in others] for shuffled in map(a.permuted, rows)]
    return np.array(found, dtype=np.float64).reshape(len(rows), len(others))
