"""Trials that chose each method's learning rate, with the same grid and seeds for all methods (C11, C12, C18)."""

import numpy as np
import pandas as pd

from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "trials"
CLAIMS = ("C11", "C12", "C18")


def analyse(trials: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Every trial, and the chosen rate: that with the lowest mean validation loss.

    Args:
        trials: by the first run that uses the chosen rate; columns rate, seed, validation_loss (NaN: diverged),
            validation_accuracy.
        generator: not used; nothing here is random.

    Returns:
        Columns run, rate, trial_seed, validation_loss (in the unit of the loss), validation_accuracy (share), chosen,
        at_edge (the chosen rate is the smallest or largest of the grid, so a better one may be outside).
    """
    parts = [_marked(found.rename(columns={"seed": "trial_seed"})).assign(run=run) for run, found in trials.items()]
    return pd.concat(parts, ignore_index=True)


def _marked(found: pd.DataFrame) -> pd.DataFrame:
    losses = found.assign(validation_loss=found["validation_loss"].astype(float).fillna(np.inf))
    best = losses.groupby("rate")["validation_loss"].mean().idxmin()
    edges = (found["rate"].min(), found["rate"].max())
    found = found.astype({"validation_loss": "float64", "validation_accuracy": "float64"})
    return found.assign(chosen=found["rate"] == best, at_edge=best in edges)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """`best_rate` is the chosen rate of each method in each setting.

    `at_edge` is 1 if it is the smallest or largest of the grid, else 0. Both have a single value, since all seeds share
    the choice.
    """
    if table.empty:
        return {}
    chosen = table[table["chosen"]].drop_duplicates("run").set_index("run")
    return {
        **per_seed(table, chosen["rate"], "best_rate"),
        **per_seed(table, chosen["at_edge"].astype(float), "at_edge"),
    }
