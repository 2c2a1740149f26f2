"""Stage: one run. Trains a network and writes its history, its models along the way and how it ended.

`python -m pipeline train --study smoke --run depth-one_sg-hidden2-s0`
"""

import argparse
from collections.abc import Sequence

from pipeline.machine import gpu
from pipeline.results import paths, provenance, store
from pipeline.results.fingerprint import digest
from pipeline.runs import build, tuning
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.session import Session
from pipeline.study.load import load_study
from pipeline.study.plan import Plan
from pipeline.tracking import client


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--run", required=True)
    wanted = parser.parse_args(argv)
    gpu.gpu()
    build.single_threaded()
    plan = Plan(load_study(wanted.study))
    run, chosen = plan.runs[wanted.run], []
    if run.tuned:
        chosen = [paths.choice(wanted.study, plan.cell(run.name))]
        run = tuning.at_rate(run, store.read_json(chosen[0])["rate"])
    settings, code = digest(plan.train_settings(run.name)), plan.train_code(run.name)
    inputs = [*paths.raw(run.data.dataset), *chosen]
    origin = provenance.collect(
        "train", run.name, study=wanted.study, settings=settings, code=code, inputs=inputs, seed=run.seed
    )
    with client.start(
        name=run.name,
        group=f"{wanted.study}-{plan.settings_hash()}",
        job_type="train",
        tags=[wanted.study, run.method, f"seed{run.seed}"],
        config={**plan.train_settings(run.name), "rate": run.training.optimiser.rate, "provenance": origin},
        identity=digest(["train", settings, origin["inputs"]]),
    ) as tracker:
        session = Session(run, build.load_data(run.data), build.device(), tracker.log)
        with Checkpoints(paths.resume(wanted.study, run.name), origin) as keeper:
            session.take_up(keeper.newest())
            session.go(lambda: keeper.after_step(session.state))
        final = session.final()
        tracker.summary({**final, "status": session.status, "step": session.trainer.step})
    store.write_table(paths.history(wanted.study, run.name), session.history(), origin)
    store.write_arrays(paths.checkpoints(wanted.study, run.name), session.models, origin)
    outcome = {
        "run": run.name, "status": session.status, "step": session.trainer.step, "message": session.message,
        "rate": run.training.optimiser.rate, "final": final, "provenance": origin,
    }  # fmt: skip
    store.write_json(paths.summary(wanted.study, run.name), outcome)
    keeper.done()
    print(f"{run.name}: {session.message or session.status}, {final}")


if __name__ == "__main__":
    main()
