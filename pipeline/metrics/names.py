"""Names of headline numbers and of settings: they distinguish the runs of a sweep."""

import numpy as np
import pandas as pd

DEPTH = "network.hidden"


def beyond_depth(varied: str) -> list[str]:
    """The settings varied besides the depth: `network.hidden=20; optimiser.rate=0.1` gives `["rate=0.1"]`."""
    pairs = [pair.partition("=") for pair in varied.split("; ") if pair]
    return [f"{path.rpartition('.')[2]}={value}" for path, _, value in pairs if path != DEPTH]


def setting(hidden: int, varied: str) -> str:
    """A setting in words: `20 hidden layers, rate=0.1`."""
    layers = f"{hidden} hidden layer" + ("" if hidden == 1 else "s")
    return ", ".join([layers, *beyond_depth(varied)])


def metric(quantity: str, method: str, hidden: int, varied: str = "") -> str:
    """The name of a headline number, such as `test_accuracy.one_sg.hidden20`, ending in the other varied settings."""
    return ".".join([quantity, method, f"hidden{hidden}", *(pair.replace("=", "") for pair in beyond_depth(varied))])


def per_seed(runs: pd.DataFrame, values: pd.Series, quantity: str) -> dict[str, list[float]]:
    """Headline numbers by name, one value per seed in the order of the seeds.

    Args:
        runs: a table with columns run, method, seed, hidden and varied; a run may have many rows.
        values: one number by run, with the runs' names as index; a run without one (say, diverged) counts as NaN.
        quantity: the first part of the numbers' names.
    """
    found: dict[str, list[float]] = {}
    for run in runs.drop_duplicates("run").sort_values("seed", kind="stable").to_dict("records"):
        name = metric(quantity, run["method"], run["hidden"], run["varied"])
        found.setdefault(name, []).append(float(values.get(run["run"], np.nan)))
    return found
