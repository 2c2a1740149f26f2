"""Which pairs of networks the figures of similarity show, and what is other in a pair."""

import numpy as np
import pandas as pd

from pipeline.figures.shared.style import Style, summarise

SEEDS, METHODS, BOTH = "seeds", "methods", "both"  # what is other in a pair
BY = ["hidden", "varied", "measure", "other", "method_a", "method_b", "method", "layer_a", "layer_b"]


def shown(table: pd.DataFrame, style: Style) -> pd.DataFrame:
    """Mean, interval and n over pairs, and their mean null: of two seeds of a method, and of each method and the first.

    The first method is the first of the config that the table has. The column `other` says what is other in a pair,
    `method` whose colour it has: the one that isn't the first, or both.
    """
    table = table.assign(varied=table.get("varied", ""), value=table["value"].astype(np.float64))
    a, b = table["method_a"], table["method_b"]
    first = style.present(pd.concat([a, b]))[:1]
    table["other"] = np.select([a == b, table["seed_a"] == table["seed_b"]], [SEEDS, METHODS], BOTH)
    table["method"] = np.where(a.isin(first), b, a)
    known = a.isin(list(style.methods)) & b.isin(list(style.methods))
    table = table[known & ((a == b) | a.isin(first) | b.isin(first))]
    nulls = table.groupby(BY, as_index=False)[["null_mean", "null_high"]].mean()
    return summarise(table, BY, "value").merge(nulls, on=BY)
