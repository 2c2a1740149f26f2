"""Write a study's report: one page that needs no network."""

from collections.abc import Sequence

from pipeline.results import store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Gather what the study has, render the page and write it."""
    plan, job = arguments.of_stage("report", __doc__, argv)
    from pipeline.pages import report

    content = report.gather(plan.name)
    target = job.named_outputs["report"]
    store.write_bytes(target, report.render(content).encode())
    there = sum(run.status != "missing" for run in content.runs)
    print(f"{target}: {there} of {len(content.runs)} runs, {len(content.figures)} figures")
