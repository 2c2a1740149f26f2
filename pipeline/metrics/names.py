"""Names of headline numbers and of settings: they distinguish the runs of a sweep."""

from collections.abc import Collection

import pandas as pd

from pipeline.metrics.by_seed import BySeed, collect, minus

DEPTH = "network.hidden"
REFERENCE = "backprop"  # the method to which all others are compared


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


def per_seed(
    runs: pd.DataFrame,
    values: pd.Series,
    quantity: str,
    *,
    diverged: Collection[str] = (),
    censored: Collection[str] = (),
    unmet: Collection[str] = (),
) -> dict[str, list[float]]:
    """Headline numbers by name, each a `BySeed`: one value per seed in the order of the seeds.

    Args:
        runs: a table with columns run, method, seed, hidden and varied; a run may have many rows.
        values: one number by run, with the runs' names as index; a run without one (say, diverged) counts as NaN.
        quantity: the first part of the numbers' names.
        diverged: the runs that diverged.
        censored: the runs that ended before the event whose time the number is.
        unmet: the runs that don't meet the number's premise.
    """
    return {**_by_name(runs, values, quantity, diverged=diverged, censored=censored, unmet=unmet)}


def against(
    runs: pd.DataFrame,
    values: pd.Series,
    quantity: str,
    *,
    diverged: Collection[str] = (),
    censored: Collection[str] = (),
    reference: str = REFERENCE,
) -> dict[str, list[float]]:
    """Differences of each method to the reference, paired by seed: `versus_<reference>_<quantity>.<method>.hidden20`.

    The two runs of a pair have the same seed, depth and varied settings. There are none in a setting without the
    reference. The arguments are those of `per_seed`.
    """
    whole = _by_name(runs, values, quantity, diverged=diverged, censored=censored)
    found: dict[str, list[float]] = {}
    for method, hidden, varied in _settings(runs):
        others = whole.get(metric(quantity, reference, hidden, varied))
        if method != reference and others is not None:
            name = metric(f"versus_{reference}_{quantity}", method, hidden, varied)
            found[name] = minus(whole[metric(quantity, method, hidden, varied)], others)
    return found


def _by_name(runs: pd.DataFrame, values: pd.Series, quantity: str, **outcomes: Collection[str]) -> dict[str, BySeed]:
    """As `per_seed`."""
    by_run = {str(run): float(value) for run, value in values.items()}
    return {
        metric(quantity, method, hidden, varied): collect(part, by_run, **outcomes)
        for (method, hidden, varied), part in _settings(runs).items()
    }


def _settings(runs: pd.DataFrame) -> dict[tuple[str, int, str], list[tuple[str, int]]]:
    """Each method, depth and other varied settings, with its runs and their seeds, in the order of the seeds.

    Settings that make the same name are one. Without pandas: these tables are small, and this is called for each of
    some hundred numbers.
    """
    once = runs.drop_duplicates("run")
    columns = (once[column].tolist() for column in ("seed", "run", "method", "hidden", "varied"))
    found: dict[str, tuple[tuple[str, int, str], list[tuple[str, int]]]] = {}
    for seed, run, *who in sorted(zip(*columns, strict=True), key=lambda row: row[0]):
        found.setdefault(metric("", *who), (tuple(who), []))[1].append((run, seed))
    return dict(found.values())
