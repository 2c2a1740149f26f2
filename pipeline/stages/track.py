"""Record the study's headline numbers and figures in Weights & Biases, as one run beside the trainings'.

Each figure goes with the table of the numbers that it shows, cut to its first rows where it is long.
"""

from collections.abc import Sequence

from pipeline.results import store
from pipeline.study import arguments
from pipeline.tracking import client, results_run


def main(argv: Sequence[str] | None = None) -> None:
    """Record a run of the study's results, and write down which run it is."""
    plan, job = arguments.of_stage("track", __doc__, argv)
    opening = results_run.opening(plan)
    with client.start(opening, study=plan.name) as tracker:
        results_run.record(tracker, plan)
    run = {"name": opening.name, "job_type": opening.job_type, "id": opening.id}
    store.write_json(
        job.named_outputs["tracked"], {"study": plan.name, "group": opening.group, "mode": client.mode(), "runs": [run]}
    )
    print(f"{len(plan.study.analyses)} analyses, {len(plan.study.figures)} figures")
