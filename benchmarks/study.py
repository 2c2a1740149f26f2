"""Whole jobs of the default study: CPU time before and now, and what a second core adds."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import measure
from pipeline.results import paths
from pipeline.study import budget
from pipeline.study.plan import Plan
from pipeline.study.resources import AT_ONCE

STUDY = "study"
ROOT = Path(__file__).parent.parent
CODE = ("benchmarks", "pipeline", "configs", "workflow", "requirements.lock", "data")
EVERY = 24  # of the study's cells, every so many are timed
Command = list[str]


@contextmanager
def tree() -> Iterator[Path]:
    """A folder with the project's code and data, where jobs can leave results."""
    for dataset in Plan.load(STUDY).datasets():
        command = [
            sys.executable,
            "-m",
            "pipeline",
            "prepare",
            "--dataset",
            dataset,
            "--root",
            str(paths.data(dataset)),
        ]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory() as place:
        for name in CODE:
            (Path(place) / name).symlink_to(ROOT / name)
        yield Path(place)


def over_before() -> measure.Ratio:
    """CPU time of trainings and tunings with a process for each run, over that of the same jobs now."""
    plan, found = Plan.load(STUDY), []
    with tree() as place:
        for cell in sample(plan):
            found.append(_cpu(before(plan, cell), place) / _cpu(now(plan, cell), place))
    return measure.of(found)


def sample(plan: Plan) -> list[tuple[str, str]]:
    """Rules and cells: every so many of those that are trained at a given rate, and of those that are tuned."""
    trained = list(dict.fromkeys(cell_of(name) for name, run in plan.runs.items() if not run.tuned))
    return [("train", cell) for cell in trained[::EVERY]] + [("tune", cell) for cell in list(plan.cells)[::EVERY]]


def cell_of(run: str) -> str:
    """The name of a run without its seed."""
    return run.rpartition("-s")[0]


def before(plan: Plan, cell: tuple[str, str]) -> list[Command]:
    """The commands of a cell's first block as they were: a process for each run."""
    rule, name = cell
    wanted = [name] if rule == "tune" else [run.name for run in plan.blocks[_first(plan, cell)]]
    return [[sys.executable, "-m", "benchmarks.before", rule, each] for each in wanted]


def now(plan: Plan, cell: tuple[str, str]) -> list[Command]:
    """The command of a cell's trials, or of its first block."""
    rule, name = cell
    return [_stage("tune", "--cell", name) if rule == "tune" else train(_first(plan, cell))]


def train(block: str) -> Command:
    """The command that trains a block."""
    return _stage("train", "--at-once", str(AT_ONCE), "--block", block)


def _stage(rule: str, *more: str) -> Command:
    return [sys.executable, "-m", "pipeline", rule, "--study", STUDY, *more]


def _first(plan: Plan, cell: tuple[str, str]) -> str:
    """The first block of a cell: the others would take as long again and tell the same."""
    return next(block for block, runs in plan.blocks.items() if cell_of(runs[0].name) == cell[1])


def two_cores(*, rounds: int = 3) -> measure.Ratio:
    """Time of two trainings one after the other, over that of the same two side by side.

    They are blocks of one cell with as many runs, so that neither core waits for the other.
    """
    plan, found = Plan.load(STUDY), []
    commands = [train(block) for block in equal_blocks(plan)]
    with tree() as place:
        for _ in range(rounds):
            found.append((_wall(commands[:1], place) + _wall(commands[1:], place)) / _wall(commands, place))
    return measure.of(found)


def equal_blocks(plan: Plan) -> list[str]:
    """Two blocks with the same number of runs, of the cheapest cell that is trained at a given rate."""
    given = [block for block, runs in plan.blocks.items() if not any(run.tuned for run in runs)]
    alike: dict[tuple[str, int], list[str]] = {}
    for block in given:
        alike.setdefault((cell_of(plan.blocks[block][0].name), len(plan.blocks[block])), []).append(block)
    return min((blocks for blocks in alike.values() if len(blocks) > 1), key=lambda blocks: _cost(plan, blocks[0]))[:2]


def _cost(plan: Plan, block: str) -> float:
    return sum(run.training.steps * budget.update_seconds(run) for run in plan.blocks[block])


def _cpu(commands: Sequence[Command], place: Path) -> float:
    """CPU seconds of commands, run one after the other, with all that they start."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        _wait([_start(command, place)], place)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def _wall(commands: Sequence[Command], place: Path) -> float:
    """Seconds until all commands, started at once, have ended."""
    start = time.monotonic()
    _wait([_start(command, place) for command in commands], place)
    return time.monotonic() - start


def _start(command: Command, place: Path) -> subprocess.Popen[bytes]:
    with (place / "log.txt").open("wb") as log:
        return subprocess.Popen(command, cwd=place, env=os.environ | {"PYTHONPATH": "."}, stdout=log, stderr=log)


def _wait(processes: Sequence[subprocess.Popen[bytes]], place: Path) -> None:
    """Wait for jobs.

    Raises:
        RuntimeError: if one has failed, with the end of the log; its time would say nothing.
    """
    for process in processes:
        if process.wait():
            said = (place / "log.txt").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{process.args} ended with exit code {process.returncode}: {said[-2000:]}")
