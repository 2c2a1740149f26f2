"""Verdicts for readers: claims with their parts, sentences with links, and rows of older criteria."""

import pytest
import small_ledger as small
from small_ledger import claim, part

from pipeline.metrics.formatting import Estimate
from pipeline.results import store
from pipeline.verdicts import claim_rows
from pipeline.verdicts.judge import judge_claim


def judged(*parts, **changes):
    return judge_claim(claim(*parts, **changes), small.METRICS, ["norms"])


ROWS = [
    *judged(part("C1.a"), part("C1.b"), part("C1.c", metric="a/wide", varies="rate")),
    *judged(part("C10.a", metric="a/down")),
    *judged(part("C2.a", metric="b/none")),
]


def test_parts_stand_under_their_own_claim():
    found = {each.whole["id"]: [row["id"] for row in each.parts] for each in claim_rows.by_claim(ROWS)}
    assert found == {"C1": ["C1.a", "C1.b", "C1.c"], "C10": ["C10.a"], "C2": ["C2.a"]}
    assert [each.primary["id"] for each in claim_rows.by_claim(ROWS)] == ["C1.a", "C10.a", "C2.a"]


def test_verdicts_and_secondaries_are_counted():
    claims = claim_rows.by_claim(ROWS)
    counted = {"supported": 1, "equivalent": 0, "contradicted": 1, "undecided": 0, "not testable": 1}
    assert claim_rows.count(claims) == counted
    assert claim_rows.secondaries(claims) == {"of": 2, "borne_out": 1, "corrected": 1}


def test_secondaries_and_robustness_have_words():
    assert claim_rows.shown_secondaries(ROWS[0]) == "of 2 secondaries, 1 bears it out, 1 after Holm's correction"
    assert claim_rows.robustness(ROWS[0]) == "rate: not shown throughout"
    alone = judged(part())[0]
    assert (claim_rows.shown_secondaries(alone), claim_rows.robustness(alone)) == ("no secondaries", "not examined")


SHOWN = [
    *judged(part("C1.a"), part("C1.b"), part("C1.c", metric="a/wide"), figure="norms"),
    *judged(part("C10.a", metric="a/down"), figure="norms"),
]


def test_what_a_figure_shows_is_told_with_its_primaries_numbers():
    told = claim_rows.seen(SHOWN, "norms")
    assert [said.partition(": ")[0] for said in told] == ["C1.a is supported", "C10.a is contradicted"]
    row = SHOWN[1]
    number = claim_rows.estimate(row)
    assert told[0] == (
        f"C1.a is supported: part a, {claim_rows.formatting.mean(number)} {claim_rows.formatting.bounds(number)}, "
        f"n = {row['n']}, claimed above 0."
    )
    assert claim_rows.seen(SHOWN, "rates") == []


def test_a_figure_without_a_primary_tells_its_first_parts():
    secondaries = [row for row in SHOWN if row.get("role") == "secondary"]
    assert [said.partition(" ")[0] for said in claim_rows.seen(secondaries, "norms")] == ["C1.b", "C1.c"]


def test_a_number_comes_with_its_interval():
    row = ROWS[1]
    assert claim_rows.estimate(row) == Estimate(row["statistic"], *row["interval"], 12)
    assert claim_rows.estimate(ROWS[-1]) == Estimate(None, None, None, 0)


def test_a_figure_in_a_sentence_is_a_link_and_the_rest_is_escaped():
    told = {"figure": "norms", "evidence": "a <b>: 1 (figure norms); and & so on."}
    assert str(claim_rows.evidence(told, {"norms": "The <norms>"})) == (
        'A &lt;b&gt;: 1 (figure <a href="#figure-norms">The &lt;norms&gt;</a>); and &amp; so on.'
    )
    assert str(claim_rows.evidence(told, {})) == "A &lt;b&gt;: 1 (figure norms); and &amp; so on."
    assert str(claim_rows.evidence({"figure": None, "evidence": "<i>."}, {"norms": "x"})) == "&lt;i&gt;."


OLD = [{"id": "C1", "verdict": "partly"}, {"id": "C1.a", "verdict": "replicated"}]


def test_verdicts_by_older_criteria_are_told_from_the_present_ones(tmp_path):
    path = tmp_path / "verdicts.json"
    assert (claim_rows.present(path), claim_rows.older(path)) == ([], None)
    store.write_json(path, ROWS)
    assert (len(claim_rows.present(path)), claim_rows.older(path)) == (len(ROWS), None)
    assert claim_rows.read(path)[0]["id"] == "C1"
    store.write_json(path, OLD)
    assert claim_rows.present(path) == []
    assert claim_rows.older(path) == (3, {"C1": "partly", "C1.a": "replicated"})
    with pytest.raises(store.DamagedFileError, match="found verdicts by criteria version 3, expected version 5"):
        claim_rows.read(path)


@pytest.mark.parametrize("content", [{}, [1], [{"id": "C1"}]])
def test_a_file_without_rows_is_refused(tmp_path, content):
    store.write_json(tmp_path / "verdicts.json", content)
    with pytest.raises(store.DamagedFileError, match="run `judge` again"):
        claim_rows.read(tmp_path / "verdicts.json")
