"""Send the artifacts of a study and their lineage, and read them back."""

from collections.abc import Mapping, Sequence

from pipeline.study.plan import Plan
from pipeline.tracking import artifacts, client_sending, lineage
from pipeline.tracking.account import PublishError
from pipeline.tracking.lineage import Step
from pipeline.tracking.runs_there import Place


def send(place: Place, plan: Plan, runs: Sequence[str]) -> str:
    """Send each artifact that isn't there, and connect it; returns a sentence.

    Args:
        place: the project.
        plan: the study's jobs.
        runs: the ids of the trainings that are there; they use the data's artifact.

    Raises:
        PublishError: if not all of it is there in the end.
        ServerError: if the server refuses, or can't be read.
    """
    lineage.write_data(plan)
    steps = lineage.steps(plan)
    wanted, names = artifacts.digests(steps), ", ".join(step.artifact for step in steps)
    _send_absent(place, plan, steps, wanted)
    data = lineage.artifact_name(plan.name, "data")

    def unconnected() -> list[str]:
        gone = [each for step in steps for each in artifacts.unconnected(place, plan, step, wanted)]
        unlinked = artifacts.unlinked(place, runs, wanted[data])
        return gone + ([f"{data} as the input of {len(unlinked)} trainings"] if unlinked else [])

    if not unconnected():
        return f"{names} are there"
    for step in steps:
        artifacts.connect(place, plan, step, wanted)
    artifacts.use(place, data, artifacts.unlinked(place, runs, wanted[data]))
    if gone := client_sending.wait_for(unconnected, place.server.limits):
        raise PublishError(f"the server doesn't show {client_sending.named(gone)}")
    return f"{names} sent and read back"


def _send_absent(place: Place, plan: Plan, steps: Sequence[Step], wanted: Mapping[str, str]) -> None:
    """Send the artifacts that aren't there, with the runs that log them."""
    absent = [step for step in steps if artifacts.absent(place, plan, step, wanted)]
    if absent:
        client_sending.send(
            place,
            [artifacts.opening(plan, step) for step in absent],
            plan.name,
            lambda trackers: artifacts.record(trackers, plan, absent),
            lambda: [each for step in absent for each in artifacts.absent(place, plan, step, wanted)],
            ", ".join(step.artifact for step in absent),
            types={step.artifact: step.type for step in absent},
        )
