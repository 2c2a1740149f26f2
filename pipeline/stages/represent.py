"""Extract the activations of one trained network, layer by layer, at the study's fixed points. It needs no GPU."""

from collections.abc import Sequence

from pipeline import random_streams
from pipeline.results import paths, provenance, store
from pipeline.study import arguments
from pipeline.study.plan import ALL_STEPS


def main(argv: Sequence[str] | None = None) -> None:
    """Extract a run's activations at its last checkpoint, or at all of them, and write them to one file."""
    plan, job = arguments.of_stage("represent", __doc__, argv)
    from pipeline.runs import build
    from pipeline.runs.extract import choose, extract_run

    build.single_threaded()
    run = plan.runs[job.name]
    data = build.load_data(run.data)
    points = choose(data, plan.study.samples, run.data.split_seed)
    network = build.network(run, data, generator=random_streams.torch_stream("unused"))
    source = paths.checkpoints(plan.name, plan.block(run.name))
    found = extract_run(network, source, run.name, points, all_steps=plan.steps(run.name) == ALL_STEPS)
    store.write_arrays(job.named_outputs["activations"], found, provenance.of(job))
    print(f"{run.name}: {len(found)} arrays")
