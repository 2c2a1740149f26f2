"""The jobs of a study: each stage is stated once, and everything that a job reads comes from somewhere."""

import json
import re
from pathlib import Path

import pytest

from pipeline import members
from pipeline.members import UnknownNameError
from pipeline.results import paths
from pipeline.stages import analyse
from pipeline.study import jobs
from pipeline.study.jobs import PLUMBING, STAGES
from pipeline.study.plan import Plan


@pytest.fixture(scope="module")
def plan(request):
    return Plan.load("smoke", request.config.rootpath)


def test_each_stage_is_an_entry_a_file_and_a_rule(root):
    files = {path.stem for path in (root / "pipeline" / "stages").glob("*.py")} - {"__init__"}
    text = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"^rule (\w+):", text, re.MULTILINE)) == files == set(STAGES)


def test_every_input_is_the_output_of_a_job_before_or_a_file_of_the_repository(plan, root):
    made = {path for name in plan.datasets() for path in plan.job("prepare", dataset=name).outputs}
    for job in plan.jobs():
        for path in job.inputs:
            assert path in made or (root / path).is_file(), f"{job.rule} {job.name} reads {path}"
        made.update(job.outputs)


def test_no_two_jobs_write_one_file(plan):
    outputs = [path for job in plan.jobs() for path in job.outputs]
    assert len(outputs) == len(set(outputs)) > 0


def test_outputs_with_placeholders_are_the_patterns_of_the_jobs_outputs(plan):
    for rule, stage in STAGES.items():
        placeholders = [f"{{{name}}}" for name in stage.wildcards]
        patterns = stage.outputs(paths.PLACEHOLDER, *placeholders)
        for asked in list(stage.every(plan))[:3]:
            wildcards = dict(zip(stage.wildcards, asked, strict=True))
            job = plan.job(rule, **wildcards)
            found = {name: Path(str(path).format(study=plan.name, **wildcards)) for name, path in patterns.items()}
            assert found == dict(job.named_outputs)


def test_settings_are_json_and_their_hash_tells_them_apart(plan):
    one, two = (plan.job("train", block=block) for block in list(plan.blocks)[:2])
    assert json.loads(json.dumps(one.settings)) == one.settings
    assert one.settings_hash != two.settings_hash
    assert plan.job("summarise").settings_hash == plan.settings_hash()


def test_another_draw_makes_one_analysis_out_of_date_and_gives_it_other_random_numbers(plan, request):
    def drawn(name, draw):
        entries = dict(plan.study.analyses)
        entries[name] = entries[name].model_copy(update={"draw": draw})
        other = Plan.load("smoke", request.config.rootpath)
        object.__setattr__(other, "study", plan.study.model_copy(update={"analyses": entries}))
        (part,) = other.groups(name)
        generator = analyse._settings(other, name, members.load("analyses", name), part)["generator"]
        return other.job("analyse", analysis=name, job=part).settings, generator.random()

    (plain, first), (same, again), (more, second) = (drawn("capacity", draw) for draw in (0, 0, 4))
    assert (plain, first) == (same, again)
    assert "draw" not in plain, "as before there was such a key"
    assert more == {**plain, "draw": 4}
    assert first != second


def test_a_stage_that_trains_asks_for_a_gpu_and_no_other(root):
    assert {rule for rule, stage in STAGES.items() if stage.gpus} == {"tune", "train"}
    for rule in STAGES:
        path = root / "pipeline" / "stages" / f"{rule}.py"
        assert ("gpu.reserve()" in path.read_text()) == bool(STAGES[rule].gpus), rule


def test_a_rule_that_requests_memory_and_time_has_them_stated(plan, root):
    text = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    asking = set(re.findall(r"requests\(\"(\w+)\"\)", text))
    assert asking == {job.rule for job in plan.jobs() if job.resources} != set()


def test_a_job_is_built_once(plan):
    block = next(iter(plan.blocks))
    assert plan.job("train", block=block) is plan.job("train", block=block)


def test_what_is_too_large_to_travel_stays_where_it_was_made(plan):
    job = plan.job("train", block=next(iter(plan.blocks)))
    assert [name for name, path in job.named_outputs.items() if job.is_local(path)] == ["checkpoints"]


@pytest.mark.parametrize(
    ("rule", "wildcards", "said"),
    [
        ("train", {"block": "depth-one_sg-hidden4-b7"}, r"no block '.*' \(did you mean 'depth-one_sg-hidden4-b\d'\?\)"),
        ("tune", {"cell": "tuned-one_gs-hidden4"}, r"no cell '.*' \(did you mean 'tuned-one_sg-hidden4'\?\)"),
        ("analyse", {"analysis": "normes", "job": "runs"}, r"no analysis 'normes' \(did you mean 'norms'\?\)"),
        ("analyse", {"analysis": "norms", "job": "run"}, r"no job of that analysis 'run' \(did you mean 'runs'\?\)"),
        ("draw", {"figure": "normz"}, r"no figure 'normz' \(did you mean 'norms'\?\)"),
    ],
)
def test_an_unknown_job_is_refused_with_the_nearest_name(plan, rule, wildcards, said):
    with pytest.raises(UnknownNameError, match=said):
        plan.job(rule, **wildcards)


def test_plumbing_names_what_is_there(root):
    for name in PLUMBING:
        place = root.joinpath(*name.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), name


def test_the_raw_files_are_those_that_data_sets_declare(plan):
    for dataset in ("mnist", "fashion_mnist", "digits"):
        assert set(
            plan.job("prepare", dataset=dataset).outputs if dataset in plan.datasets() else jobs.data_files(dataset)
        ) == {paths.data(dataset) / name for name in jobs.RAW.values()}
