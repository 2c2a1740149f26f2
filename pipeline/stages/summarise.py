"""Stage: gather the headline numbers of all analyses: mean, intervals and n of each.

`python -m pipeline summarise --study smoke`
"""

import argparse
from collections.abc import Sequence

from pipeline import members
from pipeline.metrics.summary import summarise
from pipeline.results import paths, provenance, store
from pipeline.study import tables
from pipeline.study.load import load_study
from pipeline.study.plan import Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    plan = Plan(load_study(study))
    found = {}
    for name in plan.study.analyses:
        module = members.load("analyses", plan.member(name))
        if hasattr(module, "metrics"):
            values = module.metrics(tables.of(plan, study, name))
            found[name] = summarise(dict(sorted(values.items())))
    origin = provenance.collect(
        "summarise", "metrics", study=study, settings=plan.settings_hash(), code=plan.stage_code("summarise")
    )
    store.write_json(paths.metrics(study), {"study": study, "metrics": found, "provenance": origin})
    print(f"{sum(map(len, found.values()))} metrics of {len(found)} analyses")


if __name__ == "__main__":
    main()
