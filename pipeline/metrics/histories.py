"""Combine the logged histories of many trainings in one table."""

import pandas as pd

TYPES = {"run": "str", "step": "int64", "layer": "int64", "quantity": "str", "value": "float64", "final": "bool"}
TESTED = "test_loss"  # only measured at the last step of a run that finishes


def stack(histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """All histories in one table with columns run, step, layer, quantity, value and final.

    `final` marks the rows of a run's last step, if the run finished. A run that diverged has none: its last logged
    values are not a result.
    """
    parts = [part.assign(run=run, final=_final(part)) for run, part in histories.items() if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(TYPES))
    return whole[list(TYPES)].astype(TYPES)


def _final(history: pd.DataFrame) -> pd.Series:
    return history["step"].isin(history.loc[history["quantity"] == TESTED, "step"])
