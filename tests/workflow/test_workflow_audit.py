"""What the audit finds in a finished study; each test plants faults in its own copy.

An audit takes seconds, so faults that have nothing to do with each other are planted together where every finding is
compared.
"""

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
    """A copy of the finished study without DVC's files; its data are a link to the study's own."""
    copy(finished, tmp_path, COPIED)
    (tmp_path / "data").symlink_to((finished / "data").resolve())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def copy(finished, place, names):
    """Copy files and folders of the finished study, as far as they exist."""
    for name in names:
        if (finished / name).exists():
            subprocess.run(["cp", "-r", "--reflink=auto", finished / name, place / name], check=True)


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


# Prints the audit of all studies, then its exit code and whether torch was imported.
UNTORCHED = """
import sys
from pipeline.audit import command as audit
try:
    audit.main(["--json"])
except SystemExit as end:
    print(end.code, "torch" in sys.modules)
"""


def test_a_clean_study_has_no_findings_and_its_audit_imports_no_torch(place):
    path = place / "pipeline" / "learning" / "gate.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    done = call(place, sys.executable, "-c", UNTORCHED)
    printed, _, end = done.stdout.rstrip().rpartition("\n")
    assert end == "0 False", done.stderr
    studies = json.loads(printed)
    assert list(studies) == ["smoke"]
    said = studies["smoke"]
    assert said["findings"] == []
    assert min(said["counts"]["provenances"], said["counts"]["checksums"], said["counts"]["records"]) > 100
    assert not any("of no job" in note for note in said["notes"])


def test_edited_files_are_found_whatever_their_time_stamp(place):
    flip(place / FIGURE)
    before = (place / HISTORY).stat()
    table = store.read_table(place / HISTORY)
    table.loc[table.index[-1], "value"] = table["value"].iloc[-1] + 1.0
    store.write_table(place / HISTORY, table, store.provenance_of(place / HISTORY))
    os.utime(place / HISTORY, ns=(before.st_atime_ns, before.st_mtime_ns))
    norms = RESULTS / "analyse" / "norms" / "runs.parquet"
    rewrite(place / norms, commit=COMMIT)
    found, said = audited(place, code=1)
    assert found == {(str(path), "changed") for path in (FIGURE, HISTORY, norms)}
    (mend,) = [finding["mend"] for finding in said["findings"] if finding["file"] == str(FIGURE)]
    assert f"rm {FIGURE}" in mend
    assert any(COMMIT[:12] in note for note in said["notes"]), "two commits of one code are a note"


def test_missing_intermediates_are_counted_and_missing_results_are_found(place):
    shutil.rmtree(place / RESULTS / "checkpoints")
    shutil.rmtree(place / RESULTS / "represent")
    shutil.rmtree(place / ".snakemake" / "metadata")
    (place / FIGURE).unlink()
    found, said = audited(place, code=1)
    assert found == {(str(FIGURE), "missing")}, "the records that came with the results are used"
    assert any("input files are not here and were not compared" in note for note in said["notes"])


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
    verdicts, metrics = place / RESULTS / "verdicts.json", place / RESULTS / "metrics.json"
    rows = store.read_json(verdicts)
    rows[0]["verdict"] = "supported" if rows[0]["verdict"] != "supported" else "contradicted"
    store.write_json(verdicts, rows)
    content = store.read_json(metrics)
    name, number = next(iter(content["metrics"]["learning"].items()))
    number["mean"] += 0.001
    store.write_json(metrics, content)
    _, said = audited(place, code=1)
    recomputed = {each["file"]: each["expected"] for each in said["findings"] if each["kind"] == "recomputed"}
    assert recomputed[str(RESULTS / "verdicts.json")].startswith(f"{rows[0]['id']} verdict: ")
    assert f"learning/{name} mean" in recomputed[str(RESULTS / "metrics.json")]


def test_outputs_without_a_record(place):
    records = place / ".snakemake" / "metadata"
    for path in records.iterdir():
        if path.is_file() and json.loads(path.read_text())["rule"] == "judge":
            path.unlink()
    found, said = audited(place, code=1)
    assert found == {(f"{said['findings'][0]['count']} files of judge", "no record")}
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


def test_a_file_that_differs_from_dvc_lock(finished, place):
    """With DVC's cache the file is named, even if its size and time stamp are unchanged; without it, the folder."""
    copy(finished, place, (".dvc", "dvc.lock"))
    flip(place / FIGURE)
    flip(place / MODELS)
    found, said = audited(place, code=1)
    assert said["counts"]["files of dvc.lock"] > 200
    assert found == {(str(FIGURE), "changed"), *differing(FIGURE, MODELS)}
    shutil.rmtree(place / ".dvc" / "cache")
    found, _ = audited(place, code=1)
    assert found == {(str(FIGURE), "changed"), *differing(FIGURE.parent, MODELS.parent)}
    shutil.rmtree(place / MODELS.parent)
    found, _ = audited(place, code=1)
    assert found == {(str(FIGURE), "changed"), *differing(FIGURE.parent)}, "models may be left out"


def differing(*paths):
    return {(str(path), "not as in dvc.lock") for path in paths}
