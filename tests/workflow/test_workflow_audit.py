"""What the audit finds in a finished study; each test plants one fault in its own copy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.results import store

COPIED = (
    "Snakefile",
    "dvc.yaml",
    ".dvc",
    ".dvcignore",
    "configs",
    "pipeline",
    "profiles",
    "workflow",
    "published",
    "fingerprints.yaml",
    "requirements.lock",
    "requirements-torch.lock",
    "requirements-torch-cpu.lock",
    ".snakemake",
    "results",
)
RESULTS = Path("results/smoke")
FIGURE = RESULTS / "draw" / "norms.png"
MODELS = Path("published/models/smoke/index.json")
HISTORY = RESULTS / "train" / "depth-one_sg-hidden4-b0" / "history.parquet"
COMMIT = "c" * 40


@pytest.fixture
def place(finished, tmp_path):
    """A copy of the finished study without dvc.lock; its data are a link to the study's own."""
    for name in COPIED:
        if (finished / name).exists():
            subprocess.run(["cp", "-r", "--reflink=auto", finished / name, tmp_path / name], check=True)
    shutil.rmtree(tmp_path / ".dvc" / "tmp", ignore_errors=True)
    (tmp_path / "data").symlink_to((finished / "data").resolve())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def call(place, *command):
    """Run a command in the copy, with this environment's tools."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "WANDB_MODE": "disabled", "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, env=environment)


def audited(place, *, code):
    """The audit's findings as pairs of file and kind, and its whole JSON."""
    done = call(place, sys.executable, "-m", "pipeline", "audit", "--study", "smoke", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    said = json.loads(done.stdout)["smoke"]
    assert all(finding["mend"] and finding["expected"] and finding["found"] for finding in said["findings"])
    return {(finding["file"], finding["kind"]) for finding in said["findings"]}, said


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def flip(path):
    """Change the last byte and keep the time stamp."""
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite(path, **changed):
    """Write a table again with changes in its provenance."""
    store.write_table(path, store.read_table(path), {**store.provenance_of(path), **changed})


def test_a_clean_study_has_no_findings(place):
    found, said = audited(place, code=0)
    assert found == set()
    assert min(said["counts"]["provenances"], said["counts"]["checksums"], said["counts"]["records"]) > 100
    assert not any("of no job" in note for note in said["notes"])


# Prints the audit, then its exit code and whether torch was imported.
UNTORCHED = """
import sys
from pipeline.audit import command as audit
try:
    audit.main([])
except SystemExit as end:
    print(end.code, "torch" in sys.modules)
"""


def test_all_studies_are_audited_without_importing_torch(place):
    done = call(place, sys.executable, "-c", UNTORCHED)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("smoke: clean; compared: "), done.stderr
    assert lines[-1] == "0 False"


def test_an_edited_figure(place):
    flip(place / FIGURE)
    found, said = audited(place, code=1)
    assert found == {(str(FIGURE), "changed")}
    assert f"rm {FIGURE}" in said["findings"][0]["mend"]


def test_an_edited_intermediate_with_its_old_time_stamp(place):
    before = (place / HISTORY).stat()
    table = store.read_table(place / HISTORY)
    table.loc[table.index[-1], "value"] = table["value"].iloc[-1] + 1.0
    store.write_table(place / HISTORY, table, store.provenance_of(place / HISTORY))
    os.utime(place / HISTORY, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert audited(place, code=1)[0] == {(str(HISTORY), "changed")}


def test_missing_intermediates_are_counted_and_missing_results_are_found(place):
    shutil.rmtree(place / RESULTS / "checkpoints")
    shutil.rmtree(place / RESULTS / "represent")
    found, said = audited(place, code=0)
    assert found == set()
    assert any("input files are not here and were not compared" in note for note in said["notes"])
    (place / FIGURE).unlink()
    assert audited(place, code=1)[0] == {(str(FIGURE), "missing")}


def test_a_config_that_changed_after_the_run(place):
    edit(place / "configs" / "smoke.yaml", "rate: 0.003", "rate: 0.004")
    found, _ = audited(place, code=1)
    assert (str(HISTORY), "settings") in found
    assert (str(RESULTS / "metrics.json"), "settings") in found
    assert (str(RESULTS / "report.html"), "settings") in found
    drawn = RESULTS / "draw"
    assert (str(drawn / "learning_curves.svg"), "parameters") in found, "it says the rate"
    assert not [name for name, _ in found if name.startswith(str(drawn / "phase_portrait"))]


def test_a_figures_setting_that_changed_after_the_run(place):
    edit(place / "configs" / "smoke.yaml", "label: backprop", "label: plain backprop")
    found, _ = audited(place, code=1)
    assert (str(FIGURE), "parameters") in found
    assert (str(HISTORY), "settings") not in found


def test_code_that_changed_after_the_run(place):
    path = place / "pipeline" / "analyses" / "norms.py"
    path.write_text(path.read_text() + "\nUNUSED = 1\n")
    found, said = audited(place, code=1)
    assert found == {
        (str(RESULTS / "analyse" / "norms" / "runs.parquet"), "code"),
        ("fingerprints.yaml", "fingerprint"),
    }
    (finding,) = [finding for finding in said["findings"] if finding["kind"] == "fingerprint"]
    assert finding["found"] == "other hashes: studies.smoke.code.analyse"
    assert finding["mend"] == "python -m pipeline document"


def test_a_comment_that_changed_after_the_run_is_no_finding(place):
    path = place / "pipeline" / "learning" / "gate.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    audited(place, code=0)


def test_a_lock_file_that_changed_after_the_run(place):
    path = place / "requirements.lock"
    path.write_text(path.read_text().replace("\nnumpy==", "\nnumpy==0.", 1))
    kinds = {kind for _, kind in audited(place, code=1)[0]}
    assert kinds == {"changed", "version", "fingerprint"}


def test_results_of_two_commits(place):
    rewrite(place / HISTORY, commit=COMMIT, code="0" * 16)
    found, said = audited(place, code=1)
    assert (str(RESULTS), "mixed") in found
    (sentence,) = [finding["found"] for finding in said["findings"] if finding["kind"] == "mixed"]
    assert COMMIT[:12] in sentence
    assert store.provenance_of(place / RESULTS / "metrics.json")["commit"][:12] in sentence
    done = call(place, sys.executable, "-m", "pipeline", "report", "--study", "smoke")
    assert done.returncode == 0, done.stderr
    assert "The results come from different versions of the code" in (place / RESULTS / "report.html").read_text()


def test_two_commits_of_one_code_are_a_note(place):
    table = RESULTS / "analyse" / "norms" / "runs.parquet"
    rewrite(place / table, commit=COMMIT)
    found, said = audited(place, code=1)
    assert found == {(str(table), "changed")}
    assert any(COMMIT[:12] in note for note in said["notes"])


def test_a_missing_provenance_and_that_of_another_job(place):
    other = HISTORY.parent.with_name("depth_more-one_sg-hidden4-b0") / HISTORY.name
    shutil.copy(place / other, place / HISTORY)
    store.write_table(place / other, pd.DataFrame({"a": [1]}), {})
    found, _ = audited(place, code=1)
    assert {(str(HISTORY), "job"), (str(HISTORY), "seeds"), (str(other), "no provenance")} <= found


def test_an_output_that_was_touched(place):
    """After a setting changed, `snakemake --touch` marks old figures as up to date."""
    edit(place / "configs" / "smoke.yaml", "label: backprop", "label: plain backprop")
    study = ("snakemake", "reproduce", "all", "--config", "study=smoke")
    assert call(place, *study, "--touch").returncode == 0
    assert "Nothing to be done" in call(place, *study, "--dry-run").stdout
    found, _ = audited(place, code=1)
    assert (str(FIGURE), "touched") in found
    assert (str(FIGURE), "parameters") not in found
    assert (str(RESULTS / "metrics.json"), "settings") in found
    assert (str(HISTORY), "touched") not in found


def test_a_verdict_and_a_number_edited_by_hand(place):
    path = place / RESULTS / "verdicts.json"
    rows = store.read_json(path)
    rows[0]["verdict"] = "supported" if rows[0]["verdict"] != "supported" else "contradicted"
    store.write_json(path, rows)
    found, said = audited(place, code=1)
    assert (str(RESULTS / "verdicts.json"), "recomputed") in found
    (finding,) = [finding for finding in said["findings"] if finding["kind"] == "recomputed"]
    assert finding["expected"].startswith(f"{rows[0]['id']} verdict: ")
    path = place / RESULTS / "metrics.json"
    content = store.read_json(path)
    name, number = next(iter(content["metrics"]["learning"].items()))
    number["mean"] += 0.001
    store.write_json(path, content)
    found, said = audited(place, code=1)
    assert any(f"learning/{name} mean" in finding["expected"] for finding in said["findings"])


def test_outputs_without_a_record(place):
    records = place / ".snakemake" / "metadata"
    for path in records.iterdir():
        if path.is_file() and json.loads(path.read_text())["rule"] == "judge":
            path.unlink()
    found, said = audited(place, code=1)
    assert found == {(f"{said['findings'][0]['count']} files of judge", "no record")}
    shutil.rmtree(records)
    assert audited(place, code=0)[0] == set(), "the records that came with the results are used"
    shutil.rmtree(records)
    (place / "published" / "records" / "smoke.json.xz").unlink()
    assert audited(place, code=1)[0] == {(".snakemake/metadata", "no record")}


def test_data_that_differ_from_the_published_data(place):
    published = (place / "data").resolve()
    (place / "data").unlink()
    shutil.copytree(published, place / "data")
    flip(place / "data" / "mnist" / "t10k-labels-idx1-ubyte")
    found, said = audited(place, code=1)
    assert ("data/mnist/t10k-labels-idx1-ubyte", "changed") in found
    assert any("pipeline prepare --dataset mnist" in finding["mend"] for finding in said["findings"])


@pytest.mark.parametrize("cache", [True, False])
def test_a_file_that_differs_from_dvc_lock(place, cache):
    """With DVC's cache the file is named, even if its size and time stamp are unchanged; without it, the folder."""
    done = call(place, "dvc", "commit", "-f", "results")
    assert done.returncode == 0, done.stdout + done.stderr
    _, said = audited(place, code=0)
    assert said["counts"]["files of dvc.lock"] > 200
    if not cache:
        shutil.rmtree(place / ".dvc" / "cache")
    flip(place / FIGURE)
    flip(place / MODELS)
    found, _ = audited(place, code=1)
    differing = {(str(path if cache else path.parent), "not as in dvc.lock") for path in (FIGURE, MODELS)}
    assert differing <= found
    shutil.rmtree(place / MODELS.parent)
    found, _ = audited(place, code=1)
    assert not [file for file, _ in found if file.startswith("published")], "models may be left out"
