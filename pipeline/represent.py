"""Stage: the activations of one trained network, layer by layer, at the study's fixed points.

`python -m pipeline.represent --study smoke --run depth-one_sg-hidden2-s0`
"""

import argparse
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy import ndarray

from pipeline import activations, assemble, config, lease, paths, provenance, seeds, splits, store
from pipeline.networks import Network
from pipeline.plan import ALL_STEPS, Plan
from pipeline.training import load_model


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--run", required=True)
    wanted = parser.parse_args(argv)
    lease.gpu()
    assemble.single_threaded()
    plan = Plan(config.load(wanted.study))
    run = plan.runs[wanted.run]
    data = assemble.load_data(run.data)
    points = choose(data, plan.study.samples, run.data.split_seed)
    network = assemble.network(run, data, generator=seeds.torch_stream("unused"))
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
    settings = config.digest(plan.represent_settings(wanted.run))
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


def choose(data: splits.Splits, samples: config.Samples, seed: int) -> dict[str, splits.Points]:
    """The fixed points by sample: `rdm` and `cca` from the test set, without overlap, `probe` from the training set.

    They depend on the data and the split's seed alone, so all networks of a study see the same ones.
    """
    held_out = data.test.labels
    rdm = splits.sample(held_out, samples.rdm, seeds.numpy_stream("sample rdm", seed))
    rest = np.setdiff1d(np.arange(len(held_out)), rdm)
    cca = rest[splits.sample(held_out[rest], samples.cca, seeds.numpy_stream("sample cca", seed))]
    probe = splits.sample(data.train.labels, samples.probe, seeds.numpy_stream("sample probe", seed))
    return {
        "rdm": splits.Points(data.test.inputs[rdm], held_out[rdm]),
        "cca": splits.Points(data.test.inputs[cca], held_out[cca]),
        "probe": splits.Points(data.train.inputs[probe], data.train.labels[probe]),
    }


@torch.no_grad()
def extract(network: Network, points: Mapping[str, ndarray], step: int) -> dict[str, ndarray]:
    """Every hidden layer's activations at `points`, by their key, in evaluation mode."""
    found = {}
    for sample, x in points.items():
        for layer, h in enumerate(network.activations(torch.from_numpy(x)), start=1):
            found[activations.key(sample, layer, step)] = h.numpy()
    return found


def checkpointed(names: Sequence[str]) -> list[int]:
    """The steps of which a file has the model, ascending."""
    return sorted({int(name.split("/")[0].removeprefix("step")) for name in names})


if __name__ == "__main__":
    main()
