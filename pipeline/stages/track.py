"""Record the study's headline numbers and figures in Weights & Biases, as one run beside the trainings'.

Each figure goes with the table of the numbers that it shows, cut to its first rows where it is long.
"""

from collections.abc import Sequence

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study import arguments
from pipeline.tracking import client

MOST_ROWS = 1000


def main(argv: Sequence[str] | None = None) -> None:
    """Record a run of the study's results, and write down which run it is."""
    plan, job = arguments.of_stage("track", __doc__, argv)
    import pandas as pd

    study = plan.name
    metrics = store.read_json(paths.metrics(study))["metrics"]
    tables = {
        f"{name}/{part}": paths.table(study, name, part) for name in plan.study.analyses for part in plan.groups(name)
    }
    pictures = {name: paths.drawing(study, name, "png") for name in plan.study.figures}
    files = {name: store.sha256(path) for name, path in {**tables, **pictures}.items()}
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
    store.write_json(
        job.named_outputs["tracked"], {"study": study, "group": group, "mode": client.mode(), "runs": [run]}
    )
    print(f"{len(plan.study.analyses)} analyses, {len(pictures)} figures")
