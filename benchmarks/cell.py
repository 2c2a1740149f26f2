"""How long the trainings of one cell of a study take on this machine, from its first updates.

`python -m benchmarks.cell --study paper --cell one_rate-backprop-hidden20` trains runs of that cell on its own data for
a few of its updates, on a GPU if torch finds one, and says what all of them would take. Nothing is kept.
"""

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from benchmarks.study import cell_of
from pipeline.datasets.shared.splits import Splits
from pipeline.runs import build
from pipeline.runs.session import Session
from pipeline.study import arguments
from pipeline.study.plan import Plan
from pipeline.study.schema import Run

HOUR = 3600


class Timing(NamedTuple):
    """What updates of a stack took.

    Attributes:
        runs: of the stack.
        update: milliseconds of one update of all runs.
        entry: milliseconds of one entry of the history of all runs.
        hours: of all updates and entries of the cell's settings; early entries and checkpoints are not counted.
        megabytes: the most memory that was in use on a GPU; none on a CPU.
    """

    runs: int
    update: float
    entry: float
    hours: float
    megabytes: float | None


def shortened(run: Run, every: int) -> Run:
    """The run with two periods of `every` updates, all alike: no early entries, and no drop of its rate."""
    training = run.training
    gates = training.gates.model_copy(update={"optimiser": training.gates.optimiser.model_copy(update={"drops": ()})})
    changed = {"steps": 2 * every, "log_every": every, "log_early": None, "checkpoints": 0, "gates": gates}
    changed["optimiser"] = training.optimiser.model_copy(update={"drops": ()})
    return run.model_copy(update={"training": training.model_copy(update=changed)})


def timed(run: Run, data: Splits, on: torch.device, *, runs: int, every: int) -> Timing:
    """Time runs that differ from `run` in their seeds only, over the second of two periods of the history.

    Args:
        run: of a cell.
        data: what it learns.
        on: the device.
        runs: how many share a stack.
        every: updates of a period.
    """
    if on.type == "cuda":
        torch.cuda.reset_peak_memory_stats(on)
    short = shortened(run, every)
    own = [short.model_copy(update={"seed": seed, "name": f"{cell_of(run.name)}-s{seed}"}) for seed in range(runs)]
    session, begun = Session(own, data, on, lambda name, rows: None), []

    def after_step() -> None:
        """Note the time of each entry of the history, when all updates before it have been made."""
        if session.stack.step % every == 0:
            begun.append(now(on))

    with contextlib.redirect_stdout(io.StringIO()):
        session.train(after_step)
    period = begun[1] - begun[0]
    again = Session(own, data, on, lambda name, rows: None)
    batch = again.x[: run.training.batch].expand(runs, -1, -1), again.y[: run.training.batch].expand(runs, -1, -1)
    for _ in range(10):
        again.stack.update(*batch)
    start = now(on)
    for _ in range(every):
        again.stack.update(*batch)
    update = (now(on) - start) / every
    entry = max(0.0, period - every * update)
    whole = run.training.steps * (update + entry / run.training.log_every)
    memory = torch.cuda.max_memory_allocated(on) / 1e6 if on.type == "cuda" else None
    return Timing(runs, 1e3 * update, 1e3 * entry, whole / HOUR, memory)


def now(on: torch.device) -> float:
    """The time at which the device has done all its work."""
    if on.type == "cuda":
        torch.cuda.synchronize(on)
    return time.perf_counter()


def main(argv: Sequence[str] | None = None) -> None:
    """Time the cells that are named."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.cell", description=__doc__.splitlines()[0])
    words.add_argument("--study", default="study", help="a file of configs/ (default: study)")
    words.add_argument(
        "--cell", action="append", help="such as one_rate-backprop-hidden20; may be given more than once"
    )
    words.add_argument(
        "--at-once", type=arguments.positive, nargs="+", default=[5], help="how many runs share a stack (default: 5)"
    )
    words.add_argument(
        "--every", type=arguments.positive, help="updates that are timed, if not those between two entries"
    )
    asked = words.parse_args(argv)
    plan = Plan.load(asked.study)
    cells: dict[str, Run] = {}
    for run in plan.runs.values():
        cells.setdefault(cell_of(run.name), run)
    if unknown := [name for name in asked.cell or [] if name not in cells]:
        words.error(f"study {asked.study} has no cell {unknown[0]}; it has {', '.join(cells)}")
    build.single_threaded()
    on = build.device()
    print(f"on {torch.cuda.get_device_name(on) if on.type == 'cuda' else 'a CPU, one thread'}")
    print(
        "| Cell | Runs | ms per update | ms per entry of the history | Hours | GPU memory, MB |\n"
        "|---|---|---|---|---|---|"
    )
    for name in asked.cell or list(cells)[:1]:
        run = cells[name]
        data = build.load_data(run.data)
        for runs in asked.at_once:
            found = timed(run, data, on, runs=runs, every=asked.every or run.training.log_every)
            memory = "" if found.megabytes is None else f"{found.megabytes:.0f}"
            numbers = f"{found.update:.2f} | {found.entry:.0f} | {found.hours:.2f} | {memory}"
            print(f"| {name} | {runs} | {numbers} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
