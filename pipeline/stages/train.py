"""Train a block of runs: write their histories, their models at the checkpoints, and how each ended."""

import argparse
from collections.abc import Sequence

from pipeline.machine import allocator, gpu
from pipeline.results import paths, provenance, run_summaries, store
from pipeline.study import arguments
from pipeline.study.jobs import run_settings
from pipeline.tracking import client, metric_names, trainings


def main(argv: Sequence[str] | None = None) -> None:
    """Train a block, from its newest checkpoint if there is one."""
    plan, job, given = arguments.with_options("train", __doc__, argv, _at_once)
    gpu.reserve()
    allocator.keep_freed_memory()
    from pipeline.runs import build, tuning
    from pipeline.runs.block import Block
    from pipeline.runs.checkpoints import Checkpoints
    from pipeline.runs.session import Row

    build.single_threaded()
    asked = plan.blocks[job.name]
    chosen = plan.choices(asked[0].name)
    choice = store.read_json(chosen[0]) if chosen else None
    runs = [tuning.at_rates(run, choice["rate"], choice["gate_rate"]) for run in asked] if choice else asked
    rate, gate_rate = runs[0].training.optimiser.rate, runs[0].training.gates.optimiser.rate
    # A run's id in W&B is made from it: one number where network and modules share their rate, as in earlier versions.
    rates = rate if rate == gate_rate else [rate, gate_rate]
    origin = {**provenance.of(job), **({"rate": rates} if chosen else {})}
    openings = [trainings.opening(plan, run, rates=(rate, gate_rate), origin=origin) for run in asked]
    with client.start_all(openings, study=plan.name) as tracked:

        def watch(name: str, rows: Sequence[Row]) -> None:
            for step, numbers in metric_names.by_step(rows):
                tracked[name].log(step, numbers)

        data = build.load_data(runs[0].data)
        block = Block(runs, data, build.device(), watch, at_once=given["at_once"])
        with Checkpoints(paths.resume(plan.name, job.name), origin) as checkpoints:
            block.restore(checkpoints.newest())
            block.train(lambda: checkpoints.after_step(block.state))
        ended = {}
        for run, record in zip(asked, block.records, strict=True):
            ended[run.name] = {
                "settings": run_settings(run),
                "status": record.status,
                "step": record.step,
                "message": record.message,
                "rate": rate,
                "gate_rate": gate_rate,
                "final": record.final(),
            }
            tracked[run.name].summary(trainings.values(ended[run.name]))
    store.write_table(job.named_outputs["history"], block.history(), origin)
    store.write_arrays(job.named_outputs["checkpoints"], block.models(), origin)
    store.write_json(job.named_outputs["summary"], run_summaries.content(job.name, ended, origin))
    checkpoints.done()
    for name, each in ended.items():
        print(f"{name}: {each['message'] or each['status']}, {each['final']}")


def _at_once(words: argparse.ArgumentParser) -> None:
    words.add_argument(
        "--at-once",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="how many of the block's runs share a stack (default: 1); it decides speed and memory, and no number",
    )
