"""The parts of an audit that need no finished study; tests/test_workflow_audit.py has the others."""

import base64
import json

import numpy as np
import pandas as pd
import pytest

from pipeline.audit import code_versions, command, dvc_lock, findings, recompute
from pipeline.audit.code_versions import Origin
from pipeline.results import snakemake_records, store
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan

A, B = "a" * 40, "b" * 40


def origin(name, *, commit, code, job_code="new", rule="train", dirty=False):
    job = Job("small", rule, name, (), {}, "s", job_code, stamped=True)
    return Origin(job, job.outputs, {"commit": commit, "code": code, "dirty": dirty})


@pytest.fixture
def planned(root, monkeypatch):
    monkeypatch.chdir(root)
    return Plan.load("smoke")


def test_jobs_are_those_of_the_rules(planned, root):
    found = list(planned.jobs())
    rules = set(snakemake_records.commands(root / snakemake_records.RULES))
    assert {job.rule for job in found} == rules - {"prepare"}
    outputs = [path for job in found for path in job.outputs]
    assert len(outputs) == len(set(outputs))


def test_commands_are_the_rules_strings(root):
    found = snakemake_records.commands(root / snakemake_records.RULES)
    assert found["judge"] == "python -m pipeline judge --study {wildcards.study} > {log} 2>&1"
    assert found["analyse"].endswith(" --job {wildcards.job} > {log} 2>&1")


def test_results_of_two_codes_are_mixed():
    found = [origin("x", commit=A, code="old"), origin("y", commit=B, code="new")]
    (said,) = code_versions.mixtures(found)
    assert A[:12] in said
    assert B[:12] in said
    assert "no study" in said


def test_several_codes_none_of_them_present_are_mixed():
    assert code_versions.mixtures([origin("x", commit=A, code="old"), origin("y", commit=B, code="older")])


def test_a_stage_of_one_job_is_compared_with_the_others():
    found = [origin("x", commit=A, code="new"), origin("y", commit=B, code="old", rule="analyse", job_code="other")]
    assert len(code_versions.mixtures(found)) == 1


def test_two_commits_of_one_code_are_a_study():
    assert code_versions.mixtures([origin("x", commit=A, code="new"), origin("y", commit=B, code="new")]) == []


def test_code_that_changed_after_the_run_mixes_nothing():
    found = [origin("x", commit=A, code="old"), origin("y", commit=A, code="new", rule="analyse")]
    assert code_versions.mixtures(found) == []


def test_changes_that_were_not_committed_make_two_codes_of_one_commit():
    found = [origin("x", commit=A, code="old", dirty=True), origin("y", commit=A, code="new")]
    (said,) = code_versions.mixtures(found)
    assert "with uncommitted changes" in said


def test_records_of_long_names_are_found(tmp_path):
    name = "results/smoke/" + "x" * 300 + ".json"
    whole = base64.urlsafe_b64encode(name.encode()).decode()
    path = tmp_path / f"@{whole[:254]}" / whole[254:]
    path.parent.mkdir()
    content = {"rule": "r", "params": ["1"], "input_checksums": {"in": "sha256:abc"}, "starttime": 1, "endtime": 3}
    path.write_text(json.dumps(content))
    (tmp_path / "no base64").write_text("{}")
    (tmp_path / base64.urlsafe_b64encode(b"half").decode()).write_text("{")
    assert list(snakemake_records.records(tmp_path)) == [name]
    assert snakemake_records.records(tmp_path)[name].checksums == {"in": "abc"}


def test_a_damaged_result_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 nothing")
    job = Job("small", "analyse", "x", (), {"table": path}, "s", "c", stamped=True)
    assert "expected a parquet table" in code_versions.origins([job])[0].damage


@pytest.mark.parametrize("name", ["x.parquet", "x.safetensors", "x.json"])
def test_every_kind_of_result_tells_its_provenance(tmp_path, name):
    path, said = tmp_path / name, {"code": "c", "commit": A}
    if name.endswith("parquet"):
        store.write_table(path, pd.DataFrame({"a": [1]}), said)
    elif name.endswith("safetensors"):
        store.write_arrays(path, {"a": np.zeros(1)}, said)
    else:
        store.write_json(path, {"provenance": said})
    found = code_versions.origins([Job("small", "train", "x", (), {"file": path}, "s", "c", stamped=True)])
    assert found[0].stated == said


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (1.0, 1.0 + 1e-12, True), (1.0, 1.001, False), (1, True, False), (None, 0.0, False), ([1.0], [1.0, 2.0], False),
        ({"a": [0.1]}, {"a": [0.1]}, True), ({"a": 1}, {"b": 1}, False), ("x", "x", True), (0.0, 1e-12, False),
    ],
)  # fmt: skip
def test_values_are_the_same_but_for_rounding(a, b, alike):
    assert recompute.same(a, b) is alike


def test_the_table_names_file_kind_and_command():
    one = findings.Finding("results/x/a.png", "changed", "f" * 64, "0" * 64, "rm it")
    text = findings.Audit("x", (one,), ("a note",), {"files": 3}).text()
    assert text.startswith("x: 1 finding; compared: 3 files")
    for part in ("results/x/a.png", "changed", "f" * 12, "rm it", "note: a note"):
        assert part in text
    assert "f" * 13 not in text


def test_an_out_that_is_not_there_is_no_difference(tmp_path):
    found = dvc_lock.compare(dvc_lock.Out(tmp_path / "none", "0.dir", 7))
    assert (found.missing, found.differ) == (7, [])


def test_a_folder_has_the_md5_that_dvc_gives_it(tmp_path):
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    files = {"b/x": b"1", "a": b"2", "b.x": b"3"}
    tree, present = Tree(), {}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        present[path] = dvc_lock.md5(path)
        tree.add(tuple(name.split("/")), None, HashInfo("md5", present[path]))
    tree.digest()
    assert dvc_lock.folder_md5(tmp_path, present) == tree.hash_info.value


@pytest.mark.parametrize("arguments", [["--study", "nowhere"], ["--study", "../x"], ["--what"], []])
def test_wrong_calls_exit_with_2(root, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:
        command.main(arguments)
    assert exit.value.code == 2
    assert str(tmp_path) not in capsys.readouterr().err
