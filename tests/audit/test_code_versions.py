"""Which version of the code made each result, and signs that results come from different versions."""

import numpy as np
import pandas as pd
import pytest

from pipeline.audit import code_versions
from pipeline.audit.code_versions import Origin
from pipeline.results import store
from pipeline.study.jobs import Job

A, B = "a" * 40, "b" * 40


def origin(name, *, commit, code, job_code="new", rule="train", dirty=False):
    job = Job("small", rule, name, (), {}, "s", job_code, stamped=True)
    return Origin(job, job.outputs, {"commit": commit, "code": code, "dirty": dirty})


def test_results_of_two_codes_are_mixed():
    found = [origin("x", commit=A, code="old"), origin("y", commit=B, code="new")]
    (said,) = code_versions.mixtures(found)
    assert A[:12] in said
    assert B[:12] in said
    assert "different versions of the code" in said


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
    assert found[0].provenance == said


def test_results_are_all_outdated_only_if_the_present_code_made_none_of_them():
    old, new = origin("x", commit=A, code="old"), origin("y", commit=B, code="new")
    bare = Origin(old.job, None, {})
    assert code_versions.all_outdated([old, bare])
    assert not code_versions.all_outdated([old, new])
    assert not code_versions.all_outdated([bare])
    assert not code_versions.all_outdated([])
