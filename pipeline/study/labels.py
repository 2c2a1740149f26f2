"""How runs are named in tables, and how two of them compare."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.study.schema import Run

PAIR = "--"  # between the names of two runs
UNSAFE = r"[^A-Za-z0-9_.-]"  # in a file's name


def identity(run: Run) -> dict[str, Any]:
    """The columns that tell a run in a table."""
    return {
        "run": run.name,
        "method": run.method,
        "seed": run.seed,
        "hidden": run.training.network.hidden,
        "varied": "; ".join(f"{path}={value}" for path, value in run.varied.items()),
    }


def without_labels(run: Run, *more: str) -> dict[str, Any]:
    """A run's settings without the labels that only name it, and without what else is named."""
    left_out = {"sweep", "method", "varied", *more}
    return {key: value for key, value in run.model_dump(mode="json").items() if key not in left_out}


def without_seed(run: Run) -> str:
    """A run's name without its seed."""
    return run.name.rpartition("-s")[0]


def setting(varied: Mapping[str, Any]) -> str:
    """What varies beside method and seed, as part of a file's name."""
    return re.sub(UNSAFE, "_", "-".join(f"{path.rpartition('.')[2]}{value}" for path, value in varied.items()))


def kind(a: Run, b: Run) -> str | None:
    """How two runs compare, or None if they differ in a varied setting.

    `seeds`: same method, other seed. `both`: other method and other seed, the fair counterpart of `seeds`. `methods`:
    other method, same seed: they share initial weights and the order of batches, which two seeds don't.
    """
    if a.varied != b.varied:
        return None
    if a.method == b.method:
        return "seeds"
    return "methods" if a.seed == b.seed else "both"
