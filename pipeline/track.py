"""Stage: hand the study's tables and figures to Weights & Biases, one run per analysis and one for the figures.

python -m pipeline.track --study smoke
"""

import argparse
from collections.abc import Sequence

from pipeline import config, paths, store, tables, tracking
from pipeline.plan import Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    plan = Plan(config.load(study))
    metrics = store.read_json(paths.metrics(study))["metrics"]
    group = f"{study}-{plan.settings_hash()}"
    sent = []
    for name in plan.study.analyses:
        found = {f"{metric}.{part}": v for metric, value in metrics.get(name, {}).items() for part, v in value.items()}
        origins = {job: store.sha256(paths.table(study, name, job)) for job in plan.jobs(name)}
        settings = {"analysis": name, "inputs": origins, "code": plan.analyse_code(name)}
        identity = config.digest(["analyse", name, settings])
        with tracking.start(
            name=name, group=group, job_type="analyse", tags=[study, name], config=settings, identity=identity
        ) as tracker:
            tracker.summary({key: value for key, value in found.items() if value is not None})
            tracker.table(name, tables.of(plan, study, name))
        sent.append({"name": name, "job_type": "analyse", "id": tracking.run_id("analyse", identity)})
    pictures = {name: paths.drawing(study, name, "png") for name in plan.study.figures}
    settings = {"inputs": {name: store.sha256(path) for name, path in pictures.items()}}
    identity = config.digest(["draw", settings])
    with tracking.start(
        name="figures", group=group, job_type="draw", tags=[study], config=settings, identity=identity
    ) as tracker:
        for name, path in pictures.items():
            tracker.figure(name, path)
    sent.append({"name": "figures", "job_type": "draw", "id": tracking.run_id("draw", identity)})
    store.write_json(paths.tracked(study), {"study": study, "group": group, "mode": tracking.mode(), "runs": sent})
    print(f"{len(sent)} runs")


if __name__ == "__main__":
    main()
