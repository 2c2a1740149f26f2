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
from benchmarks import cell, engine, others
from pipeline import members
from pipeline.learning.optimisers import OptimiserSettings
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


def put(own, on):
    """The stack of some trainers, on a device."""
    for trainer in own:
        for module in (trainer.network, *trainer.gates.values()):
            module.to(on)
    return Stack(own)


def trained(own, runs, on, **how):
    """The losses of all updates, on a device."""
    stack, shape = put(own, on), {"inputs": 784, "outputs": 10, "n": N, "steps": UPDATES, **how}
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


@pytest.mark.parametrize("estimator", members.members("estimators"))
def test_replayed_updates_have_the_bits_of_updates_that_python_starts(estimator):
    """Also where the rate drops and where a run is frozen, each time with a graph of its own."""
    how = {"optimiser": OptimiserSettings("adam", 0.003, drops=(8,)), **WHOLE}
    replayed, started = (put(trainers(RUNS, estimator, **how), DEVICE) for _ in range(2))
    assert (replayed.captured is None) == (DEVICE.type == "cpu")
    started.captured = None
    for step, (x, y) in enumerate(batches(RUNS, inputs=784, outputs=10, n=N, steps=UPDATES)):
        frozen = (1,) if step >= 14 else ()
        one, other = (each.update(x.to(DEVICE), y.to(DEVICE), frozen=frozen) for each in (replayed, started))
        assert torch.equal(one, other), step
    assert all(same_models(*pair) for pair in zip(replayed.trainers, started.trainers, strict=True))
    if replayed.captured:
        assert not replayed.captured.refused


class Waiting(torch.nn.Module):
    """Nothing is passed down, and a number is read back."""

    WAITS_FOR = ("h",)

    @classmethod
    def build(cls, units, classes, *, above, generator):
        return cls()

    def forward(self, h):
        h.sum().item()
        return torch.zeros_like(h)


@pytest.mark.skipif(DEVICE.type == "cpu", reason="nothing is captured on a CPU")
def test_an_update_that_waits_for_the_gpu_is_not_captured(capsys):
    own = trainers(RUNS[:1], Waiting, **WHOLE)
    stack = put(own, DEVICE)
    stack.gates._groups[0].per_run = "it reads a number back"
    for x, y in batches(RUNS[:1], inputs=784, outputs=10, n=N, steps=6):
        assert torch.isfinite(stack.update(x.to(DEVICE), y.to(DEVICE))).all()
    assert "test_on_gpu.py" in stack.captured.refused
    assert capsys.readouterr().out.count("not captured as a CUDA graph") == 1


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


def test_a_cell_of_a_study_is_timed(capsys):
    cell.main(["--study", "smoke", "--every", "5", "--at-once", "2"])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| depth-")]
    assert (row.split("|")[-2].strip() != "") == (DEVICE.type == "cuda")


def test_the_smoke_study_runs_as_a_whole_on_the_device(tmp_path):
    """Every claim gets a verdict, the audit is clean, and a second run finds nothing to do."""
    place = copy_of_the_tree(tmp_path / "clone")
    snakemake(place)
    machine = store.read_json(place / "results" / "smoke" / "metrics.json")["provenance"]["hardware"]
    assert bool(machine["gpu"]) == (DEVICE.type == "cuda")
    assert "clean" in call(place, "python", "-m", "pipeline", "audit", "--study", "smoke")
    assert "Nothing to be done" in snakemake(place)
