"""Stage: the activations of one trained network, layer by layer, at the study's fixed points.

`python -m pipeline represent --study smoke --run depth-one_sg-hidden2-s0`
"""

import argparse
from collections.abc import Sequence

from pipeline import random_streams
from pipeline.learning.trainer import load_model
from pipeline.machine import gpu
from pipeline.results import paths, provenance, store
from pipeline.results.fingerprint import digest
from pipeline.runs import build
from pipeline.runs.extract import checkpointed, choose, extract
from pipeline.study.load import load_study
from pipeline.study.plan import ALL_STEPS, Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--run", required=True)
    wanted = parser.parse_args(argv)
    gpu.gpu()
    build.single_threaded()
    plan = Plan(load_study(wanted.study))
    run = plan.runs[wanted.run]
    data = build.load_data(run.data)
    points = choose(data, plan.study.samples, run.data.split_seed)
    network = build.network(run, data, generator=random_streams.torch_stream("unused"))
    source = paths.checkpoints(wanted.study, wanted.run)
    steps = checkpointed(store.array_names(source))
    found = {f"{sample}/labels": labels for sample, (_, labels) in points.items()}
    for step in steps if plan.steps(wanted.run) == ALL_STEPS else steps[-1:]:
        prefix = f"step{step:08d}/"
        names = [name for name in store.array_names(source) if name.startswith(prefix + "network/")]
        state = {name.removeprefix(prefix): array for name, array in store.read_arrays(source, names).items()}
        load_model(network, state)
        here = {name: x for name, (x, _) in points.items() if name != "probe" or step == steps[-1]}
        found |= extract(network, here, step)
    settings = digest(plan.represent_settings(wanted.run))
    origin = provenance.collect(
        "represent",
        wanted.run,
        study=wanted.study,
        settings=settings,
        code=plan.represent_code(wanted.run),
        inputs=[source],
    )
    store.write_arrays(paths.activations(wanted.study, wanted.run), found, origin)
    print(f"{wanted.run}: {len(found)} arrays, steps {steps}")


if __name__ == "__main__":
    main()
