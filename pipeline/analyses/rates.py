"""The trials by which each method's learning rate was chosen: the same grid and seeds for all (C11, C12, C18)."""

import numpy as np
import pandas as pd

from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "trials"
CLAIMS = ("C11", "C12", "C18")


def analyse(trials: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Every trial, and which rate was taken: the lowest mean validation loss.

    Args:
        trials: by the first run that takes its rate from them; columns rate, seed, validation_loss (NaN: diverged),
            validation_accuracy.
        generator: not used; nothing here is random.

    Returns:
        Columns run, rate, trial_seed, validation_loss (in the unit of the loss), validation_accuracy (share), chosen,
        at_edge (the chosen rate is the smallest or the largest of the grid, so that a better one may lie beyond).
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
    """The `best_rate` of each method in each setting, and whether it lies `at_edge` of the grid (1) or inside (0).

    One value each: the choice is one for all seeds.
    """
    if table.empty:
        return {}
    chosen = table[table["chosen"]].drop_duplicates("run").set_index("run")
    return {
        **per_seed(table, chosen["rate"], "best_rate"),
        **per_seed(table, chosen["at_edge"].astype(float), "at_edge"),
    }
