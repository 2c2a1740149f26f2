"""Stage: hand the study's headline numbers and figures to Weights & Biases, as one run beside the trainings'.

Each figure goes with the table of the numbers that it shows, cut to its first rows where it is long.

`python -m pipeline track --study smoke`
"""

import argparse
from collections.abc import Sequence

import pandas as pd

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study.load import load_study
from pipeline.study.plan import Plan
from pipeline.tracking import client

MOST_ROWS = 1000


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    plan = Plan(load_study(study))
    metrics = store.read_json(paths.metrics(study))["metrics"]
    jobs = {f"{name}/{job}": paths.table(study, name, job) for name in plan.study.analyses for job in plan.jobs(name)}
    pictures = {name: paths.drawing(study, name, "png") for name in plan.study.figures}
    files = {name: store.sha256(path) for name, path in {**jobs, **pictures}.items()}
    settings = {"study": plan.study.model_dump(mode="json"), "inputs": files}
    group, identity = f"{study}-{plan.settings_hash()}", digest(["results", files])
    with client.start(
        name="results", group=group, job_type="results", tags=[study], config=settings, identity=identity
    ) as tracker:
        for name, found in metrics.items():
            parts = {f"{name}/{metric}.{part}": v for metric, whole in found.items() for part, v in whole.items()}
            tracker.summary({part: value for part, value in parts.items() if isinstance(value, int | float)})
        for name, path in pictures.items():
            tracker.figure(name, path)
            shown = pd.read_csv(paths.drawing(study, name, "csv"))
            # W&B takes seconds for ten thousand rows; the whole tables stand in the results.
            tracker.table(name, shown.head(MOST_ROWS))
    run = {"name": "results", "job_type": "results", "id": client.run_id("results", identity)}
    store.write_json(paths.tracked(study), {"study": study, "group": group, "mode": client.mode(), "runs": [run]})
    print(f"{len(plan.study.analyses)} analyses, {len(pictures)} figures")


if __name__ == "__main__":
    main()
