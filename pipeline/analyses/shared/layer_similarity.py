"""Parts of the similarity analyses: random orders of samples, and values with their chance level."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline.measures.shared import factors

SAMPLE = "cca"  # held out, and with several times as many points as a layer has units


def orders(n: int, permutations: int, generator: np.random.Generator) -> Int[ndarray, "permutations n"]:
    """Random orders of `n` samples, for the null.

    Raises:
        ValueError: if there is no permutation, since a similarity means nothing without its chance level.
    """
    if permutations < 1:
        raise ValueError(f"found permutations={permutations}; expected at least 1")
    return np.array([generator.permutation(n) for _ in range(permutations)])


def against_chance(
    measure: Any, a: factors.Prepared, others: Sequence[factors.Prepared], rows: Int[ndarray, "permutations n"]
) -> Float[ndarray, "others 3"]:
    """Compare a layer with others by one measure: for each, the value, and the mean and maximum of its null."""
    values = np.array([measure.compare(a, b) for b in others], dtype=np.float64)
    null = factors.permuted_values(measure.compare, a, others, rows)
    return np.column_stack([values, null.mean(axis=0), null.max(axis=0)])
