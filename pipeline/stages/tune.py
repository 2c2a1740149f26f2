"""Choose a learning rate: try the rates of the study's grid on the validation part, without touching a test point."""

from collections.abc import Sequence

from pipeline.machine import allocator, gpu
from pipeline.results import provenance, store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Try every rate of the grid for one cell and write the trials and the chosen rate."""
    plan, job = arguments.of_stage("tune", __doc__, argv)
    gpu.reserve()
    allocator.keep_freed_memory()
    from pipeline.runs import build, tuning

    build.single_threaded()
    run, grid = plan.cells[job.name][0], plan.study.tuning
    assert grid is not None
    data = tuning.without_test(build.load_data(run.data))
    asked = [(rate, seed) for rate in grid.rates for seed in grid.seeds]
    outcomes = tuning.outcomes([tuning.trial(run, grid, rate=rate, seed=seed) for rate, seed in asked], data)
    trials = [{"rate": rate, "seed": seed, **found} for (rate, seed), found in zip(asked, outcomes, strict=True)]
    best = tuning.choose(trials, by=grid.chosen_by)
    found = {"cell": job.name, "rate": best, "trials": trials, store.PROVENANCE: provenance.of(job)}
    store.write_json(job.named_outputs["choice"], found)
    print(f"{job.name}: rate {best:g} of {', '.join(f'{rate:g}' for rate in grid.rates)}")
