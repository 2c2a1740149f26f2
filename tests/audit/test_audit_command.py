"""The verb `audit` on made-up results: clean ones, outdated ones, wrong arguments."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import __main__ as commands
from pipeline.audit import command
from pipeline.results import snakemake_records, store
from pipeline.study.plan import Plan

NAME, COMMIT, OLD = "smoke", "a" * 40, "0" * 16


def leave(job, code):
    """Write a job's outputs and Snakemake's records of them as if a version of the code had run it."""
    stated = {"stage": job.rule, "job": job.name, "study": NAME, "settings": job.settings_hash, "code": code}
    stated |= {"commit": COMMIT, "dirty": False} | ({"seeds": list(job.seeds)} if job.seeds else {})
    for path in job.outputs:
        if path.suffix == ".parquet":
            store.write_table(path, pd.DataFrame({"a": [1]}), stated)
        elif path.suffix == ".safetensors":
            store.write_arrays(path, {"a": np.zeros(1)}, stated)
        elif path.suffix == ".json":
            group = f"{NAME}-{job.settings}"  # what the record of tracked runs states
            store.write_json(path, {"provenance": stated, "group": group} if job.rule != "judge" else [])
        else:
            store.write_bytes(path, str(job.settings).encode())
        record = {
            "rule": job.rule,
            "params": [repr(job.settings), repr(code)],
            "code": snakemake_records.commands().get(job.rule),
        }
        place = snakemake_records.METADATA / base64.urlsafe_b64encode(str(path).encode()).decode()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(record))


@pytest.fixture(scope="module")
def made(pytestconfig, tmp_path_factory):
    """A folder in which the present code left all results."""
    place = tmp_path_factory.mktemp("made")
    for name in ("configs", "workflow"):
        shutil.copytree(pytestconfig.rootpath / name, place / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for job in Plan.load(NAME).jobs():
            leave(job, job.code)
    return place


@pytest.fixture
def plan(made, tmp_path, monkeypatch):
    """The plan of the study, in a copy of the folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Plan.load(NAME)


def audited(capsys, *words, code):
    with pytest.raises(SystemExit) as end:
        command.main(words)
    assert end.value.code == code
    return capsys.readouterr().out


def test_results_of_the_present_code_are_clean(plan, capsys):
    assert audited(capsys, code=0).startswith("smoke: clean; compared: ")


def test_results_of_older_code_are_told_in_one_sentence_and_one_finding_a_stage(plan, capsys):
    jobs = list(plan.jobs())
    for job in jobs:
        leave(job, OLD)
    first, second, *table = audited(capsys, code=1).splitlines()
    assert first.startswith(
        "The results of study 'smoke' were made by another version of the code (commit aaaaaaaaaaaa): "
    )
    assert f"`snakemake reproduce all --config study=smoke` will run its {len(jobs)} jobs again." in first
    rules = {job.rule for job in jobs}
    assert second.startswith(f"smoke: {len(rules)} findings; ")
    assert len([line for line in table if " code " in line]) == len(rules)
    said = json.loads(audited(capsys, "--json", code=1))[NAME]
    assert said["notice"] == first
    assert {each["kind"] for each in said["findings"]} == {"code"}
    counts = {each["file"].rpartition(" ")[2]: each["count"] for each in said["findings"] if each["count"] > 1}
    assert counts["train"] == 3 * len(plan.blocks)
    assert sum(each["count"] for each in said["findings"]) == sum(len(job.outputs) for job in jobs)


def test_other_settings_of_results_of_older_code_are_one_finding_a_stage_too(plan, capsys):
    for job in plan.jobs():
        leave(job, OLD)
    path = Path("configs/smoke.yaml")
    path.write_text(path.read_text().replace("rate: 0.003", "rate: 0.004"))
    found = json.loads(audited(capsys, "--json", code=1))[NAME]["findings"]
    (trained,) = [each for each in found if each["file"].endswith(" files of train") and each["kind"] == "settings"]
    assert 1 < trained["count"] <= 3 * len(plan.blocks)
    assert {each["kind"] for each in found} == {"code", "settings"}


def test_one_file_of_the_present_code_leaves_a_finding_for_each_outdated_file(plan, capsys):
    first, *others = plan.jobs()
    for job in others:
        leave(job, OLD)
    said = json.loads(audited(capsys, "--json", code=1))[NAME]
    assert said["notice"] is None
    single = ("judge", "report")  # one job with several files, so one finding
    stale = {str(path) for job in others if job.rule not in single for path in job.outputs}
    stale |= {f"{len(plan.job(rule).outputs)} files of {rule}" for rule in single}
    assert {each["file"] for each in said["findings"] if each["kind"] == "code"} == stale
    assert first.rule == "tune"


def test_another_command_of_a_rule_is_one_finding(plan, capsys):
    path = Path("workflow/rules/train.smk")
    path.write_text(path.read_text().replace("pipeline train", "pipeline train --faster"))
    (finding,) = json.loads(audited(capsys, "--json", code=1))[NAME]["findings"]
    assert (finding["kind"], finding["count"]) == ("command", 3 * len(plan.blocks))


def test_code_that_only_snakemakes_record_states_is_found_where_the_file_has_no_provenance(plan, capsys):
    (job,) = [job for job in plan.jobs() if job.rule == "judge"]
    leave(job, OLD)
    (finding,) = json.loads(audited(capsys, "--json", code=1))[NAME]["findings"]
    assert (finding["file"], finding["kind"], finding["found"]) == (f"{len(job.outputs)} files of judge", "code", OLD)


@pytest.mark.parametrize("arguments", [["--study", "nowhere"], ["--study", "../x"], ["--what"], []])
def test_wrong_arguments_exit_with_2(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        commands.main(["audit", *arguments])
    assert end.value.code == 2
    assert str(tmp_path) not in capsys.readouterr().err


def test_a_study_without_results_is_refused_with_the_command_that_makes_them(root, tmp_path, monkeypatch, capsys):
    shutil.copytree(root / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        commands.main(["audit", "--study", "smoke"])
    assert end.value.code == 2
    assert "make them with `snakemake reproduce all --config study=smoke`" in capsys.readouterr().err


# Runs a verb, then prints its exit code and which heavy packages it imported.
ASK = """
import sys
from pipeline import __main__ as commands
try:
    commands.main(sys.argv[1:])
    code = 0
except SystemExit as end:
    code = end.code
print(code, sorted({"torch", "matplotlib", "sklearn"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["audit", "--help"], 0, "name of the study"),
        (["why", "--help"], 0, "name of the study"),
        (["audit", "--study", "smook"], 2, "no study 'smook' (did you mean 'smoke'?)"),
        (["why", "--study", "smook"], 1, "no study 'smook' (did you mean 'smoke'?)"),
        (["audit", "--study", "faulty"], 2, "configs/faulty.yaml: titel: unknown key (did you mean 'title'?)"),
    ],
)
def test_help_and_refusals_need_nothing_heavy(root, tmp_path, words, code, said):
    shutil.copytree(root / "configs", tmp_path / "configs")
    text = (root / "configs" / "smoke.yaml").read_text()
    (tmp_path / "configs" / "faulty.yaml").write_text(text.replace("title:", "titel:", 1))
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == [f"{code} []"], done.stderr
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
