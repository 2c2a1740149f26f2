"""Final models that travel: those behind primaries, the same bytes each time, and the trainings' own numbers."""

import copy
import json
import shutil

import numpy as np
import pytest
import small_ledger as small
import torch
import yaml
from small_ledger import part

from pipeline import __main__ as commands
from pipeline import members
from pipeline.results import final_models, paths, store
from pipeline.runs import extract, final_model
from pipeline.sharing import models
from pipeline.study.plan import Plan
from pipeline.verdicts import claims, criteria

STUDY = "small"
BOTH = ["depth-backprop-s0", "depth-one_sg-s0"]
TUNED = "tuned-one_sg-s0"
ALL = 100.0  # MB
CLAIMS = (
    part(metric="learning/test_accuracy.one_sg", minus="learning/test_accuracy.backprop"),
    part("C2.a", metric="tuned_learning/test_accuracy.one_sg"),
    part("C3.a", metric="learning/test_accuracy.backprop"),
    part("C4.a", metric="absent/test_accuracy.one_sg"),
)


@pytest.fixture
def place(small_results, tmp_path, monkeypatch):
    """A copy of the small study, with claims about its three trainings."""
    target = tmp_path / "study"
    shutil.copytree(small_results, target, symlinks=True, ignore=shutil.ignore_patterns("wandb", "home"))
    monkeypatch.chdir(target)
    config = target / "configs" / f"{STUDY}.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["analyses"]["tuned_learning"] = {"analysis": "learning", "sweep": "tuned", "where": {}, "settings": {}}
    config.write_text(yaml.safe_dump(settings))
    ledger = {
        "version": criteria.VERSION,
        "looked_at": {"seeds": [], "draws": []},
        "claims": [json.loads(small.claim(each).model_dump_json(exclude_defaults=True)) for each in CLAIMS],
    }
    (target / claims.PATH).write_text(yaml.safe_dump(ledger))
    return target


def packed():
    """The bytes of the packed files by name, without the endings of models."""
    folder = paths.packed_models(STUDY)
    return {path.name.removesuffix(".safetensors"): path.read_bytes() for path in sorted(folder.iterdir())}


def block(run):
    return Plan.load(STUDY).block(run)


def edit_summary(run, change):
    path = paths.summary(STUDY, block(run))
    content = store.read_json(path)
    change(content)
    store.write_json(path, content)


@pytest.mark.parametrize("run", [*BOTH, TUNED])
def test_a_packed_model_is_the_trained_one_to_the_bit(place, run):
    models.pack(STUDY, limit=ALL)
    model = final_model.load(STUDY, run)
    summary = store.read_json(paths.summary(STUDY, block(run)))
    final = summary["runs"][run]["final"]
    assert model.test() == {name: final[name] for name in ("test_loss", "test_accuracy")}
    test = model.data().test
    assert np.mean(model.predict(test.inputs) == test.labels) == pytest.approx(final["test_accuracy"], abs=1e-6)
    checkpoints = store.read_arrays(paths.checkpoints(STUDY, block(run)))
    last = f"{run}/step{model.run.training.steps:08d}/"
    trained = {name.removeprefix(last): array for name, array in checkpoints.items() if name.startswith(last)}
    held = {f"network/{name}": value for name, value in model.network.state_dict().items()}
    for layer, gate in model.gates.items():
        held |= {f"gate/{layer}/{name}": value for name, value in gate.estimator.state_dict().items()}
    assert set(held) == set(trained)
    assert all(np.array_equal(held[name].numpy(), trained[name]) for name in trained)
    assert bool(model.gates) == ("one_sg" in run)
    assert model.origin == summary["provenance"]
    assert model.about["settings"] == summary["runs"][run]["settings"]
    assert model.about["rate"] == summary["runs"][run]["rate"]


def test_files_are_in_single_precision_and_have_no_state_of_an_optimiser(place):
    models.pack(STUDY, limit=ALL)
    for run in [*BOTH, TUNED]:
        arrays = store.read_arrays(paths.packed_model(STUDY, run))
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
        assert {name.partition("/")[0] for name in arrays} <= {"network", "gate"}


def test_the_same_models_give_the_same_bytes(place):
    models.pack(STUDY, limit=ALL)
    first = packed()
    assert sorted(first) == [*BOTH, "index.json", TUNED]
    models.pack(STUDY, limit=ALL)
    assert packed() == first
    shutil.rmtree(paths.PACKED_MODELS)
    models.pack(STUDY, limit=ALL)
    assert packed() == first
    assert [path.name for path in paths.PACKED_MODELS.iterdir()] == [STUDY]
    assert json.loads(first["index.json"])["models"][BOTH[0]] == {
        "method": "backprop",
        "primaries": ["C1.a", "C3.a"],
        "seed": 0,
    }


def test_a_limit_leaves_out_whole_claims_and_models_out_of_it_are_removed(place):
    said = models.pack(STUDY, limit=ALL)
    assert said.startswith("published/models/small: 3 of 3 final models behind primaries, ")
    sizes = {name: len(content) for name, content in packed().items()}
    two = sum(sizes[name] for name in BOTH)
    for limit, expected in (
        ((two + sizes[TUNED]) / 1e6, [*BOTH, TUNED]),
        ((two + sizes[TUNED] - 1) / 1e6, BOTH),
        (two / 1e6, BOTH),
        ((two - 1) / 1e6, []),
        (0, []),
    ):
        models.pack(STUDY, limit=limit)
        found = packed()
        assert list(json.loads(found.pop("index.json"))["models"]) == expected
        assert sorted(found) == sorted(expected)


def test_a_run_that_diverged_has_no_final_model(place):
    edit_summary(BOTH[0], lambda content: content["runs"][BOTH[0]].update(status="diverged"))
    models.pack(STUDY, limit=ALL)
    assert sorted(packed()) == [BOTH[1], "index.json", TUNED]


def test_without_checkpoints_packed_models_of_the_same_training_stay(place):
    models.pack(STUDY, limit=ALL)
    before = packed()
    shutil.rmtree(paths.results(STUDY) / "checkpoints")
    models.pack(STUDY, limit=ALL)
    assert packed() == before


def test_a_missing_model_is_named_with_what_to_do_and_nothing_changes(place):
    models.pack(STUDY, limit=ALL)
    paths.packed_model(STUDY, TUNED).unlink()
    paths.checkpoints(STUDY, block(TUNED)).unlink()
    before = packed()
    with pytest.raises(models.ModelsError) as error:
        models.pack(STUDY, limit=ALL)
    said = str(error.value)
    assert said.startswith("results/small/checkpoints/tuned-one_sg-b0.safetensors: found no checkpoints")
    for remedy in ("dvc pull large", "snakemake results/small/checkpoints/tuned-one_sg-b0", "--models-mb 0"):
        assert remedy in said
    assert packed() == before
    models.pack(STUDY, limit=0)
    assert sorted(packed()) == ["index.json"]


def test_models_of_another_training_than_the_results_are_refused(place):
    models.pack(STUDY, limit=ALL)
    edit_summary(TUNED, lambda content: content["provenance"].update(commit="1" * 40))
    with pytest.raises(models.ModelsError, match="found models of another training than the summary"):
        models.pack(STUDY, limit=ALL)
    paths.checkpoints(STUDY, block(TUNED)).unlink()
    with pytest.raises(models.ModelsError, match="no packed model of the same training"):
        models.pack(STUDY, limit=ALL)
    paths.summary(STUDY, block(TUNED)).unlink()
    with pytest.raises(models.ModelsError, match=r"summary\.json: found nothing of tuned-one_sg-s0, expected how it"):
        models.pack(STUDY, limit=ALL)


def test_a_checkpoint_without_the_last_step_is_refused(place):
    path = paths.checkpoints(STUDY, block(TUNED))
    arrays = {name: array for name, array in store.read_arrays(path).items() if "step00000010" not in name}
    store.write_arrays(path, arrays, store.provenance_of(path))
    with pytest.raises(store.DamagedFileError, match="expected a model of tuned-one_sg-s0 at step 10, found none"):
        models.pack(STUDY, limit=ALL)


def test_a_model_that_is_missing_damaged_or_of_other_code_is_refused(place):
    with pytest.raises(store.MissingFileError, match="found no models; get them with `dvc pull results`"):
        final_model.load(STUDY, BOTH[0])
    models.pack(STUDY, limit=ALL)
    with pytest.raises(members.UnknownNameError, match="did you mean 'depth-backprop-s0'"):
        final_model.load(STUDY, "depth-backprop-s1")
    path = paths.packed_model(STUDY, BOTH[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(store.DamagedFileError, match="checksum differs"):
        final_model.read(path)
    path.write_bytes(whole)
    said, origin = final_models.about(path)
    arrays = store.read_arrays(path)
    other = copy.deepcopy(said)
    other["run"]["training"]["network"]["hidden"] += 1
    final_models.write(path, arrays, about=other, origin=origin)
    with pytest.raises(final_model.OtherCodeError, match=f"check out the commit of its training, {origin['commit']}"):
        final_model.read(path)
    other["run"] = {**said["run"], "unknown": 1}
    final_models.write(path, arrays, about=other, origin=origin)
    with pytest.raises(final_model.OtherCodeError, match="unknown"):
        final_model.read(path)
    store.write_arrays(path, arrays, origin)
    with pytest.raises(store.DamagedFileError, match="expected a final model that says what it is"):
        final_model.read(path)


def test_the_estimator_of_a_loaded_gate_gives_its_estimates(place):
    models.pack(STUDY, limit=ALL)
    model = final_model.load(STUDY, BOTH[1])
    x = torch.from_numpy(model.data().test.inputs[:7])
    (layer, gate), *_ = model.gates.items()
    h = model.network.activations(x)[layer - 1]
    y = torch.eye(model.network.shape.outputs)[torch.zeros(7, dtype=torch.long)]
    arrays = store.read_arrays(paths.checkpoints(STUDY, block(BOTH[1])))
    weights = [arrays[f"{BOTH[1]}/step00000040/gate/{layer}/{name}"] for name in "ABc"]
    expected = h.detach().numpy() @ weights[0] + y.numpy() @ weights[1] + weights[2]
    np.testing.assert_allclose(gate.estimator(h=h, y=y).detach().numpy(), expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(model.predict(x.numpy()), extract.predict(model.network, x.numpy()))


def test_the_methods_of_a_claim_come_together_and_the_first_seeds_of_all_claims_first():
    plan, ledger = Plan.load("study"), claims.load_claims()
    found = list(models.in_order(ledger, plan))
    assert all(len({run.seed for run in runs}) == 1 for runs in found)
    firsts = [runs[0].seed for runs in found]
    assert firsts == sorted(firsts)
    trained = [claim for claim in ledger.claims if models.runs_behind(claim.deciding, plan)]
    assert {"C11", "C18", "F1", "F4"} <= {claim.id for claim in trained}
    for claim, runs in zip(trained, found, strict=False):
        behind = models.runs_behind(claim.deciding, plan)
        assert {run.method for run in runs} == {run.method for run in behind}, claim.id


def test_a_size_that_is_no_size_is_refused(place, capsys):
    for text in ("-1", "nan", "inf", "many"):
        with pytest.raises(SystemExit) as end:
            commands.main(["pack", "--study", STUDY, "--dataset", "mnist", f"--models-mb={text}"])
        assert end.value.code == 2
        assert f"found '{text}', expected a number of megabytes of at least 0" in capsys.readouterr().err
