"""How runs are named in tables, and how two of them compare."""

from typing import Any

from pipeline.study.schema import Run


def identity(run: Run) -> dict[str, Any]:
    """The columns that tell a run in a table."""
    return {
        "run": run.name,
        "method": run.method,
        "seed": run.seed,
        "hidden": run.training.network.hidden,
        "varied": "; ".join(f"{path}={value}" for path, value in run.varied.items()),
    }


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
