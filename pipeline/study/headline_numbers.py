"""The headline numbers of one entry under `analyses`, from its tables."""

from typing import TYPE_CHECKING, Any

from pipeline import members
from pipeline.results import store

if TYPE_CHECKING:
    from pipeline.study.plan import Plan


def of_analysis(plan: "Plan", name: str) -> dict[str, Any] | None:
    """Values by seed, mean, interval and n of each number by its name; None if the analysis has no such numbers.

    Args:
        plan: the study's jobs.
        name: the entry.

    Raises:
        DamagedFileError: naming a table that can't be read.
    """
    from pipeline.metrics.summary import summarise

    member = plan.member(name)
    module = members.load("analyses", member)
    if not hasattr(module, "metrics"):
        return None
    values = module.metrics(store.read_tables(plan.tables(name)))
    return summarise(dict(sorted(values.items())), members.constants("analyses", member).get("RANGES"))
