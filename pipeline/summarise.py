"""Stage: gather the headline numbers of all analyses: mean, intervals and n of each.

`python -m pipeline.summarise --study smoke`
"""

import argparse
import math
from collections.abc import Mapping, Sequence
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
            found[name] = shown(dict(sorted(values.items())))
    origin = provenance.collect(
        "summarise", "metrics", study=study, settings=plan.settings_hash(), code=plan.stage_code("summarise")
    )
    store.write_json(paths.metrics(study), {"study": study, "metrics": found, "provenance": origin})
    print(f"{sum(map(len, found.values()))} metrics of {len(found)} analyses")


def shown(numbers: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Of each number the mean, both intervals and n, and the values in the order of the seeds.

    None stands for what isn't finite. `low` and `high` are Student's, `bootstrap` has the bounds of the other.
    """
    bounds = stats.bootstraps(list(numbers.values()))
    return {
        name: {
            **{key: _finite(number) for key, number in stats.interval(values)._asdict().items()},
            "bootstrap": [_finite(bound) for bound in found],
            "values": [_finite(float(value)) for value in values],
        }
        for (name, values), found in zip(numbers.items(), bounds, strict=True)
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


if __name__ == "__main__":
    main()
