"""The file of fingerprints has the hashes of the present code and data; the audit says if it doesn't."""

import shutil

import pytest
import yaml

from pipeline.audit import fingerprints
from pipeline.audit.fingerprints import PATH
from pipeline.results.fingerprint import ROOT
from pipeline.study.jobs import STAGES
from pipeline.study.load import configured
from pipeline.study.plan import Plan


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the smoke study, the claims, a lock file and the fingerprints of all that."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    for name in ("smoke.yaml", "claims.yaml"):
        shutil.copy(ROOT / "configs" / name, tmp_path / "configs")
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6 \\\n    --hash=sha256:aa\n    # via scipy\n")
    PATH.write_text(fingerprints.text(fingerprints.present()))
    return tmp_path


def found():
    """What the audit finds in the file."""
    return [finding.found for finding in fingerprints.findings(Plan.load("smoke"))]


def test_the_committed_file_is_in_step(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert PATH.read_text() == fingerprints.text(fingerprints.present()), "run `make document`"


def test_it_has_the_stages_that_decide_numbers_of_every_study(monkeypatch):
    monkeypatch.chdir(ROOT)
    studies = yaml.safe_load(PATH.read_text())["studies"]
    assert sorted(studies) == configured()
    assert STAGES.keys() - studies["smoke"]["code"].keys() == {"prepare", "report", "track"}
    assert list(studies["study"]["data"]) == ["fashion_mnist", "mnist"]


def test_it_is_yaml_whose_hashes_are_texts(place, monkeypatch):
    """Such as 12e456789012, which YAML reads as a number if it has no quotes."""
    monkeypatch.setattr(fingerprints, "criteria", lambda: "12e456789012")
    content = fingerprints.present()
    assert yaml.safe_load(fingerprints.text(content)) == content
    assert 'criteria: "12e456789012"' in fingerprints.text(content)


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("requirements.lock", "numpy==2.4.6", "numpy==2.4.7", "packages"),
        ("requirements.lock", "sha256:aa", "sha256:bb", None),
        ("requirements.lock", "# via scipy", "# via pandas", None),
        ("configs/claims.yaml", "below: -6.0", "below: -7.0", "criteria"),
        ("configs/claims.yaml", "A solution with zero error", "A solution without error", None),
        ("configs/smoke.yaml", "steps: 120", "steps: 110", None),  # DVC reads the settings themselves
    ],
)
def test_what_changes_it(place, file, old, new, changed):
    assert found() == []
    text = (place / file).read_text()
    assert old in text
    (place / file).write_text(text.replace(old, new, 1))
    assert found() == ([f"other hashes: {changed}"] if changed else [])


def test_an_edited_file_and_one_of_a_removed_study(place):
    hashes = yaml.safe_load(PATH.read_text())
    hashes["studies"]["gone"] = {"code": {"train": "0" * 12}}
    hashes["studies"]["smoke"]["code"]["train"] = "0" * 12
    PATH.write_text(fingerprints.text(hashes))
    assert found() == ["other hashes: studies.gone.code.train, studies.smoke.code.train"]


def test_another_study_that_is_out_of_step_is_not_this_studys_finding(place):
    shutil.copy(place / "configs" / "smoke.yaml", place / "configs" / "other.yaml")
    assert found() == []
