"""README's generated parts: filled from results, reproducible, and reported when they are out of date."""

import re
import shutil

import pytest
import yaml
from small_ledger import METRICS, claim, part

from pipeline.errors import ExplainedError
from pipeline.metrics import formatting
from pipeline.pages import readme
from pipeline.results import paths, store
from pipeline.study.load import load_study
from pipeline.study.plan import Plan
from pipeline.verdicts import claims
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.judge import judge_claim

SNAKEFILE = """
rule all:
    input: "b.txt"
rule reproduce:
    input: "a.txt"
rule first:
    output: "a.txt"
    shell: "touch {output}"
rule second:
    input: "a.txt"
    output: "b.txt"
    shell: "touch {output}"
"""
DIAGRAM = """```mermaid
flowchart TB
    first --> reproduce & second
    second --> all
```"""
DASH = "\N{EN DASH}"


def empty(*names):
    """A page's parts before they are filled in."""
    return "".join(f"<!-- begin {name} -->\nold {name}\n<!-- end {name} -->\n\n" for name in names)


EMPTY = empty("found", "verdicts", "figure", "workflow")
ORIGIN = {"commit": "0123456789abcdef", "dirty": False, "settings": "5e77", "hardware": {"cpu": "A CPU", "cores": 2}}


@pytest.fixture
def place(root, tmp_path, monkeypatch):
    """A folder with a README, a small workflow and no results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text(f"# Title\n\n{EMPTY}End.\n")
    (tmp_path / "docs").mkdir()
    readme.NUMBERS.write_text(empty("findings"))
    readme.RUNNING.write_text(empty("times"))
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
    content |= {"analyses": {}, "figures": {}}
    content["methods"]["one_sg"]["label"] = "one | SG"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copy(root / "configs" / "claims.yaml", tmp_path / "configs")
    return tmp_path


@pytest.fixture
def results(place):
    """A folder with made-up results."""
    values = [{"mean": m, "low": m - 0.01, "high": m + 0.01, "n": 3} for m in (0.95, 0.94)]
    metrics = {
        "learning": {
            "test_accuracy.backprop.hidden20": values[0],
            "test_accuracy.one_sg.hidden20": values[1],
            "test_accuracy.one_sg.hidden3": {"mean": 0.9, "low": None, "high": None, "n": 1},
            "test_loss.one_sg.hidden3": values[0],
        },
        "another_learning": {"test_accuracy.one_sg.hidden3": values[0]},
        "capacity": {"also_fitted.every_linear_sg.mse": values[0]},
        "linear_convergence": {"solved_share.by_line_search": values[0]},
        "deep_linear_convergence": {"solved_share.by_line_search": values[1]},
    }
    store.write_json(paths.metrics("study"), {"study": "study", "metrics": metrics, "provenance": ORIGIN})
    store.write_bytes(paths.drawing("study", readme.FIGURE, "png"), b"picture")
    (place / "workflow" / "report").mkdir(parents=True)
    (place / "workflow" / "report" / f"{readme.FIGURE}.rst").write_text("What is\nshown. More.\n")
    timing = "s\tmax_rss\tcpu_time\n60\t300\t50\n"
    store.write_bytes(paths.results("study") / "timing" / "train" / "a.tsv", timing.encode())
    return place


def filled(name, page=readme.README):
    return re.search(f"<!-- begin {name} -->\n(.*?)\n<!-- end {name} -->", page.read_text(), re.DOTALL)[1]


def test_without_results_only_the_workflow_is_filled_in(place):
    readme.main([])
    assert filled("workflow") == DIAGRAM
    assert [filled(name) for name in ("found", "verdicts", "figure")] == ["old found", "old verdicts", "old figure"]
    assert filled("findings", readme.NUMBERS) == "old findings"
    assert filled("times", readme.RUNNING) == "old times"
    assert readme.README.read_text().startswith("# Title\n\n<!-- begin found")
    assert readme.README.read_text().endswith("<!-- end workflow -->\n\nEnd.\n")


def check():
    """The message of `--check`, or its exit code 0 if nothing is out of date."""
    with pytest.raises(SystemExit) as end:
        readme.main(["--check"])
    return end.value.code


def test_parts_follow_from_the_results_and_check_knows(results):
    picture, before = results / "docs" / f"{readme.FIGURE}.png", readme.README.read_bytes()
    pages = "fingerprints.yaml, docs/accuracy_by_depth.png, README.md, docs/numbers.md"
    assert check() == f"out of date: {pages}; run `make document`"
    assert readme.README.read_bytes() == before
    assert not picture.exists()
    readme.main([])
    after = readme.README.read_bytes()
    assert picture.read_bytes() == b"picture"
    row = filled("times", readme.RUNNING).splitlines()[2]
    assert row == "| `study` | 1 | 1 min 00 s | 1 min 00 s | 300 MB | A CPU, 2 cores |"
    # Every run takes another time: that alone makes nothing out of date. Another picture does.
    timing = paths.results("study") / "timing" / "train" / "a.tsv"
    timing.write_text(timing.read_text().replace("50", "70"))
    assert check() == 0
    assert readme.README.read_bytes() == after
    picture.write_bytes(b"another")
    assert check() == "out of date: docs/accuracy_by_depth.png; run `make document`"


def test_measured_times_stand_beside_predicted_ones_and_make_nothing_out_of_date(root, results):
    shutil.copy(root / "configs" / "paper.yaml", results / "configs")
    readme.BUDGET.write_text(empty("study", "measured", "paper"))
    readme.main([])
    assert filled("measured", readme.BUDGET) == "old measured", "nothing of the study's comparisons was timed"
    assert filled("study", readme.BUDGET).startswith("| comparison")
    plan = Plan.load("study")
    jobs = [plan.job("train", block=name) for name in plan.blocks if name.startswith("depth-")]
    for job in jobs:
        store.write_json(job.named_outputs["summary"], {"provenance": {"settings": job.settings_hash}})
        store.write_bytes(job.benchmark, b"s\tmax_rss\tcpu_time\n60\t300\t50\n")
    assert check() == 0
    readme.main([])
    rows = filled("measured", readme.BUDGET).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["depth", "all"]
    assert f" {50 * len(jobs):,} " in rows[2]
    assert check() == 0


def test_verdicts_fill_sentences_the_table_and_the_picture(results):
    store.write_json(paths.verdicts("study"), judge_claim(claim(part(), topic="learning"), METRICS, []))
    store.write_bytes(paths.chart("study"), b"<svg/>")
    readme.main([])
    assert (results / "docs" / readme.CHART).read_bytes() == b"<svg/>"
    assert filled("found").splitlines()[1] == "- On learning, it holds that x holds (C1)."
    assert filled("verdicts").splitlines()[2].startswith("| C1 | x holds | **supported** |")
    turned = {"a": METRICS["a"] | {"up": METRICS["a"]["down"]}}
    store.write_json(paths.verdicts("study"), judge_claim(claim(part(), topic="learning"), turned, []))
    readme.main([])
    assert filled("found").splitlines()[1] == "- On learning, it does not hold that x holds (C1)."


def test_findings_are_shown_side_by_side(results):
    found = readme.findings().split("\n\n")
    assert found[0].splitlines() == [
        r"| Analysis | Number | backprop | one \| SG |",
        "| --- | --- | --- | --- |",
        f"| Learning | test accuracy, 3 hidden layers | {DASH} | 0.9000 {DASH}, n = 1 |",
        "| Learning | test accuracy, 20 hidden layers | 0.9500 [0.9400, 0.9600], n = 3 | 0.9400 [0.9300, 0.9500], n = 3 |",
    ]
    gap = "share of the problems solved at the best main rate, synthetic gradient fitted by line search"
    assert found[1].splitlines()[2:] == [
        f"| Linear convergence | {gap} | 0.9500 [0.9400, 0.9600], n = 3 |",
        f"| Deep linear convergence | {gap} | 0.9400 [0.9300, 0.9500], n = 3 |",
    ]
    assert len(found) == 3  # the rest is in the report
    assert found[2].endswith("From `results/study/metrics.json`, made at commit `0123456789ab` with settings `5e77`.")


def test_verdicts_have_the_number_that_decides(place):
    stated = claim(part(), part("C1.b", metric="a/down", varies="rate"), short="a | b")
    exact = claim(part("C3.a", exact=True))
    rows = [
        row
        for each in (stated, claim(part("C2.a", metric="b/none")), exact)
        for row in judge_claim(each, METRICS, [])
    ]  # fmt: skip
    store.write_json(paths.verdicts("study"), rows)
    assert readme.verdicts().splitlines()[:5] == [
        "| Claim | In few words | Verdict | What decides | Number | Others |",
        "| --- | --- | --- | --- | --- | --- |",
        r"| C1 | a \| b | **supported** | part a, claimed above 0 | 0.3 [0.29, 0.31], n = 12 | 0 of 1 |",
        f"| C2 | x holds | **not testable** | part a, claimed above 0 | {DASH}, n = 0 |  |",
        "| C3 | x holds | **supported** | part a, claimed above 0, every value | 0.27, n = 12 |  |",
    ]
    assert "criteria version 5" in readme.verdicts()


def test_verdicts_by_older_criteria_stay_as_they_stand(place):
    store.write_json(paths.verdicts("study"), [{"id": "C1", "verdict": "partly"}])
    assert readme.verdicts() is None
    assert readme.found() is None


def test_the_main_numbers_of_the_real_study_are_few(root):
    """Of the numbers that the ledger judges, docs/numbers.md shows no more than a reader can take in."""
    assert readme.HEADLINES.keys() <= load_study("study", root).analyses.keys()
    judged = {
        tuple(name.split("/")) for claim in load_claims(root / claims.PATH).claims for name in claim.metrics
    }  # fmt: skip
    labels = {name: method.label for name, method in load_study("study", root).methods.items()}
    rows = {
        (analysis, formatting.place(metric, labels)[0]) for analysis, metric in judged
        if readme._among(metric, readme.HEADLINES.get(analysis, ()))
    }  # fmt: skip
    assert 15 <= len(rows) <= 25


def test_the_figure_has_its_words(results):
    shown = "![Test accuracy against depth. What is shown.](docs/accuracy_by_depth.png)"
    assert readme.figure() == f"{shown}\n\nWhat is shown. More."


@pytest.mark.parametrize("text", ["nothing here", EMPTY + EMPTY])
def test_a_part_must_be_there_once(text):
    with pytest.raises(
        ExplainedError, match=r"expected the part <!-- begin figure --> … <!-- end figure --> once, found it"
    ):
        readme.fill(text, "figure", "x")


def test_what_is_filled_in_may_hold_anything():
    assert readme.fill(EMPTY, "figure", r"\1 \g<0>").count(r"\1 \g<0>") == 1


def test_snakemakes_complaint_is_passed_on(place):
    (place / "Snakefile").write_text("rule broken")
    with pytest.raises(RuntimeError, match=r"`snakemake reproduce all --rulegraph mermaid-js` failed:(.|\n)*Snakefile"):
        readme.main([])
