"""One process for each run, and each run by its own trainer: how the study was trained before there were stacks.

`python -m benchmarks.before train RUN` and `python -m benchmarks.before tune CELL`, of the default study, in a folder
with the project's code and data; results are written there.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.results import paths, provenance, store
from pipeline.study.plan import Plan
from pipeline.tracking import client, metric_names, trainings

STUDY = "study"


def train(name: str) -> None:
    """Train one run and write its history, models and summary."""
    from pipeline.runs import build
    from pipeline.runs.checkpoints import Checkpoints
    from pipeline.runs.session import Row, Session

    plan = Plan.load(STUDY)
    run = plan.runs[name]
    _as_before()
    folder = Path("before") / name
    origin = provenance.of(plan.job("train", block=plan.block(name)))
    rates = run.training.optimiser.rate, run.training.gates.optimiser.rate
    with client.start_all([trainings.opening(plan, run, rates=rates, origin=origin)], study=STUDY) as tracked:

        def watch(name: str, rows: Sequence[Row]) -> None:
            for step, numbers in metric_names.by_step(rows):
                tracked[name].log(step, numbers)

        data = build.load_data(run.data)
        session = Session([run], data, build.device(), watch)
        with Checkpoints(folder / "resume.safetensors", {}) as checkpoints:
            session.train(lambda: checkpoints.after_step(session.state))
        (record,) = session.records
        ended = {"status": record.status, "step": record.step, "message": record.message, "final": record.final()}
        ended |= {"rate": rates[0], "gate_rate": rates[1]}
        tracked[name].summary(trainings.values(ended))
    store.write_table(folder / "history.parquet", record.history(), {})
    store.write_arrays(folder / "models.safetensors", record.models, {})
    store.write_json(folder / "summary.json", {"final": record.final(), "status": record.status})


def tune(cell: str) -> None:
    """Search for the rates of a cell, with one trial after the other."""
    from pipeline.runs import build, tuning

    plan = Plan.load(STUDY)
    run, grid = plan.cells[cell][0], plan.study.tuning
    assert grid is not None
    _as_before()
    data = tuning.without_test(build.load_data(run.data))
    store.write_json(Path("before") / paths.choice(STUDY, cell).name, tuning.search(run, grid, data))


def _as_before() -> None:
    """One thread, and no stacks."""
    from pipeline.learning.stack import Separate
    from pipeline.runs import build

    build.single_threaded()
    build.stack = lambda run, trainers: Separate(trainers)


if __name__ == "__main__":
    {"train": train, "tune": tune}[sys.argv[1]](sys.argv[2])
