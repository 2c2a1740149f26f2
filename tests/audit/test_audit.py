"""Parts of an audit: the list of jobs, records, recomputed values and md5s; test_workflow_audit.py audits real results."""

import base64
import json

import pytest

from pipeline.audit import dvc_lock, recompute
from pipeline.results import snakemake_records
from pipeline.study.plan import Plan


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


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1.0, 1.001, False),
        (1, True, False),
        (None, 0.0, False),
        ([1.0], [1.0, 2.0], False),
        ({"a": [0.1]}, {"a": [0.1]}, True),
        ({"a": 1}, {"b": 1}, False),
        ("x", "x", True),
        (0.0, 1e-12, False),
    ],
)
def test_values_are_the_same_up_to_rounding(a, b, alike):
    assert recompute.same(a, b) is alike


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
