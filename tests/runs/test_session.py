"""The stages that need no workflow: a training session, its resumption, and the activations taken from it."""

import numpy as np
import pytest
import torch
import yaml
from sessions import CLASSES, clouds, stopped
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.datasets.shared import splits
from pipeline.results import activations, store
from pipeline.runs import build
from pipeline.runs.extract import choose, extract_run
from pipeline.runs.session import Session
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan
from pipeline.study.schema import Run, Samples


@pytest.fixture(scope="module")
def data():
    return clouds(240, 60, 150)


@pytest.fixture
def run(root):
    """Makes a short run with some settings changed."""
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())

    def make(method="one_sg", **changes):
        content["analyses"] = content["figures"] = {}
        content["training"]["optimiser"]["drops"] = content["training"]["gates"]["optimiser"]["drops"] = []
        content["training"] |= {"steps": 30, "batch": 20, "log_every": 10, "log_points": 50, "log_early": None}
        content["methods"][method]["set"] = {key.replace("__", "."): value for key, value in changes.items()}
        return Plan(parse_study(yaml.safe_dump(content), source="x"), "small").runs[f"depth-{method}-hidden4-s0"]

    return make


def session(run: Run, data) -> Session:
    return Session([run], data, torch.device("cpu"), lambda name, rows: None)


def finished(run, data):
    """The record of a whole run."""
    one = session(run, data)
    one.train(lambda: None)
    return one.records[0]


def same(one, other):
    """Both records have the same bits."""
    assert one.history().equals(other.history())
    assert one.models.keys() == other.models.keys()
    assert all(np.array_equal(one.models[name], array) for name, array in other.models.items())
    assert (one.status, one.step, one.message) == (other.status, other.step, other.message)


@pytest.mark.parametrize("method", ["backprop", "one_sg", "every_sg"])
def test_a_run_records_what_it_promises(run, data, method):
    one = finished(run(method), data)
    assert one.status == "finished"
    table = one.history()
    assert sorted(set(table["step"])) == [0, 10, 17, 20, 30]
    gated = {"backprop": set(), "one_sg": {2}, "every_sg": {1, 2, 3, 4}}[method]
    for name in ("cosine", "sg_loss", "norm_ratio"):
        assert set(table[table["quantity"] == name]["layer"]) == gated
    for name in ("weight_norm", "distance_from_start"):
        assert set(table[table["quantity"] == name]["layer"]) == {1, 2, 3, 4, 5}
    last = table[table["step"] == 30].set_index(["quantity", "layer"])["value"]
    assert last["test_accuracy", 0] > 0.5
    assert one.final()["test_accuracy"] == last["test_accuracy", 0]
    start = table[table["step"] == 0].set_index(["quantity", "layer"])["value"]
    assert start["distance_from_start", 1] == 0
    assert activations.model_steps(one.models) == [0, 10, 17, 30]


def test_the_last_entry_is_the_networks(run, data):
    whole = session(run(), data)
    whole.train(lambda: None)
    (one,) = whole.records
    x, y, labels = (part[whole.shown] for part in (whole.x, whole.y, whole.labels))
    with torch.no_grad():
        p = whole.trainers[0].network(x, mode="evaluate")
    table = one.history()
    value = table[(table["step"] == 30) & (table["quantity"] == "train_loss")]["value"].item()
    assert value == pytest.approx(torch.nn.functional.cross_entropy(p, y).item(), rel=1e-5)
    value = table[(table["step"] == 30) & (table["quantity"] == "train_accuracy")]["value"].item()
    assert value == pytest.approx((p.argmax(1) == labels).double().mean().item())


def test_methods_start_from_the_same_weights(run, data):
    a, b = session(run("backprop"), data), session(run("every_sg"), data)
    networks = [each.trainers[0].network for each in (a, b)]
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("stop", [1, 10, 13, 29])
@pytest.mark.parametrize("changes", [{}, {"gates__update": "sequential"}, {"optimiser__name": "sgd"}])
def test_a_resumed_run_ends_with_the_same_bits(run, data, stop, changes):
    wanted = run("every_sg", **changes)
    whole, first, second = finished(wanted, data), session(wanted, data), session(wanted, data)
    second.restore(stopped(first, stop))
    assert second.stack.step == stop
    second.train(lambda: None)
    same(second.records[0], whole)


def test_divergence_is_a_verdict(run, data):
    one = finished(run("backprop", network__batch_norm=False, optimiser__name="sgd", optimiser__rate=1e30), data)
    assert one.status == "diverged"
    assert one.message.startswith(f"diverged at step {one.step}: the batch loss was ")
    assert activations.model_steps(one.models)[0] == 0
    assert max(activations.model_steps(one.models)) < 30


def test_a_run_whose_last_update_diverges_has_not_finished(run, data):
    wanted = run("backprop", network__batch_norm=False, optimiser__name="sgd", optimiser__rate=1e38)
    short = wanted.training.model_copy(update={"steps": 1, "log_every": 1, "checkpoints": 2})
    one = finished(wanted.model_copy(update={"training": short}), data)
    assert (one.status, one.message) == ("diverged", "diverged at step 1: train_loss is not finite")
    assert "test_loss" not in one.final()
    assert activations.model_steps(one.models) == [0, 1]


def test_points_are_balanced_ordered_and_apart(data):
    samples = Samples(rdm=30, cca=60, probe=90)
    points = choose(data, samples, 0)
    assert {name: len(p.labels) for name, p in points.items()} == {"rdm": 30, "cca": 60, "probe": 90}
    for p in points.values():
        assert list(p.labels) == sorted(p.labels)
        assert set(np.bincount(p.labels)) == {len(p.labels) // CLASSES}
    held_out = {row.tobytes() for row in data.test.inputs}
    rdm, cca = ({row.tobytes() for row in points[name].inputs} for name in ("rdm", "cca"))
    assert not rdm & cca
    assert rdm | cca <= held_out
    again = choose(data, samples, 0)
    assert all(np.array_equal(again[name].inputs, p.inputs) for name, p in points.items())


@pytest.mark.parametrize("all_steps", [True, False])
def test_activations_are_those_of_the_stored_networks(run, data, tmp_path, all_steps):
    wanted = run()
    whole = session(wanted, data)
    whole.train(lambda: None)
    (one,) = whole.records
    models = {f"{name}/{key}": array for name in (wanted.name, "another") for key, array in one.models.items()}
    store.write_arrays(tmp_path / "models.safetensors", models, {})
    net = build.network(wanted, data, generator=torch.Generator())
    points = {name: splits.Points(data.test.inputs[:40], data.test.labels[:40]) for name in ("cca", "probe")}
    found = extract_run(net, tmp_path / "models.safetensors", wanted.name, points, all_steps=all_steps)
    steps = activations.model_steps(one.models) if all_steps else [30]
    assert activations.sample_steps(found, "cca") == steps
    assert activations.sample_steps(found, "probe") == [30]
    assert len(found) == 2 + 4 * len(steps) + 4 + 1
    assert np.array_equal(found["cca/labels"], data.test.labels[:40])
    with torch.no_grad():
        h = torch.from_numpy(data.test.inputs[:40])
        for number, layer in enumerate(whole.trainers[0].network.layers, start=1):
            h = layer(h, "evaluate")
            np.testing.assert_array_equal(found[f"cca/step00000030/layer{number:02d}"], h.numpy())
        predicted = whole.trainers[0].network.output(h).argmax(dim=1).numpy()
    np.testing.assert_array_equal(found["probe/predicted"], predicted)
    assert len(set(predicted)) > 1


def test_provenance_says_where_a_result_comes_from(tmp_path):
    from pipeline.results import provenance
    from pipeline.study.jobs import Job

    (tmp_path / "in").write_bytes(b"x")
    job = Job("smoke", "train", "r", (tmp_path / "in",), {}, {"a": 1}, "c", seeds=(3, 4))
    found = provenance.of(job)
    assert found["inputs"] == {str(tmp_path / "in"): store.sha256(tmp_path / "in")}
    assert [found[key] for key in ("stage", "job", "study", "code", "seeds")] == ["train", "r", "smoke", "c", [3, 4]]
    assert found["settings"] == job.settings_hash
    assert found["versions"]["torch"].startswith("2.13.0")
    assert found["lock"] == store.sha256("requirements.lock")


CHECKPOINT = 17  # a step at which a model is kept, beside the entries


class ReadsBack(TorchDispatchMode):
    """Counts how often a number leaves torch, for which a GPU would have to finish everything before it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session, self.counted = session, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in {"_local_scalar_dense", "item", "nonzero", "equal", "is_nonzero"}:
            self.counted.append((self.session.stack.step, name))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", ["backprop", "one_sg", "every_sg"])
def test_nothing_is_read_back_between_two_entries_of_the_history(run, data, method, monkeypatch):
    """What this can't see: a copy to the CPU that nobody reads as a number."""
    one = session(run(method), data)
    converted, as_numpy = [], torch.Tensor.numpy
    monkeypatch.setattr(
        torch.Tensor, "numpy", lambda x, **how: (converted.append(one.stack.step), as_numpy(x, **how))[1]
    )
    with ReadsBack(one) as reads:
        one.train(lambda: None)
    assert {step for step, _ in reads.counted} == set(converted) == {0, 10, CHECKPOINT, 20, 30}


def test_a_loss_that_is_read_at_each_update_is_found(run, data, monkeypatch):
    one = session(run("one_sg"), data)
    update = one.stack.update

    def reading(*args, **how):
        values = update(*args, **how)
        assert values.sum().item() > 0
        return values

    monkeypatch.setattr(one.stack, "update", reading)
    with ReadsBack(one) as reads:
        one.train(lambda: None)
    assert {step for step, _ in reads.counted} >= set(range(1, 30))
