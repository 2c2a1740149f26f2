"""Verdicts follow from criteria and intervals alone, and the ledger is read as if it were wrong."""

import json

import pytest
import yaml

from pipeline import config, judge, ledger
from pipeline.complaints import ConfigError
from pipeline.ledger import Claim
from pipeline.stats import Interval
from pipeline.verdicts import NOT_REPLICATED, NOT_TESTED, PARTLY, REPLICATED, Criterion, overall, paired
from pipeline.verdicts import judge as verdict

NAN = float("nan")


@pytest.mark.parametrize(
    ("side", "found", "expected"),
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
    ],
)
def test_a_random_number_needs_its_whole_interval(side, found, expected):
    assert verdict(Criterion(side, 1.0), Interval(*found)) == expected


def test_an_exact_number_decides_alone():
    assert verdict(Criterion("above", 1.0, exact=True), Interval(2.0, NAN, NAN, 1)) == REPLICATED
    assert verdict(Criterion("above", 1.0, exact=True), Interval(1.0, NAN, NAN, 1)) == NOT_REPLICATED


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
    assert paired([1.0, 5.0, 9.0], [0.5, 4.5, 8.5]) == Interval(0.5, 0.5, 0.5, 3)
    assert paired([1.0, 5.0, None], [0.5, 4.0, 1.0]).n == 2
    with pytest.raises(ValueError, match="3 and 2 values"):
        paired([1, 2, 3], [1, 2])


CLAIM = Claim.model_validate(
    {
        "id": "C1", "claim": "x", "source": "S", "figure": "norms",
        "parts": [
            {"id": "C1.a", "says": "one", "metric": "a/up", "above": 0.0},
            {"id": "C1.b", "says": "two", "metric": "a/up", "minus": "a/down", "below": 0.0},
            {"id": "C1.c", "says": "three", "metric": "a/none", "below": 0.0},
        ],
    },
    strict=False,
)  # fmt: skip
METRICS = {"a": {"up": {"values": [1.0, 1.1, 0.9]}, "down": {"values": [0.0, 0.2, 0.1]}}}


def test_every_row_says_what_was_found():
    whole, one, two, three = judge.judged(CLAIM, METRICS, {"norms": None})
    assert (one["verdict"], two["verdict"], three["verdict"]) == (REPLICATED, NOT_REPLICATED, NOT_TESTED)
    assert whole["verdict"] == PARTLY
    assert two["statistic"] == pytest.approx(0.9)
    assert two["interval"][0] < 0.9 < two["interval"][1]
    assert (one["n"], three["n"]) == (3, 0)
    assert "no a/none" in three["evidence"]
    assert "[" in one["evidence"]
    assert "figure norms" in one["evidence"]
    keys = {"id", "claim", "source", "criterion", "verdict", "statistic", "interval", "n", "evidence"}
    for row in (whole, one, two, three):
        assert keys <= row.keys()
        json.dumps(row, allow_nan=False)


def test_the_ledger_has_every_claim_once(root):
    found, study = ledger.load(root / ledger.PATH), config.load("study", root)
    assert [claim.id for claim in found.claims][:18] == [f"C{number}" for number in range(1, 19)]
    for claim in found.claims:
        assert claim.tested_by is None or (root / claim.tested_by).is_file()
        assert claim.figure is None or claim.figure in study.figures
        for part in claim.parts:
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
        ledger.load(path)
