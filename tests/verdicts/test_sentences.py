"""The sentences that say what was found follow the verdicts."""

import pytest
import small_ledger as small
from small_ledger import claim, part

from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import by_claim
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.judge import judge_claim, judge_ledger
from pipeline.verdicts.sentences import TOPICS, sentences


def said(*claims, metrics=small.METRICS):
    rows = [row for each in claims for row in judge_claim(each, metrics, [])]
    return sentences(by_claim(rows))


UP = claim(part(), short="one is larger", topic="learning")
DOWN = claim(part("C2.a", metric="a/down"), short="two is larger", topic="learning")
WIDE = claim(part("C3.a", metric="a/wide"), short="three is larger", topic="theory")


def test_claims_of_a_topic_are_in_one_sentence_by_verdict():
    assert said(UP, DOWN, WIDE) == [
        "Of 3 claims, each judged by one number, mostly over 12 seeds, and by a criterion that was written before the "
        "runs, 1 is supported, 1 is contradicted and 1 is undecided.",
        "On learning, it holds that one is larger (C1); it does not hold that two is larger (C2).",
        "On theory and its small models, it is undecided whether three is larger (C3).",
    ]


def test_a_verdict_that_turns_turns_its_sentence():
    turned = small.METRICS | {"a": small.METRICS["a"] | {"up": small.METRICS["a"]["down"]}}
    assert said(UP, metrics=small.METRICS)[1] == "On learning, it holds that one is larger (C1)."
    assert said(UP, metrics=turned)[1] == "On learning, it does not hold that one is larger (C1)."


def test_several_claims_of_a_verdict_are_listed():
    other = claim(part("C2.a"), short="so is two", topic="learning")
    third = claim(part("C3.a"), short="so is three", topic="learning")
    assert said(UP, other, third)[1] == (
        "On learning, it holds that one is larger (C1), that so is two (C2) and that so is three (C3)."
    )


def test_no_difference_and_what_could_not_be_tested_are_said():
    same = claim(part(metric="a/up", above=1.0, equal=[-0.5, 0.5]), short="one is larger", topic="further")
    assert (
        said(same)[1]
        == "Beyond the paper, the difference is too small to count where we asked whether one is larger (C1)."
    )
    assert said(UP, metrics={})[1] == "On learning, it could not be tested whether one is larger (C1)."


def test_seeds_are_counted_if_most_numbers_have_as_many():
    fewer = small.METRICS | {"a": small.METRICS["a"] | {"down": small.number([-value for value in small.NEAR[:6]])}}
    assert said(UP, WIDE, DOWN, metrics=fewer)[0].startswith(
        "Of 3 claims, each judged by one number, mostly over 12 seeds,"
    )
    assert said(UP, DOWN, metrics=fewer)[0].startswith("Of 2 claims, each judged by one number and by a criterion")


def test_there_is_nothing_to_say_without_verdicts():
    assert sentences([]) == []


def test_the_ledger_fills_every_topic_in_at_most_seven_sentences():
    claims = load_claims().claims
    assert {each.topic for each in claims} == set(TOPICS)
    assert 5 <= len(sentences(by_claim(judge_ledger(load_claims(), {}, [])))) <= 7


@pytest.mark.parametrize("each", load_claims().claims, ids=lambda each: each.id)
def test_a_claim_in_few_words_goes_on_a_sentence(each):
    assert not each.short.endswith(".")
    assert len(each.short.split()) <= 20
    assert criteria.VERSION == 5
