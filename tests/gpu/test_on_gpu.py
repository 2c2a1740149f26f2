"""On a GPU: updates agree with those on the CPU, equal runs have equal bits, and the smoke study runs as a whole.

Only `make test-gpu` runs these. PIPELINE_TEST_DEVICE=cpu runs them without a GPU, to see that they are themselves right.
"""

import os

import numpy as np
import pytest
import torch
from stacks import batches, same_models, trainers
from studies import call, copy_of_the_tree, snakemake

from benchmarks import __main__ as bench
from benchmarks import engine, others
from pipeline import members
from pipeline.learning.stack import Stack
from pipeline.results import store
from pipeline.runs import build

DEVICE = torch.device(os.environ.get("PIPELINE_TEST_DEVICE", "cuda"))
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE.type == "cuda" and not torch.cuda.is_available(), reason="torch finds no GPU"),
]
RUNS, WHOLE = (0, 1, 2), {"inputs": 784, "outputs": 10, "width": 64, "hidden": 4}
UPDATES, N = 20, 100


@pytest.fixture(autouse=True)
def _deterministic():
    build.single_threaded()
    yield
    torch.use_deterministic_algorithms(False)


def trained(own, runs, on, **how):
    """The losses of all updates, on a device."""
    for trainer in own:
        for module in (trainer.network, *trainer.gates.values()):
            module.to(on)
    stack, shape = Stack(own), {"inputs": 784, "outputs": 10, "n": N, "steps": UPDATES, **how}
    return torch.stack([stack.update(x.to(on), y.to(on)) for x, y in batches(runs, **shape)]).cpu()


@pytest.mark.parametrize("estimator", members.members("estimators"))
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_losses_agree_with_those_on_the_cpu(estimator, precision, tolerance):
    how = {"estimator": estimator, "precision": precision, "loss": "mse", **WHOLE}
    here, there = (
        trained(trainers(RUNS, **how), RUNS, on, precision=precision) for on in (torch.device("cpu"), DEVICE)
    )
    np.testing.assert_allclose(there, here, rtol=tolerance)


@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_equal_stacks_have_equal_bits(estimator):
    one, other = (trainers(RUNS, estimator, loss="mse", **WHOLE) for _ in range(2))
    assert torch.equal(trained(one, RUNS, DEVICE), trained(other, RUNS, DEVICE))
    assert all(same_models(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("estimator", ["backprop", "linear_sg"])
def test_a_run_agrees_alone_and_in_a_stack(estimator):
    """To the bit on a CPU; on a GPU the library may choose another product for another number of runs."""
    together = trained(trainers(RUNS, estimator, **WHOLE), RUNS, DEVICE)
    for run in RUNS:
        alone = trained(trainers((run,), estimator, **WHOLE), (run,), DEVICE)
        np.testing.assert_allclose(alone[:, 0], together[:, run], rtol=0 if DEVICE.type == "cpu" else 1e-3)


@pytest.mark.parametrize("placement", ["none", "every"])
def test_what_the_benchmarks_time_is_on_the_device(placement):
    how = bench.How(before=False, on=DEVICE)
    shape = {**bench.SMALL, "hidden": 2}
    losses = how.update(placement, shape)()
    assert losses.device.type == DEVICE.type
    assert bench.over_floor(how, placement, shape).median > 0
    assert torch.isfinite(losses).all()
    x, y = (part[0] for part in engine.data(1, 2 * shape["batch"], on=DEVICE))
    assert others.public_style(x, y, **shape)() > 0


def test_the_smoke_study_runs_as_a_whole_on_the_device(tmp_path):
    """Every claim gets a verdict, the audit is clean, and a second run finds nothing to do."""
    place = copy_of_the_tree(tmp_path / "clone")
    snakemake(place)
    machine = store.read_json(place / "results" / "smoke" / "metrics.json")["provenance"]["hardware"]
    assert bool(machine["gpu"]) == (DEVICE.type == "cuda")
    assert "clean" in call(place, "python", "-m", "pipeline", "audit", "--study", "smoke")
    assert "Nothing to be done" in snakemake(place)
