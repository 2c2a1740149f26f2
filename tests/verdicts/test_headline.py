"""The verdicts in six columns a claim, and as one picture."""

import xml.etree.ElementTree as ET

import small_ledger as small
from small_ledger import claim, part

from pipeline.verdicts.chart import COLOURS, chart
from pipeline.verdicts.claim_rows import by_claim
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.criteria import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED, VERDICTS
from pipeline.verdicts.headline import headline
from pipeline.verdicts.judge import judge_claim, judge_ledger

STATED = claim(part(), part("C1.b"), part("C1.c", metric="a/wide"), part("C1.d", metric="a/down"))


def test_the_number_is_that_of_the_primary():
    (judged,) = by_claim(judge_claim(STATED, small.METRICS, []))
    assert headline(judged) == {
        "verdict": SUPPORTED,
        "decided by": "C1.a: above 0",
        "value": judged.primary["statistic"],
        "n": 12,
        "secondaries": "1 of 3",
        "after Holm": 1,
    }


def test_every_claim_of_a_study_without_numbers_can_be_shown():
    claims = by_claim(judge_ledger(load_claims(), {}, []))
    assert {headline(each)["verdict"] for each in claims} == {NOT_TESTABLE}
    assert squares(chart("mine", claims))


def squares(picture):
    """The colour and the side of each square, without those of the ground and the legend."""
    found = [
        (each.get("fill"), each.get("width")) for each in ET.fromstring(picture).iter() if each.tag.endswith("rect")
    ]
    return found[1 + len(COLOURS) :]


def test_the_picture_has_a_large_square_for_the_primary_and_small_ones_for_the_others():
    alone = claim(part("F2.a", metric="b/none"), claim="x & co")
    rows = [*judge_claim(STATED, small.METRICS, []), *judge_claim(alone, small.METRICS, [])]
    picture = chart("mine", by_claim(rows))
    assert squares(picture) == [
        (COLOURS[SUPPORTED], "14"),
        (COLOURS[SUPPORTED], "8"),
        (COLOURS[UNDECIDED], "8"),
        (COLOURS[CONTRADICTED], "8"),
        (COLOURS[NOT_TESTABLE], "14"),
    ]
    words = [each.text for each in ET.fromstring(picture).iter() if each.tag.endswith("text")]
    assert words[1 + len(COLOURS) :] == ["C1", "supported, 1 of 3 others", "F2", NOT_TESTABLE]


def test_every_verdict_has_a_colour_of_its_own():
    assert tuple(COLOURS) == VERDICTS
    assert len(set(COLOURS.values())) == len(VERDICTS)


def test_a_study_without_claims_has_an_empty_picture():
    assert squares(chart("mine", [])) == []
