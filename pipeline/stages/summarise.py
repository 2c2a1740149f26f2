"""Gather the headline numbers of all analyses: mean, interval and n of each."""

from collections.abc import Sequence

from pipeline.results import provenance, store
from pipeline.study import arguments, headline_numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Compute every analysis's headline numbers from its tables and write them to one file."""
    plan, job = arguments.of_stage("summarise", __doc__, argv)
    of_each = {name: headline_numbers.of_analysis(plan, name) for name in plan.study.analyses}
    found = {name: numbers for name, numbers in of_each.items() if numbers is not None}
    content = {"study": plan.name, "metrics": found, store.PROVENANCE: provenance.of(job)}
    store.write_json(job.named_outputs["metrics"], content)
    print(f"{sum(map(len, found.values()))} metrics of {len(found)} analyses")
