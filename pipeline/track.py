"""Stage: hand the study's headline numbers, tables and figures to Weights & Biases, as one run beside the trainings'.

`python -m pipeline.track --study smoke`
"""

import argparse
from collections.abc import Sequence

from pipeline import config, paths, store, tables, tracking
from pipeline.plan import Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    plan = Plan(config.load(study))
    metrics = store.read_json(paths.metrics(study))["metrics"]
    jobs = {f"{name}/{job}": paths.table(study, name, job) for name in plan.study.analyses for job in plan.jobs(name)}
    pictures = {name: paths.drawing(study, name, "png") for name in plan.study.figures}
    files = {name: store.sha256(path) for name, path in {**jobs, **pictures}.items()}
    settings = {"study": plan.study.model_dump(mode="json"), "inputs": files}
    group, identity = f"{study}-{plan.settings_hash()}", config.digest(["results", files])
    with tracking.start(
        name="results", group=group, job_type="results", tags=[study], config=settings, identity=identity
    ) as tracker:
        for name in plan.study.analyses:
            found = metrics.get(name, {})
            parts = {f"{name}/{metric}.{part}": v for metric, whole in found.items() for part, v in whole.items()}
            tracker.summary({part: value for part, value in parts.items() if isinstance(value, int | float)})
            tracker.table(name, tables.of(plan, study, name))
        for name, path in pictures.items():
            tracker.figure(name, path)
    run = {"name": "results", "job_type": "results", "id": tracking.run_id("results", identity)}
    store.write_json(paths.tracked(study), {"study": study, "group": group, "mode": tracking.mode(), "runs": [run]})
    print(f"{len(plan.study.analyses)} analyses, {len(pictures)} figures")


if __name__ == "__main__":
    main()
