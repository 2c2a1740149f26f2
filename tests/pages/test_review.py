"""The review: the runs behind each claim, the checks, and a page on which planted text stays text."""

import itertools
import math
import re
import shutil

import made_up_study as made_up
import pytest
from html_pages import Page
from made_up_study import DIVERGED, MISSING, NAME, PLANTED

from pipeline.pages import review, sparklines
from pipeline.pages.checks import PublishedComparison
from pipeline.pages.sparklines import Curve
from pipeline.results import paths, store
from pipeline.study.jobs import run_settings
from pipeline.tracking import reader, report_rendering, report_saving
from pipeline.verdicts.claims import load_claims


@pytest.fixture(scope="module")
def made(pytestconfig, tmp_path_factory):
    """A small study with made-up results, and its folder."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return made_up.make(pytestconfig.rootpath, place), place


@pytest.fixture
def plan(made, tmp_path, monkeypatch):
    """A copy of that study in the working directory."""
    plan, place = made
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_DIR", raising=False)
    return plan


def check(content, name):
    (found,) = [each for each in content.checks if each.name == name]
    return found


def claim(content, id_):
    (found,) = [each for each in content.claims if each.judged.whole["id"] == id_]
    return found


# --- from claims to runs


def test_every_claim_has_the_runs_that_its_analyses_read(plan):
    content, _ = made_up.page()
    ids = [each.judged.whole["id"] for each in content.claims]
    assert ids == [each.id for each in load_claims().claims]
    for each, stated in zip(content.claims, load_claims().claims, strict=True):
        names = {name.partition("/")[0] for name in stated.metrics}
        there = {name for name in names if name in plan.study.analyses}
        wanted = {
            run.name for name in there if plan.declared(name)["SCOPE"] != "study" for run in plan.select(name)
        }  # fmt: skip
        assert {run.name for run in each.runs} == wanted
        assert set(each.absent) == names - there
        for run in each.runs:
            assert stated.id in run.claims
    assert claim(content, "C4").without_runs == ["capacity"]
    assert claim(content, "C1").runs == []


def test_a_setting_that_two_analyses_read_stands_once(plan):
    content, _ = made_up.page()
    seen = [tuple(run.name for runs in group.methods.values() for run in runs) for group in claim(content, "C9").groups]
    assert len(seen) == len(set(seen))
    for group in claim(content, "C11").groups:
        assert all(run.method == method for method, runs in group.methods.items() for run in runs)


def test_a_run_says_where_it_comes_from(plan):
    content, html = made_up.page()
    runs = {run.name: run for run in content.runs}
    assert set(runs) == set(plan.runs)
    run = runs["depth-one_sg-hidden2-s1"]
    assert (run.method, run.seed, run.status, run.present) == ("one_sg", 1, "finished", True)
    assert (run.seconds, run.accuracy, run.hardware) == (90, 0.75, "A CPU, 2 cores, no GPU")
    assert run.settings == run_settings(plan.runs[run.name])
    assert (runs[DIVERGED].status, runs[MISSING].status, runs[MISSING].tracked) == ("diverged", "missing", None)
    assert runs[DIVERGED].spark.lines[0].broke_off is not None
    assert run.spark.lines[0].broke_off is None
    assert f"{run.name} one linear SG 1 finished" in Page(html).said
    timed = {plan.block(run) for run in plan.runs if run != MISSING}
    assert f"CPU time, at least {len(timed):.2f} h" in Page(html).said


# --- what can be trusted


def test_what_is_missing_or_old_is_told(plan):
    made_up.ended(plan, "depth-one_sg-hidden2-s1", settings="other")
    made_up.ended(plan, "depth-every_sg-hidden2-s1", code="other")  # of the whole block
    content, html = made_up.page()
    assert check(content, "Runs with a result").details == [MISSING]
    found = check(content, "Made with the present settings and code")
    assert (found.good, found.details) == (
        False,
        ["depth-every_sg-hidden2-s0", "depth-every_sg-hidden2-s1", "depth-one_sg-hidden2-s1"],
    )
    assert check(content, "Runs that diverged").details == [DIVERGED]
    assert check(content, "Verdicts").good
    assert check(content, "Figures drawn").good
    assert "2 of 9 checks failed" in Page(html).said


def test_numbers_of_other_settings_are_told(plan):
    metrics = store.read_json(paths.metrics(NAME))
    metrics["provenance"]["settings"] = "0" * 12
    store.write_json(paths.metrics(NAME), metrics)
    found = check(made_up.page()[0], "Verdicts")
    assert not found.good
    assert "0" * 12 in found.says
    assert plan.settings_hash() in found.says


def test_a_study_without_results_has_a_page(plan, tmp_path):
    for path in sorted(paths.results(NAME).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    content, html = made_up.page()
    assert content.claims == []
    assert not check(content, "Verdicts").good
    assert f"0 of {len(plan.runs)}" in Page(html).said
    assert "There are no verdicts by the present criteria (version 5)." in Page(html).said


def test_a_run_without_provenance_breaks_nothing(plan):
    block = plan.block(DIVERGED)
    path = paths.summary(NAME, block)
    store.write_json(path, {k: v for k, v in store.read_json(path).items() if k != "provenance"})
    content, _ = made_up.page()
    assert check(content, "Made with the present settings and code").details == [run.name for run in plan.blocks[block]]


def test_an_audit_and_what_is_published_are_told(plan):
    content, html = made_up.page()
    assert "No audit was made for this page." in Page(html).said
    assert "This study has none yet." in Page(html).said
    assert claim(content, "C1").differs is None
    published = PublishedComparison(False, "1 of 2 claims differs", {"C4": f"partly, was replicated {PLANTED}"})
    content, html = made_up.page(audited=[f"{made_up.NAME} {PLANTED}"], compared=published)
    assert (check(content, "Audit").good, check(content, "Audit").says) == (False, "1 finding")
    assert (claim(content, "C4").differs, claim(content, "C1").differs) == (published.claims["C4"], "")
    said = Page(html).said
    assert f"{NAME} {PLANTED}" in said
    assert f"Differs from the reference values: partly, was replicated {PLANTED}" in said
    assert "the same" in said
    content, _ = made_up.page(audited=[])
    assert check(content, "Audit").good
    assert check(content, "Against the reference values").good is None


def test_curves_come_from_wandb_where_it_has_them_and_are_compared(plan):
    one, other = "depth-one_sg-hidden2-s0", "depth-one_sg-hidden2-s1"
    made_up.record(made_up.ended(plan, one))
    made_up.record(made_up.ended(plan, other), test_accuracy=0.7500001)
    content, html = made_up.page()
    runs = {run.name: run for run in content.runs}
    assert (runs[one].spark.high, runs[one].spark.low, runs[one].record) == ("8", "0.25", "finished")
    assert (runs[DIVERGED].spark.high, runs[DIVERGED].record) == ("1", "not here")
    assert runs[one].tracked in html
    found = check(content, "Weights & Biases")
    assert found.details == [f"{other}: another test_accuracy than in the results"]
    assert found.says.startswith(f"2 of {len(plan.runs) - 1} runs are recorded here, 1 with the numbers of the results")


def test_a_damaged_record_is_named_on_the_page(plan):
    one = "depth-one_sg-hidden2-s0"
    made_up.record(made_up.ended(plan, one))
    (path,) = reader.folder().glob(reader.FILES)
    path.write_bytes(b"bad" + path.read_bytes()[3:])
    content, html = made_up.page()
    assert not check(content, "Weights & Biases").good
    assert f"{path}: damaged" in Page(html).said
    assert {run.name: run for run in content.runs}[one].spark.high == "1"


# --- the page


def test_what_is_planted_stays_text(plan):
    _, html = made_up.page()
    found = Page(html)
    assert not found.all("script")
    assert PLANTED not in html
    assert found.said.count(PLANTED) > 5
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]


def test_w_and_b_s_report_is_linked_where_there_is_one(plan):
    def links():
        found = Page(made_up.page()[1]).all("a")
        return [each["href"] for each in found if "wandb" in each["href"] or each["href"].startswith("http")]

    assert links() == []
    store.write_bytes(report_rendering.page(NAME), b"<p>")
    store.write_json(report_saving.known(NAME), {"id": "a", "url": "https://example.org/reports/a"})
    assert links() == ["wandb_report.html", "https://example.org/reports/a"]
    for wrong in ({"url": "javascript:1"}, {"id": "a"}, [], "x"):
        store.write_json(report_saving.known(NAME), wrong)
        assert links() == ["wandb_report.html"]
    report_saving.known(NAME).write_bytes(b"no JSON")
    assert links() == ["wandb_report.html"]


def test_links_lead_somewhere(plan):
    found = Page(made_up.page()[1])
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in found.all("a")]
    store.write_bytes(paths.report(NAME), b"")
    store.write_bytes(paths.appendix(NAME), b"")
    assert {"#C1", f"#run-{MISSING}"} <= set(links)
    for link in links:
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert (paths.results(NAME) / link).is_file()
    for image in found.all("img"):
        assert (paths.results(NAME) / image["src"]).is_file()
        assert re.fullmatch(r"draw/\w+\.svg", image["src"])
        assert (image["width"], image["height"], image["loading"]) == ("96", "48", "lazy")
        assert len(image["alt"]) > 20
    assert "http" not in re.sub(r"Content-Security-Policy|http-equiv", "", made_up.page()[1])


def test_it_is_made_for_readers_of_every_kind(plan):
    found = Page(made_up.page()[1])
    tags = [tag for tag, _ in found.elements]
    assert tags.count("caption") == tags.count("table") > 10
    assert all(attributes.get("scope") in {"col", "row", "rowgroup"} for attributes in found.all("th"))
    assert tags.count("h1") == tags.count("main") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert found.all("html")[0]["lang"] == "en-GB"
    assert found.all("a")[0] == {"class": "skip", "href": "#content"}
    for drawn in found.all("svg"):
        assert drawn.get("aria-hidden") or drawn["aria-label"]
    assert [a["id"] for tag, a in found.elements if tag == "h2"] == ["verdicts", "trust", "claims", "runs", "workflow"]


def test_the_page_is_written_and_its_address_printed(plan, capsys):
    review.main(["--study", NAME])
    said = capsys.readouterr()
    assert said.out.strip() == paths.review(NAME).resolve().as_uri()
    assert "no drawing of the workflow" in said.err  # there is no Snakefile here
    assert "there is no drawing of them" in Page(paths.review(NAME).read_text()).said


# --- the drawings


def test_the_workflow_counts_its_jobs(plan):
    content, html = made_up.page()
    stages = {stage.rule: stage for stage in content.stages}
    assert stages["train"].jobs == len(plan.blocks)
    assert (stages["train"].waits_for, stages["train"].measured[0]) == (
        ["tune"],
        str(len({plan.block(run) for run in plan.runs if run != MISSING})),
    )
    assert {box.rule for box in content.workflow.boxes} == {"prepare", "tune", "train", "analyse", "report"}
    assert f"train {len(plan.blocks)} jobs" in Page(html).said


def test_a_curve_is_drawn_on_a_logarithmic_axis():
    curve = Curve("m", [(0, 100.0), (5, 10.0), (10, 1.0), (11, 0.0), (12, math.nan)])
    found = sparklines.panel([curve, Curve("other", [(0, 10.0)], diverged=True)], {"m": "M"}, 100, 50)
    assert found.lines[0].points == "0.0,0.0 50.0,25.0 100.0,50.0"
    assert (found.lines[0].broke_off, found.lines[1].broke_off) == (None, (0.0, 25.0))
    assert (found.low, found.high, found.steps) == ("1", "1e+02", 10)
    assert found.words == "Training loss over 10 steps, at the end: M 1.000; other 10.00"
    assert sparklines.panel([Curve("m", [(0, 0.0)])], {}) is None
    assert sparklines.panel([], {}) is None
    assert sparklines.panel([Curve("m", [(0, 2.0)])], {}).lines[0].points == f"0.0,{sparklines.HEIGHT:.1f}"


def test_a_long_curve_keeps_its_ends():
    long = [(step, 1000.0 - step) for step in range(1000)]
    (line,) = sparklines.panel([Curve("m", long)], {}, 999, 100).lines
    points = line.points.split()
    assert len(points) == sparklines.MOST_POINTS
    assert (points[0], points[-1]) == ("0.0,0.0", "999.0,100.0")
