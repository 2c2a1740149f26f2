"""Stage: gather the headline numbers of all analyses: mean, interval and n of each.

`python -m pipeline.summarise --study smoke`
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any

from pipeline import config, paths, plugins, provenance, stats, store, tables
from pipeline.plan import Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    plan = Plan(config.load(study))
    found = {}
    for name in plan.study.analyses:
        module = plugins.load("analyses", plan.member(name))
        if hasattr(module, "metrics"):
            values = module.metrics(tables.of(plan, study, name))
            found[name] = {metric: _shown(each) for metric, each in sorted(values.items())}
    origin = provenance.collect(
        "summarise", "metrics", study=study, settings=plan.settings_hash(), code=plan.stage_code("summarise")
    )
    store.write_json(paths.metrics(study), {"study": study, "metrics": found, "provenance": origin})
    print(f"{sum(map(len, found.values()))} metrics of {len(found)} analyses")


def _shown(values: list[float]) -> dict[str, Any]:
    """Mean, interval and n, and the values themselves in the order of the seeds; None stands for what isn't finite."""
    found = {name: _finite(number) for name, number in stats.interval(values)._asdict().items()}
    return {**found, "values": [_finite(float(value)) for value in values]}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


if __name__ == "__main__":
    main()
