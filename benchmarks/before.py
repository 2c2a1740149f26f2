"""One process for each run, and each run by its own trainer: how the study was trained before there were stacks.

`python -m benchmarks.before train RUN` and `python -m benchmarks.before tune CELL`, of the default study, in a folder
with the project's code and data; results are written there.
"""

import sys
from pathlib import Path

from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.tracking import client

STUDY = "study"


def train(name: str) -> None:
    """Train one run and write its history, models and summary."""
    from pipeline.runs import build
    from pipeline.runs.checkpoints import Checkpoints
    from pipeline.runs.session import Session

    plan = Plan.load(STUDY)
    run = plan.runs[name]
    _as_before()
    folder = Path("before") / name
    with client.start(
        name=name, group="before", job_type="train", tags=[], config={"run": name}, identity=name
    ) as tracker:
        data = build.load_data(run.data)
        session = Session([run], data, build.device(), lambda _, step, numbers: tracker.log(step, numbers))
        with Checkpoints(folder / "resume.safetensors", {}) as checkpoints:
            session.train(lambda: checkpoints.after_step(session.state))
        (record,) = session.records
        tracker.summary({**record.final(), "status": record.status, "step": record.step})
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
