"""Write a study's report and its appendix: pages that need no network."""

from collections.abc import Sequence

from pipeline.results import store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Gather what the study has, render both pages and write them."""
    plan, job = arguments.of_stage("report", __doc__, argv)
    from pipeline.pages import evidence, render, report

    content = report.gather(plan)
    target = job.named_outputs["report"]
    store.write_bytes(job.named_outputs["appendix"], render.appendix(content).encode())
    store.write_bytes(target, render.report(content).encode())
    there = sum(run.status != evidence.MISSING for run in content.runs)
    print(f"{target}: {there} of {len(content.runs)} runs, {len(content.figures)} figures")
