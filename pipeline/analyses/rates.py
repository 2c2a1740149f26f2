"""Trials that chose each method's learning rates: as many for every method, of the same lengths (C11, C12, C18)."""

import numpy as np
import pandas as pd

from pipeline.learning import rate_search
from pipeline.learning.rate_search import Rates
from pipeline.metrics.names import per_seed

SCOPE = "runs"
READS = "trials"
CLAIMS = ("C11", "C12", "C18")
RANGES = {"best_rate": "positive", "best_gate_rate": "positive", "at_edge": "share", "bracketed": "share"}


def analyse(trials: dict[str, pd.DataFrame], *, generator: np.random.Generator) -> pd.DataFrame:
    """Every trial of every rung, and the chosen rates: those with the lowest mean validation loss in the last rung.

    Args:
        trials: by the first run that uses the chosen rates; columns rung (from 1), steps, rate, gate_factor, gate_rate,
            seed, validation_loss (NaN: diverged), validation_accuracy.
        generator: not used; nothing here is random.

    Returns:
        Columns run, rung, steps, rate, gate_factor, gate_rate, trial_seed, validation_loss (in the unit of the loss),
        validation_accuracy (share), diverged, chosen (trials of the chosen rates in the last rung), at_edge (the chosen
        rates lie on the edge of all that was tried, so better ones may lie beyond), bracketed (the last rung tried a
        lower and a higher rate of the network), runner_up_gap (of the chosen rates' trials: how much higher the mean
        loss of the last rung's second best is; NaN if there is none, or it diverged).
    """
    parts = [_marked(found.rename(columns={"seed": "trial_seed"})).assign(run=run) for run, found in trials.items()]
    return pd.concat(parts, ignore_index=True)


def _marked(found: pd.DataFrame) -> pd.DataFrame:
    found = found.astype({"validation_loss": "float64", "validation_accuracy": "float64"})
    tried = [_losses(rows) for _, rows in found.groupby("rung", sort=True)]
    last = tried[-1]
    best, *others = rate_search.ranked(last)
    edge = rate_search.at_edge(best, {each for part in tried for each in part}, tried[0])
    ends = found["rung"] == found["rung"].max()
    chosen = ends & (found["rate"] == best.rate) & (found["gate_factor"] == best.factor)
    gap = _mean(last[others[0]]) - _mean(last[best]) if others else np.nan
    return found.assign(
        diverged=found["validation_loss"].isna(),
        chosen=chosen,
        at_edge=edge,
        bracketed=rate_search.bracketed(best, last),
        runner_up_gap=np.where(chosen, gap, np.nan),
    )


def _losses(rows: pd.DataFrame) -> dict[Rates, list[float | None]]:
    """The losses of the trials of each rates; None if one diverged."""
    losses: dict[Rates, list[float | None]] = {}
    for rate, factor, loss in zip(rows["rate"], rows["gate_factor"], rows["validation_loss"], strict=True):
        losses.setdefault(Rates(rate, factor), []).append(None if np.isnan(loss) else loss)
    return losses


def _mean(losses: list[float | None]) -> float:
    """NaN if one diverged."""
    return float(np.mean([np.nan if loss is None else loss for loss in losses]))


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """`best_rate` and `best_gate_rate` are the chosen rates of each method in each setting.

    `at_edge` is 1 if they lie on the edge of all that was tried, else 0; `bracketed` is 1 if a lower and a higher rate
    were tried in trials of the same length, else 0; `runner_up_gap` says how much higher the loss of the second best
    is. All have a single value, since all seeds share the choice.
    """
    if table.empty:
        return {}
    chosen = table[table["chosen"]].drop_duplicates("run").set_index("run")
    return {
        **per_seed(table, chosen["rate"], "best_rate"),
        **per_seed(table, chosen["gate_rate"], "best_gate_rate"),
        **per_seed(table, chosen["at_edge"].astype(float), "at_edge"),
        **per_seed(table, chosen["bracketed"].astype(float), "bracketed"),
        **per_seed(table, chosen["runner_up_gap"], "runner_up_gap"),
    }
