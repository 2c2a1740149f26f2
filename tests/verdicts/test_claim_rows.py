"""Verdicts for readers: claims with their parts, and sentences with links."""

from pipeline.metrics.formatting import Estimate
from pipeline.verdicts import claim_rows


def row(id, verdict="replicated", **more):
    base = {
        "id": id, "verdict": verdict, "exact": False, "holds_corrected": None, "statistic": 0.5, "interval": [0.4, 0.6],
        "bootstrap": [0.45, 0.55], "n": 3, "figure": None, "evidence": "x.",
    }  # fmt: skip
    return {**base, **more}


def test_parts_stand_under_their_own_claim():
    rows = [row("C1"), row("C1.a"), row("C1.b"), row("C10"), row("C10.a"), row("C2")]
    found = {claim.whole["id"]: [part["id"] for part in claim.parts] for claim in claim_rows.by_claim(rows)}
    assert found == {"C1": ["C1.a", "C1.b"], "C10": ["C10.a"], "C2": []}


def test_criteria_are_counted():
    parts = [
        row("C1.a", holds_corrected=True), row("C1.b", holds_corrected=False), row("C1.c", "partly"),
        row("C1.d", "not tested here"), row("C1.e", exact=True),
    ]  # fmt: skip
    assert claim_rows.multiple(parts) == {"criteria": 4, "exact": 1, "hold": 2, "corrected": 1}


def test_each_interval_is_told_from_the_other():
    assert claim_rows.student(row("C1.a")) == Estimate(0.5, 0.4, 0.6, 3)
    assert claim_rows.resampled(row("C1.a")) == Estimate(0.5, 0.45, 0.55, 3)
    assert claim_rows.student(row("C1", interval=None)) == Estimate(0.5, None, None, 3)
    assert claim_rows.resampled(row("C1", bootstrap=None)) == Estimate(0.5, None, None, 3)


def test_a_figure_in_a_sentence_is_a_link_and_the_rest_is_escaped():
    told = row("C1.a", figure="norms", evidence="a <b>: 1 (figure norms); and & so on.")
    assert str(claim_rows.evidence(told, {"norms": "The <norms>"})) == (
        'A &lt;b&gt;: 1 (figure <a href="#figure-norms">The &lt;norms&gt;</a>); and &amp; so on.'
    )
    assert str(claim_rows.evidence(told, {})) == "A &lt;b&gt;: 1 (figure norms); and &amp; so on."
    assert str(claim_rows.evidence(row("C1.a", evidence="<i>."), {"norms": "x"})) == "&lt;i&gt;."
