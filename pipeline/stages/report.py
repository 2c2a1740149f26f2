"""Write a study's report: one page that needs no network."""

from collections.abc import Sequence

from pipeline.results import store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Gather what the study has, render the page and write it."""
    plan, job = arguments.of_stage("report", __doc__, argv)
    from pipeline.pages import evidence, render, report

    content = report.gather(plan)
    target = job.named_outputs["report"]
    store.write_bytes(target, render.report(content).encode())
    there = sum(run.status != evidence.MISSING for run in content.runs)
    print(f"{target}: {there} of {len(content.runs)} runs, {len(content.figures)} figures")
