"""What the analyses of similarity share: random orders, and values beside their chance level."""

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
        ValueError: for no permutation: a similarity means nothing without its chance level.
    """
    if permutations < 1:
        raise ValueError(f"found permutations={permutations}; expected at least 1")
    return np.array([generator.permutation(n) for _ in range(permutations)])


def against_chance(
    measure: Any, a: factors.Prepared, others: Sequence[factors.Prepared], rows: Int[ndarray, "permutations n"]
) -> Float[ndarray, "others 3"]:
    """A layer compared with others by one measure: by other, the value, and the mean and the maximum of its null."""
    values = np.array([measure.compare(a, b) for b in others], dtype=np.float64)
    null = factors.permuted_values(measure.compare, a, others, rows)
    return np.column_stack([values, null.mean(axis=0), null.max(axis=0)])
