"""The report and its appendix: complete, without network, and without a way for planted text to become markup."""

import io
import itertools
import json
import re
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import small_ledger as small
import yaml
from html_pages import Page
from PIL import Image, features
from small_ledger import claim, part

from pipeline import members
from pipeline.metrics import formatting
from pipeline.pages import render, report_model
from pipeline.pages import report as gathering
from pipeline.results import paths, run_summaries, store, timing
from pipeline.stages import report
from pipeline.study.plan import Plan
from pipeline.verdicts import published
from pipeline.verdicts.claims import PATH, load_claims
from pipeline.verdicts.judge import judge_claim

PLANTED = "<script>alert('x')</script>"
HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def outcome(run):
    """How a made-up run ended."""
    bad = run.name == "depth-every_sg-hidden4-s1"
    final = {"test_accuracy": 0.9 - 0.1 * run.seed, "test_loss": None if bad else 0.25}
    ended = {"status": "diverged" if bad else "finished", "step": 37 if bad else 120, "final": final}
    return {**ended, "settings": "0", "message": f"diverged at step 37 {PLANTED}" if bad else None}


@pytest.fixture
def study(root, tmp_path, monkeypatch):
    """A small study with two depths, two methods and two seeds, one of them diverged; the results are made up."""
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
    content["title"] = "Small & <b>bold</b>"
    content["methods"] = {name: content["methods"][name] for name in ("backprop", "every_sg")}
    content["methods"]["every_sg"]["label"] = PLANTED
    content["sweeps"] = {"depth": content["sweeps"]["depth"]}
    for method in content["methods"].values():
        method["sweeps"] = "all"
    content["analyses"] = {
        name: {**entry, "sweep": entry["sweep"] and "depth"}
        for name, entry in content["analyses"].items()
        if name in members.members("analyses") and entry["sweep"] in (None, "depth", ["depth", "depth_more"])
    }
    content["figures"]["learning_curves"]["tables"] = {}
    content["figures"] = {
        name: value
        for name, value in content["figures"].items()
        if name in members.members("figures")
        and {*members.constants("figures", name)["READS"], *value.get("tables", {}).values()} <= {*content["analyses"]}
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(yaml.safe_dump(content))
    plan = Plan.load("small")
    origin = {
        "commit": "0123456789abcdef", "dirty": False, "settings": plan.settings_hash(), "study": "small",
        "versions": {"python": "3.11.7", "torch": "2.13.0"}, "hardware": {"cpu": "A CPU", "cores": 2, "gpu": None},
    }  # fmt: skip
    for block, runs in plan.blocks.items():
        ended = {run.name: outcome(run) for run in runs}
        store.write_json(paths.summary("small", block), run_summaries.content(block, ended, origin))
    value = {"mean": 0.85, "low": 0.2, "high": 1.5, "n": 2}
    metrics = {"learning": {f"test_accuracy.{method}.hidden4": value for method in content["methods"]}}
    store.write_json(paths.metrics("small"), {"study": "small", "metrics": metrics, "provenance": origin})
    for name in content["figures"]:
        store.write_bytes(paths.drawing("small", name, "svg"), b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        store.write_bytes(paths.drawing("small", name, "png"), b"\x89PNG")
        store.write_bytes(paths.drawing("small", name, "csv"), b"x\n1\n")
        caption = tmp_path / "workflow" / "report" / f"{name}.rst"
        caption.parent.mkdir(parents=True, exist_ok=True)
        caption.write_text(f'About "{name}", e.g. ``h``.\nMore of it.\n\nAnd {PLANTED}.\n')
    for analysis in content["analyses"]:
        for job in plan.groups(analysis):
            store.write_table(paths.table("small", analysis, job), pd.DataFrame({"run": ["a", "b"]}), origin)
    return plan


def made():
    """The report."""
    report.main(["--study", "small"])
    return Page(paths.report("small").read_text(encoding="utf-8"))


def appendix():
    """The appendix."""
    report.main(["--study", "small"])
    return Page(paths.appendix("small").read_text(encoding="utf-8"))


def both():
    """The report with a claim that rests on a figure, and the appendix."""
    return judged(claim(part(figure="norms"))), appendix()


def test_what_was_run_is_said(study):
    said = appendix().said
    for text in (
        "Small & <b>bold</b>", study.settings_hash(), "8 of 8", "0123456789ab", "python 3.11.7, torch 2.13.0",
        "A CPU, 2 cores, no GPU",
    ):  # fmt: skip
        assert text in said
    assert "0123456789abc" not in said


def headings(html):
    return [a["id"] for tag, a in html.elements if tag == "h2"]


def test_sections_stand_in_order(study):
    assert headings(made()) == ["trust", "list"]
    report, more = both()
    assert headings(report) == ["found", "all", "trust", "claims", "list"]
    assert headings(more) == ["run", "diverged", "figures", "numbers", "tables", "departures", "settings"]


def test_nothing_is_loaded_from_elsewhere(study, root):
    for html, path in zip(both(), (paths.report("small"), paths.appendix("small")), strict=True):
        assert not {"script", "iframe", "object", "embed", "video", "audio", "form", "base"} & {
            tag for tag, _ in html.elements
        }
        ids = {attributes["id"] for _, attributes in html.elements if "id" in attributes}
        for link in (attributes["href"] for _, attributes in html.elements if "href" in attributes):
            page, _, anchor = link.partition("#")
            if link.startswith("#"):
                assert anchor in ids
            elif link.startswith("../../"):
                assert (root / link.removeprefix("../../")).is_file()
            elif link not in ("data:,", "https://arxiv.org/abs/1703.00522"):
                assert re.fullmatch(r"draw/[a-z0-9_]+\.(csv|svg)|(report|appendix)\.html", page)
                assert (paths.results("small") / page).is_file()
        assert not any("style" in attributes or "srcset" in attributes for _, attributes in html.elements)
        source = path.read_text()
        assert "@import" not in source
        assert "url(" not in source


def test_links_between_the_pages_arrive(study):
    pages = dict(zip(("report.html", "appendix.html"), both(), strict=True))
    ids = {name: {a["id"] for _, a in html.elements if "id" in a} for name, html in pages.items()}
    links = [a["href"].split("#") for html in pages.values() for a in html.all("a") if ".html#" in a["href"]]
    assert links
    assert all(anchor in ids[page] for page, anchor in links)


def test_pictures_are_part_of_the_report_and_beside_the_appendix(study):
    report, more = both()
    assert all(image["src"].startswith("data:image/") for image in report.all("img"))
    assert {image["src"] for image in more.all("img")} == {f"draw/{name}.svg" for name in study.study.figures}


def test_no_attribute_runs_code(study):
    for html in both():
        assert not [name for _, attributes in html.elements for name in attributes if name.startswith("on")]


def test_what_is_planted_stays_text(study):
    for html, path in zip(both(), (paths.report("small"), paths.appendix("small")), strict=True):
        assert not html.all("script")
        assert not html.all("b")
        assert PLANTED in html.said
        assert PLANTED not in path.read_text()


def test_every_figure_has_its_words(study):
    html = appendix()
    assert len(html.all("img")) == len(study.study.figures)
    for name in study.study.figures:
        title = members.constants("figures", name)["TITLE"]
        assert f'{title}. About "{name}", e.g. ``h``.' in [image["alt"] for image in html.all("img")]
        assert {"href": f"draw/{name}.csv"} in html.all("a")
        assert {"href": f"../../pipeline/figures/{name}.py"} in html.all("a")
        assert ", ".join(members.constants("figures", name)["CLAIMS"]) in html.said
    assert "More of it." in html.said
    assert html.all("code")


def test_the_report_lists_every_figure_and_shows_that_of_a_claim_once(study):
    html = judged(claim(part(figure="norms")), claim(part("C2.a", figure="norms")))
    for name in study.study.figures:
        place = "" if name in ("norms", "accuracy_by_depth") else "appendix.html"
        assert {"href": f"{place}#figure-{name}"} in html.all("a")
    assert [a["id"] for _, a in html.elements if a.get("id", "").startswith("figure-")].count("figure-norms") == 1


def test_tables_and_headings_are_made_for_readers_of_every_kind(study):
    for html in both():
        tags = [tag for tag, _ in html.elements]
        assert tags.count("caption") == tags.count("table") >= 1
        assert all(attributes.get("scope") in {"col", "row"} for attributes in html.all("th"))
        assert tags.count("h1") == tags.count("main") == 1
        levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        assert html.all("html")[0]["lang"] == "en-GB"
        assert html.all("a")[0] == {"class": "skip", "href": "#content"}
        ids = [attributes["id"] for _, attributes in html.elements if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_a_diverged_run_is_told_and_left_out_of_the_means(study):
    said = appendix().said
    assert "1 of 8 runs diverged" in said
    assert f"depth-every_sg-hidden4-s1 37 diverged at step 37 {PLANTED}" in said
    assert f"depth 4 {PLANTED} 0.9000 {formatting.MISSING} 1 of 2" in said
    assert "depth 2 backprop 0.8500 [0.1746, 0.9935] 2 of 2" in said


def test_that_none_diverged_is_said_too(study):
    path = paths.summary("small", "depth-every_sg-hidden4-b0")
    content = store.read_json(path)
    content["runs"]["depth-every_sg-hidden4-s1"] |= {"status": "finished", "message": None}
    store.write_json(path, content)
    assert "None: 8 of 8 runs finished." in appendix().said


def test_headline_numbers_stand_side_by_side(study):
    said = appendix().said
    cell = "0.850 [0.200, 1.500], n = 2"
    assert f"Number backprop {PLANTED} Test accuracy, 4 hidden layers {cell} {cell}" in said


def test_a_half_finished_study_has_a_report(study):
    paths.metrics("small").unlink()
    for block in list(study.blocks)[1:]:
        paths.summary("small", block).unlink()
    figure = next(iter(study.study.figures))
    for ending in ("svg", "png", "csv"):
        paths.drawing("small", figure, ending).unlink()
    analysis = next(iter(study.study.analyses))
    for job in study.groups(analysis):
        paths.table("small", analysis, job).unlink()
    said = appendix().said
    assert "metrics.json is not there" in said
    assert "6 of 8 runs have no result yet" in said
    assert "None: 2 of 8 runs finished." in said
    assert "This figure has not been drawn yet." in said
    assert "This analysis has not been run yet." in said


def test_numbers_of_other_settings_are_noticed(study):
    assert "run the workflow again" not in made().said
    content = store.read_json(paths.metrics("small"))
    content["provenance"] |= {"settings": "0" * 12, "dirty": True}
    store.write_json(paths.metrics("small"), content)
    said = made().said
    assert f"made with settings {'0' * 12}, but the study's file now has {study.settings_hash()}" in said
    assert "with uncommitted changes" in said


def test_uncommitted_changes_that_are_not_known_are_noticed(study):
    assert "uncommitted changes" not in made().said
    content = store.read_json(paths.metrics("small"))
    content["provenance"] |= {"dirty": None}
    store.write_json(paths.metrics("small"), content)
    said = made().said
    assert "Of some results it is not known whether they were made with uncommitted changes." in said
    assert "(uncommitted changes: not known)" in appendix().said


def test_a_large_svg_is_shown_as_pixels(study, monkeypatch):
    def kinds():
        html = judged(claim(part(figure="norms")))
        return [image["src"].partition(";")[0] for image in html.all("img")]

    assert set(kinds()) == {"data:image/svg+xml"}
    store.write_bytes(paths.drawing("small", "norms", "svg"), b" " * (gathering.LARGEST_SVG + 1))
    Image.new("RGB", (4, 3)).save(paths.drawing("small", "norms", "png"))
    assert kinds().count("data:image/webp") == 1
    monkeypatch.setattr(features, "check", lambda _: False)
    assert kinds().count("data:image/png") == 1


def test_pixels_are_the_same_in_fewer_bytes(study):
    figure, axes = plt.subplots()
    axes.plot(range(50))
    written = io.BytesIO()
    figure.savefig(written, format="png")
    plt.close(figure)
    smaller, kind = gathering._smaller(written.getvalue())
    assert kind == "image/webp"
    assert len(smaller) < len(written.getvalue())
    before, after = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in (written.getvalue(), smaller))
    np.testing.assert_array_equal(before, after)


def test_limits_say_sources_scale_and_machine(study):
    said = judged(claim(part(), source="A"), claim(part("C2.a"), source="ours")).said
    assert "Of 2 claims, the source of 1 is the paper's abstract and 1 are questions of this project." in said
    assert "nets of 16 units and 2 to 4 hidden layers" in said
    assert "1 of 8 runs diverged, which counts as an outcome" in said
    assert study.settings_hash() in said
    assert "commit 0123456789ab" in said


def test_the_part_that_speaks_most_against_a_verdict_is_named(study):
    against = claim(part(), part("C1.b", below=0.0, above=None), part("C1.c", metric="a/wide"))
    said = judged(against).said
    assert "Most against it: C1.b (contradicted), Part b: 0.3" in said
    said = judged(claim(part(above=1.0), part("C1.b"))).said
    assert "Most in its favour: C1.b (supported), Part b: 0.3" in said
    assert "Most against it" not in judged(claim(part(), part("C1.b"))).said


def test_the_compute_budget(study):
    said = appendix().said
    assert "CPU time, at least not recorded" in said
    for name, row in (("a", "100.5\t-\t300\t1\t1\t1\t0\t0\t9\t90.5"), ("b", "3700\t-\t500\t1\t1\t1\t0\t0\t9\t3600")):
        store.write_bytes(paths.results("small") / "timing" / "train" / f"{name}.tsv", f"{HEAD}{row}\n".encode())
    short = "0.4\t0:00:00\t-\t-\t-\t-\t-\t-\t-\tNA"
    store.write_bytes(paths.results("small") / "timing" / "analyse" / "norms" / "runs.tsv", f"{HEAD}{short}\n".encode())
    found = timing.costs("small")
    assert found["train"] == timing.Cost(jobs=2, wall=3800.5, cpu=3690.5, longest=3700, memory=500)
    assert found["analyse"] == timing.Cost(jobs=1, wall=0.4, cpu=0, longest=0.4, memory=0)
    assert timing.total(found.values()).wall == pytest.approx(3800.9)
    said = appendix().said
    assert "CPU time, at least 1 h 01 min" in said
    assert "all 3 1 h 01 min 1 h 03 min 1 h 01 min 500 MB" in said


def test_departures_are_found_in_the_code(tmp_path):
    package = tmp_path / "package" / "family"
    package.mkdir(parents=True)
    (package / "member.py").write_text(
        '"""A.\n\nDeparture: one\nand more.\n\nNot this.\n"""\n# Departure: no docstring\n'
        'class A:\n    """B.\n\n    Departure: two.\n    """\n    def f(self):\n        """Departure: three."""\n'
    )
    found = [(d.place, d.text) for d in gathering.departures(tmp_path / "package")]
    assert found == [("package/family/member.py", text) for text in ("One and more.", "Two.", "Three.")]


def judged(*claims, figures=("norms",)):
    """Judge these claims by made-up numbers and make the page."""
    rows = [row for each in claims for row in judge_claim(each, small.METRICS, figures)]
    store.write_json(paths.verdicts("small"), rows)
    return made()


def test_verdicts_come_first_each_claim_with_its_parts(study):
    several = claim(
        part(says=f"one {PLANTED}", figure="norms"), part("C1.b"), part("C1.c", metric="a/wide", varies="rate"),
        claim=f"All {PLANTED}", departs=f"Elsewhere {PLANTED}.", paper=[f"[S] Words {PLANTED}."],
    )  # fmt: skip
    html = judged(several, claim(part("C2.a", metric="a/one", exact=True)))
    assert headings(html)[0] == "found"
    shown = [a["id"] for tag, a in html.elements if a.get("id", "").startswith("claim-")]
    assert shown == ["claim-C1", "claim-C1.a", "claim-C1.b", "claim-C1.c", "claim-C2", "claim-C2.a"]
    said = html.said
    assert "by a criterion that was written before the runs, 2 are supported." in said
    assert "it holds that x holds (C1) and that x holds (C2)." in said
    assert "Beside the primaries stand 2 secondaries" in said
    assert "1 bear their claim out, 1 of these also after Holm's correction" in said
    assert "supported C1 X holds" in said
    assert f"Claim All {PLANTED} Source: S." in said
    assert f"C1.a, one {PLANTED}: 0.3 [0.29, 0.31], n = 12, claimed above 0 (figure " in said
    assert "Of 2 secondaries, 1 bears it out, 1 after Holm's correction. Robustness: rate: not shown" in said
    assert said.count("How C1 is tested, and its 3 parts") == said.count("How C2 is tested, and its part") == 1
    assert "0.3000 [0.2895, 0.3105] 12 \N{EN DASH}" in said
    assert "12 holds" in said
    assert [a for a in html.all("a") if a.get("href") == "#figure-norms"]


def test_each_claim_has_what_was_written_before_the_run_and_what_came_of_it(study):
    learns = {"learns": {"says": f"it learns {PLANTED}", "metric": "a/learns", "above": 0.9}}
    stated = claim(
        part(metric="a/wide", under=["learns"]), controls=learns, paper=[f"[S] Words {PLANTED}."],
        departs=f"Elsewhere {PLANTED}.",
    )  # fmt: skip
    said = judged(stated).said
    for term, text in (
        ("What the paper says, as far as known", f"[S] Words {PLANTED}."),
        ("How it is tested", "by looking"),
        ("Primary part", "C1.a: above 0 with the whole 95 % interval. it decides Stated before the run: n = 12 shows"),
        ("Controls", f"It learns {PLANTED}: holds, met by 11 of 12."),
        ("What would have counted against it", "less"),
        ("Result", "Undecided: no secondaries. Robustness: not examined."),
        ("What it doesn't show", "more"),
        ("Departs from the paper", f"Elsewhere {PLANTED}."),
    ):
        assert f"{term} {text}" in said
    assert re.search(r"n = \d+ would decide could have shown 0\.\d+", said)


def test_what_is_not_testable_is_told_without_numbers(study):
    said = judged(claim(part(says=f"one {PLANTED}", metric="b/none"))).said
    assert "not testable C1" in said
    assert f"One {PLANTED}: this study has no b/none. Primary. Criterion: above 0" in said


def test_the_real_verdicts_can_be_shown(study, root):
    ledger = load_claims(root / PATH)
    html = judged(*ledger.claims, figures=study.study.figures)
    assert f"Of {len(ledger.claims)} claims, each judged by one number" in html.said
    shown = {a["id"] for _, a in html.elements if a.get("id", "").startswith("claim-")}
    assert shown == {f"claim-{each.id}" for claim in ledger.claims for each in (claim, *claim.parts)}


def test_verdicts_by_older_criteria_are_not_shown_as_present_ones(study):
    paths.verdicts("small").write_text(json.dumps([{"id": "C1", "verdict": "partly"}]))
    said = made().said
    assert "The claims were judged by criteria version 3, which are no longer in use" in said
    assert "partly" not in said


def published_then(root, before, after, *, verdict="supported", version=5, **origin):
    """Publish some values and a verdict, and make the page of a run with other values and the verdict `supported`."""
    shutil.copy(root / PATH, PATH)
    content = store.read_json(paths.metrics("small"))
    numbers = {f"{PLANTED}{i}": {"values": [value], "mean": value, "low": None, "high": None, "n": 1}
               for i, value in enumerate(before)}  # fmt: skip
    first = {**content, "metrics": {"learning": numbers}, "provenance": {**content["provenance"], **origin}}
    published.write(published.gather(first, [{"criteria": version, "id": "C1.a", "verdict": verdict}]))
    changed = {name: {**number, "values": [value], "mean": value}
               for (name, number), value in zip(numbers.items(), after, strict=True)}  # fmt: skip
    store.write_json(paths.metrics("small"), {**content, "metrics": {"learning": changed}})
    judged(claim(part()))
    return appendix()


def test_a_run_stands_beside_the_published_values(study, root):
    html = published_then(root, [1.0, 2.0], [1.0, 2.5], verdict="undecided")
    said = html.said
    assert "published" in [a["id"] for tag, a in html.elements if tag == "h2"]
    assert "1 identical, 0 within tolerance, 0 new, 1 differs, of 2 headline numbers" in said
    assert "1 of 2 verdicts differs: C1.a (undecided, here supported)" in said
    assert f"learning/{PLANTED}1 2.000 2.500 {formatting.MISSING} one seed" in said
    assert f"learning/{PLANTED}0 1.000" not in said


def test_verdicts_by_other_criteria_arent_compared(study, root):
    said = published_then(root, [1.0], [1.0], verdict="partly", version=3).said
    assert "the published verdicts are by criteria version 3, these by 5: they aren't compared." in said
    assert "partly" not in said


def test_another_platform_is_named_and_many_numbers_are_cut(study, root):
    said = published_then(root, [1.0] * 43, [2.0] * 43, hardware={"cpu": "Another CPU"}).said
    assert "published with cpu: Another CPU, here A CPU" in said
    assert said.count("one seed") == 40
    assert "And 3 more" in said


def test_published_values_of_other_settings_are_not_compared(study, root):
    said = published_then(root, [1.0], [2.0], settings="f" * 12).said
    assert "The reference values were made with other settings (ffffffffffff)." in said
    assert "one seed" not in said


def test_without_published_values_nothing_is_said_of_them(study):
    assert "reference values" not in appendix().said.lower()


def test_methods_are_compared_in_one_table(study):
    content = store.read_json(paths.metrics("small"))
    number = {"low": None, "high": None, "n": 2}
    content["metrics"]["learning"] |= {
        "update_flops.backprop.hidden4": {**number, "mean": 4e6},
        "update_flops.every_sg.hidden4": {**number, "mean": 5e6},
    }
    content["metrics"]["sg_quality"] = {"cosine.every_sg.hidden4": {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 2}}
    store.write_json(paths.metrics("small"), content)
    said = appendix().said
    assert "The last three columns are measured (4 hidden layers; analyses: learning and SG quality)." in said
    assert (
        f"backprop fixed arrived no the loss itself 1.00\N{MULTIPLICATION SIGN} {formatting.MISSING} 0.850 [0.200, 1.500]"
        in said
    )
    assert (
        f"{PLANTED} learned h, y yes quadratic in h 1.25\N{MULTIPLICATION SIGN} 0.5000 [0.2500, 0.7500] 0.850 [0.200, 1.500]"
        in said
    )


def test_methods_without_numbers_have_no_columns_for_them(study):
    paths.metrics("small").unlink()
    said = appendix().said
    assert "The last three columns" not in said
    assert "backprop fixed arrived no the loss itself" in said
    assert "Cosine" not in said


def test_backticks_are_code_and_the_rest_is_escaped():
    assert str(render.marked("a `b<i>` & ``c`` `d")) == "a <code>b&lt;i&gt;</code> &amp; <code>c</code> `d"


def test_categories_keep_their_order():
    figures = [
        report_model.FigureView(name, name, kind, (), [], None, None, None, "")
        for name, kind in (("a", "Mine"), ("b", "Learning"), ("c", "Mine"))
    ]
    assert {name: [f.name for f in group] for name, group in render.by_category(figures).items()} == {
        "Learning": ["b"],
        "Mine": ["a", "c"],
    }
    assert next(iter(render.by_category(figures))) == "Learning"
