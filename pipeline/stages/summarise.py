"""Gather the headline numbers of all analyses: mean, interval and n of each."""

from collections.abc import Sequence

from pipeline import members
from pipeline.results import provenance, store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Compute every analysis's headline numbers from its tables and write them to one file."""
    plan, job = arguments.of_stage("summarise", __doc__, argv)
    from pipeline.metrics.summary import summarise

    found = {}
    for name in plan.study.analyses:
        module = members.load("analyses", plan.member(name))
        if hasattr(module, "metrics"):
            values = module.metrics(store.read_tables(plan.tables(name)))
            found[name] = summarise(
                dict(sorted(values.items())), members.constants("analyses", plan.member(name)).get("RANGES")
            )
    content = {"study": plan.name, "metrics": found, store.PROVENANCE: provenance.of(job)}
    store.write_json(job.named_outputs["metrics"], content)
    print(f"{sum(map(len, found.values()))} metrics of {len(found)} analyses")
