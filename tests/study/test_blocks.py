"""Blocks: which runs a training job trains, and what a new seed changes."""

import pytest
import yaml

from pipeline.audit import code_versions
from pipeline.members import UnknownNameError
from pipeline.results import paths, run_summaries, store
from pipeline.study.load import parse_study
from pipeline.study.plan import BLOCK, Plan


@pytest.fixture
def planned(root):
    """Makes the plan of the smoke study with these seeds in its first sweep."""
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
    content["analyses"] = content["figures"] = {}

    def plan(*seeds):
        content["sweeps"]["depth"]["seeds"] = list(seeds)
        return Plan(parse_study(yaml.safe_dump(content), source="x"), "small")

    return plan


def of(plan, cell="depth-one_sg-hidden4"):
    """The seeds of each of a cell's blocks."""
    return {name: [run.seed for run in runs] for name, runs in plan.blocks.items() if name.startswith(f"{cell}-b")}


def test_a_block_has_a_fixed_range_of_seeds_in_whatever_order_they_are_listed(planned):
    cell = "depth-one_sg-hidden4"
    assert of(planned(7, 0, 3, 12)) == {f"{cell}-b0": [0, 3], f"{cell}-b1": [7], f"{cell}-b2": [12]}
    assert of(planned(4, 5)) == {f"{cell}-b0": [4], f"{cell}-b1": [5]}


def test_every_run_is_in_one_block_with_runs_that_differ_in_their_seed_only(root):
    for study in ("smoke", "study", "paper"):
        plan = Plan.load(study, root)
        assert sorted(run.name for runs in plan.blocks.values() for run in runs) == sorted(plan.runs)
        for name, runs in plan.blocks.items():
            assert len(runs) <= BLOCK
            assert {plan.block(run.name) for run in runs} == {name}
            same = [run.model_dump(exclude={"name", "seed"}) for run in runs]
            assert all(each == same[0] for each in same)


def test_a_full_block_stays_when_seeds_are_added(planned):
    before, after = planned(0, 1, 2, 3, 4), planned(0, 1, 2, 3, 4, 5, 6)
    (name,) = of(before)
    one, other = (plan.job("train", block=name) for plan in (before, after))
    assert (one.settings, one.inputs, one.outputs, one.code) == (
        other.settings,
        other.inputs,
        other.outputs,
        other.code,
    )
    assert set(of(after)) == {name, name[:-1] + "1"}
    partly = planned(0, 1, 2).job("train", block=name)
    assert partly.settings != one.settings
    assert partly.settings["seeds"] == [0, 1, 2]


def test_an_unknown_run_has_no_block(planned):
    with pytest.raises(
        UnknownNameError, match=r"no run 'depth-one_gs-hidden4-s0' \(did you mean 'depth-one_sg-hidden4-s0'"
    ):
        planned(0).block("depth-one_gs-hidden4-s0")


def test_results_of_the_old_layout_are_named_and_left_alone(planned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = planned(0, 1)
    assert code_versions.old_layout(plan) == []
    for run in ("depth-one_sg-hidden4-s0", "depth-one_sg-hidden4-s1"):
        store.write_json(paths.summary("small", run), {"run": run, "provenance": {"commit": "a" * 40, "dirty": False}})
    (said,) = code_versions.old_layout(plan)
    assert said.startswith(
        "Found 2 trainings of study 'small' in a folder for each run, such as results/small/train/depth-"
    )
    assert "(aaaaaaaaaaaa)" in said
    assert "for each block of runs" in said
    assert code_versions.older(plan) == [said]
    assert run_summaries.read(paths.summary("small", plan.block("depth-one_sg-hidden4-s0"))) == {}


def test_the_summary_of_a_run_is_not_taken_for_that_of_a_block(tmp_path):
    store.write_json(tmp_path / "summary.json", {"run": "x", "status": "finished"})
    with pytest.raises(store.DamagedFileError, match="expected the summary of a block of runs"):
        run_summaries.read(tmp_path / "summary.json")


def test_a_run_has_its_block_s_provenance_with_its_own_settings(tmp_path):
    origin = {"settings": "block", "code": "c", "seeds": [0, 1]}
    content = run_summaries.content("b0", {"r0": {"settings": "own", "status": "finished"}}, origin)
    store.write_json(tmp_path / "summary.json", content)
    found = run_summaries.read(tmp_path / "summary.json")["r0"]
    assert found["provenance"] == {"settings": "own", "code": "c"}
    assert found["status"] == "finished"
