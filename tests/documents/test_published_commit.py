"""README says at which commit the published results are fresh."""

import re
import subprocess

import pytest
import yaml


def git(root, *words):
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)


def test_the_published_results_are_those_of_the_commit_that_readme_names(root):
    """What `dvc.lock` records there is recorded here, so the same files are pulled; here a few more are made of them."""
    if not (root / ".git").exists():
        pytest.skip("no git repository here, so no commits to look at")
    (named,) = set(re.findall(r"^git checkout ([0-9a-f]{7,40})$", (root / "README.md").read_text(), re.MULTILINE))
    assert git(root, "merge-base", "--is-ancestor", named, "HEAD").returncode == 0
    there, here = (
        {out["path"]: out["md5"] for stage in yaml.safe_load(text)["stages"].values() for out in stage.get("outs", [])}
        for text in (git(root, "show", f"{named}:dvc.lock").stdout, (root / "dvc.lock").read_text())
    )
    assert there.items() <= here.items()
    assert here.keys() - there.keys() <= {"results/study/claims", "results/study/verdicts.svg"}
