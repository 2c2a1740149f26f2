"""The numbers of the W&B report, read back from its specification and compared with the study's results."""

import json

import numpy as np
import pytest

from pipeline.metrics import formatting
from pipeline.results import paths, run_summaries, store
from pipeline.runs import tuning
from pipeline.study import run_outcomes
from pipeline.study.plan import Plan
from pipeline.tracking import report_limits, upload, wandb_report
from pipeline.verdicts import claim_rows

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
STUDY = "small"


def sections(place):
    """The texts of the report that a dry run writes, by the heading of the second level above them."""
    upload.main(["--study", STUDY, "--dry-run"])
    found, head = {}, ""
    for block in json.loads((place / "results" / STUDY / "wandb_report.json").read_text())["blocks"]:
        if block["type"] == "heading" and block["level"] == 2:
            head = block["children"][0]["text"]
        if block["type"] == "markdown-block":
            found.setdefault(head, []).append(block["content"])
    return found


def rows(text):
    """The rows of the table in a text, each by its column."""
    head, _, *lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(map(str.strip, head), map(str.strip, line), strict=True)) for line in lines]


def bullets(text):
    return [line.removeprefix("- ") for line in text.splitlines()]


def test_final_accuracies_are_those_of_the_summaries_for_each_sweep(place):
    (text,) = sections(place)[wandb_report.FINALS]
    shown, plan = rows(text), Plan.load(STUDY)
    ended = run_outcomes.ended(plan)
    expected = {}
    for run in plan.runs.values():
        key = f"`{run.sweep}`", str(run.training.network.hidden), plan.study.methods[run.method].label
        expected.setdefault(key, []).append(ended.get(run.name, {}).get("final", {}).get("test_accuracy"))
    assert [(row["Sweep"], row["Hidden layers"], row["Method"]) for row in shown] == list(expected)
    for row, values in zip(shown, expected.values(), strict=True):
        known = [value for value in values if value is not None]
        assert row["n"] == f"{len(known)} of {len(values)}"
        cell = row["Test accuracy, mean [95 % interval]"]
        assert (
            float(cell.split()[0]) == pytest.approx(np.mean(known), abs=1e-4) if known else cell == formatting.MISSING
        )
    assert sum(row["n"].startswith("1 of") for row in shown) == 3, "the small study has results of three runs"


def test_the_interval_is_over_the_runs_that_finished(place):
    plan = Plan.load(STUDY)
    path = paths.summary(STUDY, "deep-one_sg-b0")
    runs = {name: {"status": "finished", "final": {"test_accuracy": value}} for name, value in RUNS.items()}
    runs["deep-one_sg-s2"] |= {"status": "diverged"}
    store.write_json(path, run_summaries.content("deep-one_sg-b0", runs, {}))
    (row,) = [each for each in run_outcomes.finals(plan) if each.sweep == "deep"]
    assert (row.runs, row.finished, row.hidden) == (3, 2, 20)
    assert row.estimates["test_accuracy"].mean == pytest.approx(0.6)
    assert row.estimates["test_accuracy"].n == 2
    assert f"1 of {len(plan.runs)} trainings diverged (1 of one linear SG in deep); no mean in the tables" in " ".join(
        report_limits.limits(plan, [])
    )


RUNS = {"deep-one_sg-s0": 0.5, "deep-one_sg-s1": 0.7, "deep-one_sg-s2": 0.1}


def test_chosen_rates_are_those_of_the_search(place):
    (text,) = sections(place)[wandb_report.RATES]
    (shown,) = rows(text)
    plan = Plan.load(STUDY)
    ((cell, runs),) = plan.cells.items()
    choice = store.read_json(paths.choice(STUDY, cell))
    assert float(shown["Rate"]) == pytest.approx(choice["rate"], rel=1e-5)
    assert float(shown["Gate factor"]) * choice["rate"] == pytest.approx(choice["gate_rate"], rel=1e-5)
    told = [("no", "yes")[choice[key]] for key in ("at_edge", "bracketed")]
    assert [shown["At the edge"], shown["Bracketed"]] == told
    assert (shown["Sweep"], shown["Method"]) == ("`tuned`", plan.study.methods[runs[0].method].label)


def test_a_rate_of_the_modules_is_shown_where_they_have_one(root, monkeypatch):
    monkeypatch.chdir(root)
    for study in ("smoke", "study"):
        for run in Plan.load(study).runs.values():
            assert run_outcomes.has_gate_rate(run) == tuning.has_gate_rate(run), run.name


@pytest.mark.parametrize(
    "content", [{}, [], {"rate": 1, "gate_rate": 1, "at_edge": True, "bracketed": True, "trials": []}]
)
def test_a_damaged_choice_is_named(place, content):
    store.write_json(path := paths.choice(STUDY, "tuned-one_sg"), content)
    with pytest.raises(store.DamagedFileError, match=f"{path}: expected the "):
        run_outcomes.rates(Plan.load(STUDY))


def test_limits_name_every_open_question_and_why_something_is_undecided(place):
    (text,) = sections(place)[wandb_report.LIMITS]
    said, claims = bullets(text), claim_rows.by_claim(claim_rows.read(paths.verdicts(STUDY)))
    plan = Plan.load(STUDY)
    assert said[0].startswith(f"0 of {len(plan.runs)} trainings diverged")
    assert said[0].endswith(f" {len(plan.runs) - 3} have no result.")
    assert "1 chosen rates lie on the edge" in said[1]
    for claim in claims:
        whole = claim.whole
        assert sum(each.startswith(f"{whole['id']} leaves open: ") for each in said) == bool(whole["open"])
        undecided = whole["verdict"] in ("undecided", "not testable")
        assert sum(each.startswith(f"{whole['id']} is {whole['verdict']}: ") for each in said) == undecided
    assert len(said) > len(claims)


def test_links_name_the_paper_the_commit_and_only_a_repository_that_is_known(place):
    def links():
        texts = sections(place)[wandb_report.ORIGIN]
        return dict(line.split(": ", 1) for line in bullets(texts[0]))

    found = links()
    assert found["Paper"] == "[arXiv:1703.00522](https://arxiv.org/abs/1703.00522)"
    assert "Repository" not in found
    commit = store.provenance_of(paths.metrics(STUDY))["commit"]
    assert (commit or "not recorded")[:12] in found["Code of the results"]
    (place / "CITATION.cff").write_text("repository-code: https://example.org/study\n")
    assert links()["Repository"] == "[https://example.org/study](https://example.org/study)"
    for wrong in ("repository-code: javascript:x", "- a", "a: [", "repository-code: 3"):
        (place / "CITATION.cff").write_text(wrong)
        assert "Repository" not in links()


def test_every_number_of_the_verdicts_is_that_of_their_file(place):
    texts = sections(place)
    parts = {row["Part"]: row for text in texts["Claims"] if "| Part |" in text for row in rows(text)}
    expected = [row for row in claim_rows.read(paths.verdicts(STUDY)) if "." in row["id"]]
    assert set(parts) == {row["id"] for row in expected}
    for row in expected:
        found, shown = claim_rows.estimate(row), parts[row["id"]]
        assert (shown["Statistic"], shown["95 % interval"]) == (formatting.mean(found), formatting.bounds(found))
        assert (shown["n"], shown["Verdict"]) == (str(row["n"]), row["verdict"])
