"""Choose learning rates: try those of the study's grid on the validation part, without touching a test point."""

from collections.abc import Sequence

from pipeline.machine import allocator, gpu
from pipeline.results import provenance, store
from pipeline.study import arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Search for the rates of one cell and write the trials and the chosen rates."""
    plan, job = arguments.of_stage("tune", __doc__, argv)
    gpu.reserve()
    allocator.keep_freed_memory()
    from pipeline.runs import build, tuning

    build.single_threaded()
    run, wanted = plan.cells[job.name][0], plan.study.tuning
    assert wanted is not None
    found = tuning.search(run, wanted, tuning.without_test(build.load_data(run.data)))
    store.write_json(job.named_outputs["choice"], {"cell": job.name, **found, store.PROVENANCE: provenance.of(job)})
    edge = ", at the edge of what was tried" if found["at_edge"] else ""
    print(f"{job.name}: rate {found['rate']:g}, of the modules {found['gate_rate']:g}{edge}")
