"""The whole workflow with Snakemake, DVC and W&B offline, in a copy of the tree.

The tests share one folder; each continues from the state that the previous one left.
"""

import json
import re
import shutil
import sys

import pandas as pd
import pytest
import yaml
from fault_page import told
from studies import STUDY, call, commit, numbers, ran, snakemake

from pipeline import members
from pipeline.metrics.ranges import NAMED, name_of
from pipeline.results import paths, run_summaries, store


@pytest.fixture(scope="module")
def place(finished, tmp_path_factory):
    """A copy of the finished study, which the tests of this file change."""
    folder = tmp_path_factory.mktemp("workflow") / "clone"
    shutil.copytree(finished, folder, symlinks=True)
    return folder


@pytest.fixture(scope="module")
def first(place):
    """The numbers of the first run."""
    return numbers(place)


def test_all_results_exist(place, first):
    results = place / "results" / "smoke"
    page = (results / "appendix.html").read_text()
    assert "What was found" in (results / "report.html").read_text()
    figures = yaml.safe_load((place / "configs" / "smoke.yaml").read_text())["figures"]
    for name in figures:
        assert (results / "draw" / f"{name}.csv").stat().st_size > 50
        assert f"draw/{name}.csv" in page
    for block in (results / "train").iterdir():
        assert {run["status"] for run in run_summaries.read(block / "summary.json").values()} == {"finished"}
    assert not list(results.rglob("*.partial*"))
    assert not list((place / "resume").rglob("*.safetensors"))


def test_no_interval_of_a_figure_leaves_the_possible_range(place, first):
    figures, seen = yaml.safe_load((place / "configs" / "smoke.yaml").read_text())["figures"], 0
    for name, entry in figures.items():
        declared = members.constants("figures", entry.get("figure", name)).get("RANGES", {})
        table = pd.read_csv(place / "results" / "smoke" / "draw" / f"{name}.csv")
        quantities = table["quantity"] if "quantity" in table else [""] * len(table)
        for quantity, low, high in zip(quantities, table.get("low", []), table.get("high", []), strict=False):
            within = NAMED[name_of(quantity, declared)]
            assert not low < within.low, (name, quantity, low)
            assert not high > within.high, (name, quantity, high)
            seen += within != NAMED["real"] and low == low
    assert seen > 100


def test_nothing_runs_a_second_time(place, first):
    assert "Nothing to be done" in snakemake(place)


def test_dvc_agrees(place, first):
    assert "up to date" in call(place, "dvc", "status")
    assert "results/smoke/claims/C1.json" in call(place, "dvc", "metrics", "show")


def test_dvc_shows_a_changed_parameter(place, first):
    path = place / "configs" / "smoke.yaml"
    before = path.read_text()
    commit(place)
    path.write_text(before.replace("rate: 0.003", "rate: 0.004"))
    try:
        assert "training.optimiser.rate" in call(place, "dvc", "params", "diff")
    finally:
        path.write_text(before)


def test_every_training_has_its_offline_run(place, first):
    """Each training has an offline run, and the ids of tracked runs are among them."""
    runs = list((place / "wandb").glob("offline-run-*"))
    blocks = (place / "results" / "smoke" / "train").iterdir()
    assert len(runs) >= sum(len(run_summaries.read(block / "summary.json")) for block in blocks) + 1
    tracked = store.read_json(place / "results" / "smoke" / "tracked.json")
    assert tracked["mode"] == "offline"
    ids = {path.name.rpartition("-")[2] for path in runs}
    assert {run["id"] for run in tracked["runs"]} <= ids


def test_a_comment_runs_nothing(place, first):
    path = place / "pipeline" / "learning" / "gate.py"
    before = path.read_text()
    path.write_text(before.replace('"""The study', '"""Another docstring: the study') + "\n# a comment\n")
    try:
        assert "Nothing to be done" in snakemake(place)
    finally:
        path.write_text(before)


def test_changed_code_runs_the_jobs_that_depend_on_it(place, first):
    path = place / "pipeline" / "analyses" / "norms.py"
    before = path.read_text()
    path.write_text(before + "\nUNUSED = 1\n")
    try:
        assert ran(snakemake(place, "--dry-run")) == {
            **{"analyse": 1, "draw": 1, "summarise": 1, "judge": 1, "track": 1, "report": 1}
        }
    finally:
        path.write_text(before)


def test_one_changed_setting_runs_its_jobs_and_those_that_depend_on_them(place, first):
    path = place / "configs" / "smoke.yaml"
    before = path.read_text()
    old = "pwcca, cka, procrustes, rdm_correlation]"
    path.write_text(before.replace(old, old.replace("procrustes, ", "")))
    try:
        counts = ran(snakemake(place, "--dry-run"))
    finally:
        path.write_text(before)
    assert counts["analyse"] == 1, "one job compares all pairs"
    assert "train" not in counts
    assert "represent" not in counts
    assert counts["draw"] == 2


def test_a_tampered_intermediate_is_noticed(place, first):
    path = place / "results" / "smoke" / "represent" / "depth-one_sg-hidden4-b0.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        assert ran(snakemake(place, "--dry-run"))["analyse"] == 4
    finally:
        path.write_bytes(before)
    assert "Nothing to be done" in snakemake(place)


def test_snakemakes_own_report(place, first):
    call(place, "snakemake", "reproduce", "all", *STUDY, "--report", "report.html")
    page = (place / "report.html").read_text()
    assert "Learning" in page
    assert "by a criterion that was written before the runs" in page, "it opens on the findings"
    caption = (place / "workflow" / "report" / "phase_portrait.rst").read_text()
    assert caption.split("\n")[0][:40] in page
    assert "problematic" not in page
    assert "system-message" not in page
    assert (place / "report.html").stat().st_size > 1_000_000


DUMMY = '''"""Half of the gradient that arrives: a dummy that shows that one file is enough."""

from torch import nn

from pipeline.learning.gate import Gate  # noqa: F401 (an estimator may look at the core)

LABEL = "half"
LEARNED = False
WAITS_FOR = ("arrived",)
IMPLIED_LOSS = "half the loss"


class Half(nn.Module):
    def forward(self, arrived):
        return arrived / 2


def build(units, classes, *, above, generator):
    return Half()
'''


# Prints the sweep of each block of the changed methods; it runs in the copy, since only the copy has the dummy.
PLANNED = """
import json
from pipeline.study.plan import Plan
blocks = [runs[0] for runs in Plan.load("smoke").blocks.values()]
print(json.dumps({name: [run.sweep for run in blocks if run.method == name] for name in ("half", "every_sg")}))
"""
WILD = "placement: every, set: {network.batch_norm: false, optimiser.name: sgd, optimiser.rate: 1.0e+30}"


@pytest.fixture(scope="module")
def changed(place, first):
    """What Snakemake said of one run with two changes: another estimator, and a method that diverges.

    Afterwards the first config and the first estimators are back, and the results are those of the changed study.
    """
    config, estimator = place / "configs" / "smoke.yaml", place / "pipeline" / "estimators" / "half.py"
    before = config.read_text()
    entry = "  half: {label: half a gradient, estimator: half, settings: {}, placement: every, set: {}}\n\nsweeps:"
    estimator.write_text(DUMMY)
    config.write_text(before.replace("\nsweeps:", entry, 1).replace("placement: every, set: {}", WILD, 1))
    said = snakemake(place)
    blocks = json.loads(call(place, sys.executable, "-c", PLANNED))
    config.write_text(before)
    estimator.unlink()
    return said, blocks


def test_a_new_estimator_is_one_file_and_one_entry_and_runs_only_what_is_new(place, first, changed):
    said, blocks = changed
    counts = ran(said)
    assert set(blocks["half"]) >= {"depth", "tuned", "estimators", "tracking"}
    assert counts["train"] == len(blocks["half"]) + len(blocks["every_sg"])
    assert counts["tune"] == 1 + 1
    # Of each of the two methods, a block of two seeds of one sweep and one of another, at the compared depth.
    assert counts["represent"] == 2 * (1 + 1)
    after = numbers(place)
    trained = {name: value for name, value in first.items() if name.startswith("train/")}
    kept = {name: value for name, value in trained.items() if "-every_sg-" not in name}
    assert len(kept) == len(trained) - len(blocks["every_sg"])
    assert kept.items() <= after.items()
    assert "half a gradient" in (place / "results" / "smoke" / "appendix.html").read_text()
    assert "half" in (place / "results" / "smoke" / "draw" / "learning_curves.csv").read_text()


def test_a_diverged_run_is_reported_and_the_study_goes_on(place, changed):
    block = place / "results" / "smoke" / "train" / "depth-every_sg-hidden4-b0"
    summary = run_summaries.read(block / "summary.json")["depth-every_sg-hidden4-s0"]
    assert summary["status"] == "diverged"
    assert re.fullmatch(r"diverged at step \d+: the batch loss was (nan|inf)", summary["message"])
    told("a run diverges", summary["message"])
    assert summary["message"] in (place / "results" / "smoke" / "appendix.html").read_text()


def test_back_to_the_first_config_gives_the_first_numbers_to_the_bit(place, first, changed):
    call(place, "snakemake", paths.metrics("smoke").as_posix(), *STUDY)  # and no figures, which follow from the tables
    again, made = numbers(place), {name for name in first if not name.startswith("draw/")}
    assert "metrics" in made
    assert {name: again[name] for name in made} == {name: first[name] for name in made}
