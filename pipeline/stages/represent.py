"""Extract the activations of one trained network, layer by layer, at the study's fixed points."""

from collections.abc import Sequence

from pipeline import random_streams
from pipeline.machine import gpu
from pipeline.results import paths, provenance, store
from pipeline.study import arguments
from pipeline.study.plan import ALL_STEPS


def main(argv: Sequence[str] | None = None) -> None:
    """Extract a run's activations at its last checkpoint, or at all of them, and write them to one file."""
    plan, job = arguments.of_stage("represent", __doc__, argv)
    gpu.reserve()
    from pipeline.learning.trainer import load_model
    from pipeline.runs import build
    from pipeline.runs.extract import checkpointed, choose, extract

    build.single_threaded()
    run = plan.runs[job.name]
    data = build.load_data(run.data)
    points = choose(data, plan.study.samples, run.data.split_seed)
    network = build.network(run, data, generator=random_streams.torch_stream("unused"))
    source = paths.checkpoints(plan.name, run.name)
    steps = checkpointed(store.array_names(source))
    found = {f"{sample}/labels": labels for sample, (_, labels) in points.items()}
    for step in steps if plan.steps(run.name) == ALL_STEPS else steps[-1:]:
        prefix = f"step{step:08d}/"
        names = [name for name in store.array_names(source) if name.startswith(prefix + "network/")]
        state = {name.removeprefix(prefix): array for name, array in store.read_arrays(source, names).items()}
        load_model(network, state)
        here = {name: x for name, (x, _) in points.items() if name != "probe" or step == steps[-1]}
        found |= extract(network, here, step)
    store.write_arrays(job.named_outputs["activations"], found, provenance.of(job))
    print(f"{run.name}: {len(found)} arrays, steps {steps}")
