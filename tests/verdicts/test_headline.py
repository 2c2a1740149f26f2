"""The verdicts in five columns a claim, and as one picture."""

import xml.etree.ElementTree as ET

from pipeline.verdicts.chart import COLOURS, chart
from pipeline.verdicts.claim_rows import ClaimRows, by_claim
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.criteria import NOT_REPLICATED, NOT_TESTED, PARTLY, REPLICATED, VERDICTS
from pipeline.verdicts.headline import headline
from pipeline.verdicts.judge import judge_claim


def part(id, verdict, statistic=0.5):
    criterion = "above 1 with both 95 % intervals"
    return {"id": id, "verdict": verdict, "criterion": criterion, "statistic": statistic, "n": 3}


def test_the_number_is_that_of_the_part_that_decides():
    parts = [part("C1.a", REPLICATED), part("C1.b", NOT_TESTED), part("C1.c", PARTLY, 0.7)]
    assert headline(ClaimRows({"id": "C1", "verdict": PARTLY}, parts)) == {
        "verdict": PARTLY,
        "parts": "1 of 3",
        "decided by": "C1.c: above 1",
        "value": 0.7,
        "n": 3,
    }


def test_a_claim_without_parts_has_no_number():
    shown = headline(ClaimRows({"id": "C1", "verdict": NOT_TESTED}, []))
    assert (shown["parts"], shown["decided by"], shown["value"], shown["n"]) == ("0 of 0", "-", None, 0)


def test_every_claim_of_a_study_without_numbers_can_be_shown():
    ledger = load_claims()
    rows = [row for claim in ledger.claims for row in judge_claim(claim, {}, [], ledger.comparisons())]
    assert {headline(claim)["verdict"] for claim in by_claim(rows)} == {NOT_TESTED}


def squares(picture):
    """The colours of the squares, without those of the ground and the legend."""
    found = [each.get("fill") for each in ET.fromstring(picture).iter() if each.tag.endswith("rect")]
    return found[1 + len(COLOURS) :]


def test_the_picture_has_a_square_for_each_part():
    first = ClaimRows({"id": "C1", "verdict": PARTLY}, [part("C1.a", REPLICATED), part("C1.b", NOT_REPLICATED)])
    second = ClaimRows({"id": "F2 & co", "verdict": NOT_TESTED}, [])
    picture = chart("mine", [first, second])
    assert squares(picture) == [COLOURS[REPLICATED], COLOURS[NOT_REPLICATED]]
    words = [each.text for each in ET.fromstring(picture).iter() if each.tag.endswith("text")]
    assert words[1 + len(COLOURS) :] == ["C1", "partly, 1 of 2", "F2 & co", NOT_TESTED]


def test_every_verdict_has_a_colour_of_its_own():
    assert tuple(COLOURS) == VERDICTS
    assert len(set(COLOURS.values())) == len(VERDICTS)


def test_a_study_without_claims_has_an_empty_picture():
    assert squares(chart("mine", [])) == []
