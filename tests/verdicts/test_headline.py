"""The verdicts in six columns a claim, and as one picture."""

import xml.etree.ElementTree as ET

import pytest
import small_ledger as small
from small_ledger import claim, part

from pipeline.verdicts.chart import COLOURS, chart
from pipeline.verdicts.claim_rows import FURTHEST, by_claim, distances
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


def drawn(picture, kind, *keys):
    """The attributes of each element of a kind."""
    return [
        tuple(each.get(key) for key in keys) for each in ET.fromstring(picture).iter() if each.tag.endswith(f"}}{kind}")
    ]


def squares(picture):
    """The colour and the side of each square, without those of the ground and the legend."""
    return drawn(picture, "rect", "fill", "width")[1 + len(COLOURS) :]


def test_the_picture_has_a_row_a_claim_and_small_squares_for_the_secondaries():
    alone = claim(part("F2.a", metric="b/none"), short="x & co")
    rows = [*judge_claim(STATED, small.METRICS, []), *judge_claim(alone, small.METRICS, [])]
    picture = chart("mine", by_claim(rows))
    assert squares(picture) == [(COLOURS[SUPPORTED], "8"), (COLOURS[UNDECIDED], "8"), (COLOURS[CONTRADICTED], "8")]
    words = [each.text for each in ET.fromstring(picture).iter() if each.tag.endswith("text")]
    assert words[words.index("C1") :] == ["C1", "x holds", SUPPORTED, "F2", "x & co", NOT_TESTABLE]
    assert [colour for (colour,) in drawn(picture, "circle", "fill")] == [COLOURS[SUPPORTED]], "F2 has no number"


def test_an_interval_is_drawn_in_its_half_widths_and_the_claimed_side_is_positive():
    def row(*, side="above", interval, statistic, bound=0.0, ratio=False, exact=False):
        ends = {"low": bound if side == "above" else None, "high": bound if side == "below" else None}
        kind = {"ratio": ratio, "exact": exact}
        return {"claimed": {"side": side, **ends}, "interval": interval, "statistic": statistic, **kind}

    assert distances(row(interval=[1.0, 3.0], statistic=2.0)) == (1.0, 2.0, 3.0)
    assert distances(row(interval=[1.0, 3.0], statistic=2.0, side="below")) == (-3.0, -2.0, -1.0)
    assert distances(row(interval=[0.5, 2.0], statistic=1.0, bound=1.0, ratio=True)) == pytest.approx((-1, 0, 1))
    assert distances(row(interval=[None, None], statistic=-1.0, exact=True)) == (-FURTHEST,) * 3
    assert distances(row(interval=[None, None], statistic=None)) is None


def test_every_verdict_has_a_colour_of_its_own():
    assert tuple(COLOURS) == VERDICTS
    assert len(set(COLOURS.values())) == len(VERDICTS)


def test_a_study_without_claims_has_an_empty_picture():
    assert squares(chart("mine", [])) == []
