"""Extract the activations of trained networks, layer by layer, at the study's fixed points. It needs no GPU."""

from collections.abc import Sequence

from pipeline import random_streams
from pipeline.results import activations, paths, provenance, store
from pipeline.study import arguments
from pipeline.study.jobs import ALL_STEPS


def main(argv: Sequence[str] | None = None) -> None:
    """Extract the activations of a block at the last checkpoint, or at all of them, and write them to one file."""
    plan, job = arguments.of_stage("represent", __doc__, argv)
    from pipeline.runs import build
    from pipeline.runs.extract import choose, extract_run

    build.single_threaded()
    wanted, found = plan.represented[job.name], {}
    first = plan.blocks[job.name][0]
    data = build.load_data(first.data)
    points = choose(data, plan.study.samples, first.data.split_seed)
    network = build.network(first, data, generator=random_streams.torch_stream("unused"))
    source = paths.checkpoints(plan.name, job.name)
    for run, steps in wanted.items():
        arrays = extract_run(network, source, run, points, all_steps=steps == ALL_STEPS)
        found |= {activations.run_prefix(run) + name: array for name, array in arrays.items()}
        print(f"{run}: {len(arrays)} arrays")
    store.write_arrays(job.named_outputs["activations"], found, provenance.of(job))
