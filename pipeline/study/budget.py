"""What a study is predicted to cost: CPU seconds of each comparison's trainings and trials, before any of them runs.

`pipeline.study.resources` rounds up, so that no job runs out of time. The model here is fitted to measurements: stacks
of five runs of 64 units and batches of 100 at 3, 5, 10, 20 and 50 layers, on a two-core machine without a GPU. The
hours on a GPU are fitted to stacks of five runs of 256 units and batches of 256 on one NVIDIA H100, measured by
`benchmarks.cell`. The model is within a quarter of each measurement.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from pipeline.study import resources
from pipeline.study.plan import Plan
from pipeline.study.schema import Run

UPDATE_SECONDS = 2.5e-4  # of one run in a stack of five
LAYER_SECONDS = 7.3e-5  # per update and layer, 64 units
GATED_SECONDS = 2e-4  # per update of a run that has gates
GATE_SECONDS = 7.5e-5  # per update and gate
MEASURED_OPERATIONS = 6 * 100 * 64 * 64  # of a layer's products at the size that was measured

GPU_UPDATE_SECONDS = 1.5e-4  # of a stack of five
GPU_LAYER_SECONDS = 7.2e-5  # per update and layer, 256 units
GPU_GATED_SECONDS = 1e-4  # per update of a stack that has gates
GPU_GATE_SECONDS = 3.1e-5  # per update and gate
GPU_ENTRY_SECONDS = 0.083  # per entry of the history
GPU_ENTRY_LAYER_SECONDS = 0.0153  # and layer
GPU_ENTRY_GATED_SECONDS = 0.01  # and layer of a network that has gates


@dataclass(frozen=True)
class Row:
    """The cost of one comparison: a sweep of the study.

    Attributes:
        sweep: its name.
        methods: their labels, in the order of the study.
        hidden: the depths.
        seeds: how many.
        steps: updates of each run.
        tuned: whether rates are chosen first.
        trainings: predicted CPU seconds of all trainings.
        trials: the same of all trials.
        gpu: predicted seconds of both on one GPU, a stack of five runs at a time.
    """

    sweep: str
    methods: tuple[str, ...]
    hidden: tuple[int, ...]
    seeds: int
    steps: int
    tuned: bool
    trainings: float
    trials: float
    gpu: float


def rows(plan: Plan) -> list[Row]:
    """A row for each sweep of a study."""
    return [_row(plan, name, runs) for name, runs in _by_sweep(plan)]


def update_seconds(run: Run) -> float:
    """CPU seconds of an update of one run, in a stack of five."""
    training, gates = run.training, resources.gates(run)
    size = resources.OPERATIONS_PER_WEIGHT * training.batch * training.network.width**2 / MEASURED_OPERATIONS
    layers = training.network.hidden * LAYER_SECONDS * max(1.0, size)
    return UPDATE_SECONDS + layers + (GATED_SECONDS if gates else 0.0) + gates * GATE_SECONDS * max(1.0, size)


def _by_sweep(plan: Plan) -> Iterator[tuple[str, list[Run]]]:
    for name in plan.study.sweeps:
        runs = [run for run in plan.runs.values() if run.sweep == name]
        if runs:
            yield name, runs


def _row(plan: Plan, name: str, runs: Sequence[Run]) -> Row:
    tuning = plan.study.tuning
    cells = {plan.cell(run.name): run for run in runs if run.tuned}
    trial_updates = 0 if tuning is None else resources.tuning_updates(tuning)
    labels = dict.fromkeys(plan.study.methods[run.method].label for run in runs)
    trainings = sum(run.training.steps * update_seconds(run) for run in runs)
    trials = sum(trial_updates * update_seconds(run) for run in cells.values())
    on_gpu = sum(_gpu_seconds(run) for run in runs)
    on_gpu += sum(_gpu_seconds(run, trial_updates) for run in cells.values())
    return Row(
        sweep=name,
        methods=tuple(labels),
        hidden=tuple(sorted({run.training.network.hidden for run in runs})),
        seeds=len({run.seed for run in runs}),
        steps=runs[0].training.steps,
        tuned=bool(cells),
        trainings=trainings,
        trials=trials,
        gpu=on_gpu,
    )


def gpu_update_seconds(run: Run) -> float:
    """Seconds of an update of five runs that share a stack on a GPU."""
    gates = resources.gates(run)
    layers = run.training.network.hidden * GPU_LAYER_SECONDS
    return GPU_UPDATE_SECONDS + layers + (GPU_GATED_SECONDS if gates else 0.0) + gates * GPU_GATE_SECONDS


def gpu_entry_seconds(run: Run) -> float:
    """Seconds of an entry of the histories of five runs on a GPU."""
    layer = GPU_ENTRY_LAYER_SECONDS + (GPU_ENTRY_GATED_SECONDS if resources.gates(run) else 0.0)
    return GPU_ENTRY_SECONDS + run.training.network.hidden * layer


def _gpu_seconds(run: Run, trial_updates: int = 0) -> float:
    """Seconds of a run on a GPU, one of five that share a stack, or of the trials of its cell."""
    if trial_updates:
        return trial_updates * gpu_update_seconds(run) / resources.AT_ONCE
    training = run.training
    entries = training.steps / training.log_every
    return (training.steps * gpu_update_seconds(run) + entries * gpu_entry_seconds(run)) / resources.AT_ONCE


def table(found: Sequence[Row], *, form: str = "github") -> str:
    """The rows and their sum as a table, in a form of tabulate's."""
    head = (
        "comparison",
        "methods",
        "layers",
        "seeds",
        "updates",
        "CPU s, trainings",
        "CPU s, trials",
        "hours on one GPU",
    )
    rows = [
        (
            each.sweep,
            ", ".join(each.methods),
            ", ".join(map(str, each.hidden)),
            each.seeds,
            f"{each.steps:,}",
            f"{each.trainings:,.0f}",
            f"{each.trials:,.0f}" if each.tuned else "",
            f"{each.gpu / 3600:.2g}",
        )
        for each in found
    ]
    sums = (sum(each.trainings for each in found), sum(each.trials for each in found), sum(each.gpu for each in found))
    last = ("all", "", "", "", "", f"{sums[0]:,.0f}", f"{sums[1]:,.0f}", f"{sums[2] / 3600:.2g}")
    return tabulate([*rows, last], head, tablefmt=form, disable_numparse=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table of a study.

    Raises:
        ConfigError: if the study's config is faulty.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="study", help="a file of configs/, without its ending")
    print(table(rows(Plan.load(parser.parse_args(argv).study)), form="plain"))
