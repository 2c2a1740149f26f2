"""Pairs of networks in the similarity figures, and how the two networks of a pair differ."""

import numpy as np
import pandas as pd

from pipeline.figures.shared.style import Style
from pipeline.figures.shared.tables import NULLS, SUMMARY, with_nulls

SEEDS, METHODS, BOTH = "seeds", "methods", "both"  # how the networks of a pair differ: in seed, in method, or in both
DIFFERENCE = "other"  # the column that holds one of these
BY = ["hidden", "varied", "measure", DIFFERENCE, "method_a", "method_b", "method", "layer_a", "layer_b"]
COLUMNS = [*BY, *SUMMARY, *NULLS]


def shown(table: pd.DataFrame, style: Style) -> pd.DataFrame:
    """Mean, interval and n over pairs, and their mean null, for seeds of one method and for methods against the first.

    The first method is the first of the config that is in the table. The column `other` tells how the networks of a
    pair differ. `method` is the one whose colour the pair gets: the method that isn't the first, or the only one.
    """
    table = table.assign(varied=table.get("varied", ""), value=table["value"].astype(np.float64))
    a, b = table["method_a"], table["method_b"]
    first = style.present(pd.concat([a, b]))[:1]
    table[DIFFERENCE] = np.select([a == b, table["seed_a"] == table["seed_b"]], [SEEDS, METHODS], BOTH)
    table["method"] = np.where(a.isin(first), b, a)
    known = a.isin(list(style.methods)) & b.isin(list(style.methods))
    table = table[known & ((a == b) | a.isin(first) | b.isin(first))]
    return with_nulls(table, BY)
