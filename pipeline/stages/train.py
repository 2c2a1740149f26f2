"""Train one run: write its history, its models at the checkpoints, and how it ended."""

from collections.abc import Sequence

from pipeline.machine import gpu
from pipeline.results import paths, provenance, store
from pipeline.study import arguments
from pipeline.tracking import client, identity


def main(argv: Sequence[str] | None = None) -> None:
    """Train one run, from its newest checkpoint if there is one."""
    plan, job = arguments.of_stage("train", __doc__, argv)
    gpu.reserve()
    from pipeline.runs import build, tuning
    from pipeline.runs.checkpoints import Checkpoints
    from pipeline.runs.session import Session

    build.single_threaded()
    run, chosen = plan.runs[job.name], plan.choices(job.name)
    if chosen:
        run = tuning.at_rate(run, store.read_json(chosen[0])["rate"])
    rate = run.training.optimiser.rate
    origin = {**provenance.of(job), **({"rate": rate} if chosen else {})}
    with client.start(
        name=run.name,
        group=f"{plan.name}-{plan.settings_hash()}",
        job_type="train",
        tags=[plan.name, run.method, f"seed{run.seed}"],
        config={**job.settings, "rate": rate, "provenance": origin},
        identity=identity.of_training(origin),
    ) as tracker:
        session = Session(run, build.load_data(run.data), build.device(), tracker.log)
        with Checkpoints(paths.resume(plan.name, run.name), origin) as checkpoints:
            session.restore(checkpoints.newest())
            session.train(lambda: checkpoints.after_step(session.state))
        final = session.final()
        tracker.summary({**final, "status": session.status, "step": session.trainer.step})
    outcome = {
        "run": run.name,
        "status": session.status,
        "step": session.trainer.step,
        "message": session.message,
        "rate": rate,
        "final": final,
        store.PROVENANCE: origin,
    }
    store.write_table(job.named_outputs["history"], session.history(), origin)
    store.write_arrays(job.named_outputs["checkpoints"], session.models, origin)
    store.write_json(job.named_outputs["summary"], outcome)
    checkpoints.done()
    print(f"{run.name}: {session.message or session.status}, {final}")
