"""Verdicts follow from criteria and intervals alone; the ledger is parsed strictly."""

import json
import re

import numpy as np
import pytest
import yaml

from pipeline.metrics import intervals
from pipeline.metrics.intervals import Interval
from pipeline.study.errors import ConfigError
from pipeline.study.load import load_study
from pipeline.verdicts import claims
from pipeline.verdicts.claims import Claim, load_claims
from pipeline.verdicts.criteria import (
    NOT_REPLICATED,
    NOT_TESTED,
    PARTLY,
    REPLICATED,
    Criterion,
    Found,
    holds_corrected,
    measured,
    overall,
)
from pipeline.verdicts.criteria import judge as verdict
from pipeline.verdicts.judge import judge_claim

NAN = float("nan")


def found(mean, low, high, n, bootstrap=None):
    """A measured number with these intervals, which need not fit its values."""
    return Found(np.array([mean]), Interval(mean, low, high, n), bootstrap or (low, high))


@pytest.mark.parametrize(
    ("side", "number", "expected"),
    [
        ("above", (2, 1.5, 2.5, 3), REPLICATED),
        ("above", (2, 0.5, 3.5, 3), PARTLY),
        ("above", (0.9, 0.5, 1.3, 3), NOT_REPLICATED),
        ("above", (0.5, 0.4, 0.6, 3), NOT_REPLICATED),
        ("below", (0.5, 0.4, 0.6, 3), REPLICATED),
        ("below", (0.9, 0.5, 1.3, 3), PARTLY),
        ("below", (2, 1.5, 2.5, 3), NOT_REPLICATED),
        ("above", (2, NAN, NAN, 1), NOT_TESTED),
        ("above", (NAN, NAN, NAN, 0), NOT_TESTED),
        # Each of the two intervals can keep a number from being replicated, alone.
        ("above", (2, 0.5, 3.5, 3, (1.5, 2.5)), PARTLY),
        ("above", (2, 1.5, 2.5, 3, (0.5, 3.5)), PARTLY),
        ("below", (0.5, 0.2, 1.1, 3, (0.4, 0.6)), PARTLY),
        ("below", (0.5, 0.4, 0.6, 3, (0.2, 1.1)), PARTLY),
        ("above", (2, 1.5, 2.5, 3, (NAN, NAN)), NOT_TESTED),
        ("above", (1.0, 1.0, 1.0, 3), NOT_REPLICATED),  # on the bound is not beyond it
        ("above", (1.1, 1.1, 1.1, 3), REPLICATED),
        ("above", (1.5, 1.0, 2.0, 3), PARTLY),
    ],
)
def test_a_random_number_needs_the_whole_of_both_its_intervals(side, number, expected):
    assert verdict(Criterion(side, 1.0), found(*number)) == expected


def test_an_exact_number_decides_alone():
    assert verdict(Criterion("above", 1.0, exact=True), found(2.0, NAN, NAN, 1)) == REPLICATED
    assert verdict(Criterion("above", 1.0, exact=True), found(1.0, NAN, NAN, 1)) == NOT_REPLICATED
    assert verdict(Criterion("above", 1.0, exact=True), found(NAN, NAN, NAN, 0)) == NOT_TESTED


def test_criteria_have_words():
    assert Criterion("below", -0.5).words() == "below -0.5 with both 95 % intervals"
    assert Criterion("above", 2.0, exact=True).words() == "above 2"


@pytest.mark.parametrize(("side", "sign"), [("above", 1), ("below", -1)])
def test_the_corrected_level_follows_from_the_number_of_criteria(side, sign):
    """Mean 1, deviation 0.1, n = 3: t may be up to 17.3. Its quantiles at 1 - .025/m: 4.3, 14.1 and 20.0."""
    number, criterion = measured([sign * value for value in (1.0, 1.1, 0.9)]), Criterion(side, 0.0)
    assert [holds_corrected(criterion, number, m) for m in (1, 10, 20)] == [True, True, False]


def test_only_what_is_replicated_is_corrected():
    wide, off = measured([1.0, 3.0, 0.2]), measured([-1.0, -1.1, -0.9])
    assert holds_corrected(Criterion("above", 0.0), wide, 1) is None
    assert holds_corrected(Criterion("above", 0.0), off, 1) is None
    assert holds_corrected(Criterion("above", 0.0), measured([]), 1) is None
    assert holds_corrected(Criterion("above", 0.0, exact=True), measured([1.0, 1.1, 0.9]), 1) is None
    assert holds_corrected(Criterion("above", 0.0), measured([1.0, 1.0, 1.0]), 1000) is True


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([REPLICATED, REPLICATED], REPLICATED),
        ([REPLICATED, NOT_REPLICATED], PARTLY),
        ([REPLICATED, NOT_TESTED], PARTLY),
        ([NOT_REPLICATED, NOT_TESTED], NOT_REPLICATED),
        ([PARTLY, PARTLY], PARTLY),
        ([NOT_TESTED], NOT_TESTED),
        ([], NOT_TESTED),
    ],
)
def test_a_claim_is_replicated_only_if_every_part_is(parts, expected):
    assert overall(parts) == expected


def test_differences_are_paired_by_seed():
    """Seeds that differ widely, but by the same amount in both methods: pairing shows it."""
    number = measured([1.0, 5.0, 9.0], [0.5, 4.5, 8.5])
    assert (number.student, number.bootstrap) == (Interval(0.5, 0.5, 0.5, 3), (0.5, 0.5))
    assert measured([1.0, 5.0, None], [0.5, 4.0, 1.0]).student.n == 2
    assert measured([1.0, 5.0, None], [None, 4.0, 1.0]).values.tolist() == [1.0]
    with pytest.raises(ValueError, match="3 and 2 values"):
        measured([1, 2, 3], [1, 2])


def test_both_intervals_are_of_the_differences():
    number = measured([1.0, 5.0, 9.0], [0.0, 3.0, 8.5])
    assert number.student == intervals.interval([1.0, 2.0, 0.5])
    assert number.bootstrap == intervals.bootstrap([1.0, 2.0, 0.5])


def claim(parts=3, **more):
    """A claim, with parts that are replicated, not replicated, and without a number."""
    written = [
        {"id": "C1.a", "says": "one", "metric": "a/up", "above": 0.0},
        {"id": "C1.b", "says": "two", "metric": "a/up", "minus": "a/down", "below": 0.0, "figure": "probes"},
        {"id": "C1.c", "says": "three", "metric": "a/none", "below": 0.0},
    ]
    content = {"id": "C1", "claim": "x", "source": "S", "figure": "norms", "parts": written[:parts], **more}
    return Claim.model_validate(content, strict=False)


METRICS = {"a": {"up": {"values": [1.0, 1.1, 0.9]}, "down": {"values": [0.0, 0.2, 0.1]}}}
FIGURES = {"norms", "probes"}


def test_every_row_says_what_was_found():
    whole, one, two, three = judge_claim(claim(), METRICS, FIGURES, 20)
    assert (one["verdict"], two["verdict"], three["verdict"]) == (REPLICATED, NOT_REPLICATED, NOT_TESTED)
    assert two["statistic"] == pytest.approx(0.9)
    assert tuple(two["interval"]) == intervals.interval([1.0, 0.9, 0.8])[1:3]
    assert two["bootstrap"] == pytest.approx(intervals.bootstrap([1.0, 0.9, 0.8]))
    assert (one["holds_corrected"], two["holds_corrected"], three["holds_corrected"]) == (False, None, None)
    assert judge_claim(claim(), METRICS, FIGURES, 10)[1]["holds_corrected"] is True
    assert (one["n"], three["n"]) == (3, 0)
    assert (three["statistic"], three["interval"], three["bootstrap"]) == (None, [None, None], [None, None])
    assert three["evidence"] == "three: this study has no a/none (figure norms)."
    assert re.fullmatch(
        r"one: 1 \[0.752, 1.25\], bootstrap \[0.9\d*, 1.\d+\], n = 3, claimed above 0 \(figure norms\)\.",
        one["evidence"],
    )
    assert (one["figure"], two["figure"]) == ("norms", "probes")
    keys = {
        "id", "claim", "source", "criterion", "verdict", "statistic", "interval", "bootstrap", "n", "holds_corrected",
        "exact", "figure", "evidence",
    }  # fmt: skip
    for row in (whole, one, two, three):
        assert keys <= row.keys()
        json.dumps(row, allow_nan=False)


def test_a_claim_of_several_parts_counts_them_and_names_the_one_that_decides():
    whole, _, two, _ = judge_claim(claim(departs="Otherwise.", needs="a lab"), METRICS, FIGURES, 3)
    assert whole["verdict"] == PARTLY
    assert (whole["statistic"], whole["interval"], whole["bootstrap"], whole["n"]) == (1, None, None, 3)
    assert whole["criterion"] == "all of its parts: C1.a, C1.b, C1.c"
    assert whole["evidence"] == f"C1.b, {two['evidence']}"
    assert whole["figure"] == "probes"
    assert (whole["departs"], whole["needs"]) == ("Otherwise.", "a lab")


def test_a_claim_whose_parts_are_all_replicated_names_the_first():
    twice = claim(1).model_copy(
        update={"parts": (claim().parts[0], claim().parts[0].model_copy(update={"id": "C1.b"}))}
    )
    whole, one, _ = judge_claim(twice, METRICS, FIGURES, 3)
    assert (whole["verdict"], whole["statistic"], whole["n"]) == (REPLICATED, 2, 2)
    assert whole["evidence"] == f"C1.a, {one['evidence']}"


def test_a_part_that_was_tested_decides_before_one_that_was_not():
    _, failed, untested = claim().parts
    parts = (untested.model_copy(update={"id": "C1.a"}), failed)
    whole, _, two = judge_claim(claim(0).model_copy(update={"parts": parts}), METRICS, FIGURES, 3)
    assert (whole["verdict"], whole["statistic"]) == (NOT_REPLICATED, 0)
    assert whole["evidence"] == f"C1.b, {two['evidence']}"


def test_a_claim_of_one_part_has_its_numbers():
    whole, part = judge_claim(claim(1, tested_by="tests/test_x.py"), METRICS, FIGURES, 3)
    shared = ("verdict", "statistic", "interval", "bootstrap", "n", "holds_corrected", "figure")
    assert [whole[key] for key in shared] == [part[key] for key in shared]
    assert (whole["id"], whole["claim"]) == ("C1", "x")
    assert whole["criterion"] == "its one part, C1.a: above 0 with both 95 % intervals"
    assert whole["evidence"] == f"C1.a, {part['evidence'][:-1]}; tests/test_x.py checks the algebra."


def test_what_is_not_tested_says_what_it_would_need():
    (whole,) = judge_claim(claim(0), METRICS, FIGURES, 3)
    assert (whole["verdict"], whole["statistic"], whole["n"], whole["figure"]) == (NOT_TESTED, None, 0, "norms")
    assert whole["evidence"] == "no analysis of this project measures it yet."
    (whole,) = judge_claim(claim(0, needs="a cluster"), METRICS, FIGURES, 3)
    assert whole["evidence"] == "a test would need a cluster."
    whole = judge_claim(claim(1, needs="a cluster"), {}, FIGURES, 3)[0]
    assert whole["evidence"] == "C1.a, one: this study has no a/up (figure norms); a test would need a cluster."


def test_figures_that_the_study_lacks_are_not_named():
    whole, one, two, _ = judge_claim(claim(), METRICS, {"norms"}, 3)
    assert (whole["figure"], one["figure"], two["figure"]) == (None, "norms", None)
    assert "figure" not in two["evidence"]


def test_numbers_that_cannot_be_paired_are_named():
    metrics = {"a": {**METRICS["a"], "down": {"values": [0.0]}}}
    with pytest.raises(ValueError, match=r"C1\.b: 3 and 1 values can't be paired"):
        judge_claim(claim(), metrics, FIGURES, 3)


def test_exact_criteria_are_no_comparisons():
    exact = claim(1).parts[0].model_copy(update={"exact": True})
    found = claims.Ledger(version=1, claims=(claim(), claim(1).model_copy(update={"parts": (exact,)})))
    assert found.comparisons() == 3


def test_the_ledger_has_every_claim_once(root):
    found, study = load_claims(root / claims.PATH), load_study("study", root)
    assert [claim.id for claim in found.claims][:18] == [f"C{number}" for number in range(1, 19)]
    for claim in found.claims:
        assert claim.tested_by is None or (root / claim.tested_by).is_file()
        assert claim.figure is None or claim.figure in study.figures
        for part in claim.parts:
            assert part.figure is None or part.figure in study.figures
            for name in filter(None, (part.metric, part.minus)):
                assert name.partition("/")[0] in study.analyses


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"above": 1.0, "below": 2.0}, "expected one of `above` and `below`"),
        ({"abov": 1.0}, r"abov: unknown key \(did you mean 'above'"),
        ({"id": "C2.a", "above": 1.0}, "parts under another claim"),
        ({"id": "first", "above": 1.0}, r"claims\.0\.parts\.0\.id"),
    ],
)
def test_faults_of_the_ledger_are_named(tmp_path, change, message):
    part = {"id": "C1.a", "says": "x", "metric": "a/b", **change}
    content = {"version": 1, "claims": [{"id": "C1", "claim": "x", "source": "S", "parts": [part]}]}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=message):
        load_claims(path)
