"""Claims are judged by their primary part, under their controls, with all other parts beside it."""

import json

import pytest
import small_ledger as small
from small_ledger import METRICS, claim, number, part

from pipeline.errors import SettingError
from pipeline.verdicts.criteria import CONTRADICTED, EQUIVALENT, NOT_TESTABLE, ROBUST, SUPPORTED, UNDECIDED
from pipeline.verdicts.judge import judge_claim, judge_parts

FIGURES = {"norms", "curves"}
LEARNS = {"learns": {"says": "backprop learns", "metric": "a/learns", "above": 0.9}}


def rows(stated, metrics=METRICS):
    whole, *parts = judge_claim(stated, metrics, FIGURES)
    return whole, {each["id"]: each for each in parts}


def test_a_claim_has_the_verdict_and_the_numbers_of_its_primary():
    whole, parts = rows(claim(part(), part("C1.b", metric="a/down"), part("C1.c", metric="a/wide")))
    assert [parts[id]["verdict"] for id in ("C1.a", "C1.b", "C1.c")] == [SUPPORTED, CONTRADICTED, UNDECIDED]
    shared = ("verdict", "statistic", "interval", "n", "exact", "smallest_effect")
    assert [whole[key] for key in shared] == [parts["C1.a"][key] for key in shared]
    assert (whole["id"], whole["primary"], whole["claim"]) == ("C1", "C1.a", "x")
    assert whole["secondaries"] == {"of": 2, "borne_out": 0, "corrected": 0}
    assert [parts[id]["role"] for id in ("C1.a", "C1.b")] == ["primary", "secondary"]
    json.dumps([whole, *parts.values()], allow_nan=False)


def test_a_primary_need_not_be_the_first_part():
    stated = claim(part(metric="a/down"), part("C1.b")).model_dump()
    planned = stated["parts"][0].pop("planned")
    stated["parts"][1]["planned"] = planned
    stated = claim(part()).model_validate({**stated, "primary": "C1.b"}, strict=False)
    whole, _ = rows(stated)
    assert (whole["verdict"], whole["criterion"].partition(":")[0]) == (SUPPORTED, "C1.b")


def test_a_control_that_fails_makes_a_part_not_testable():
    fails = {"learns": {**LEARNS["learns"], "metric": "a/fails", "needed": "longer runs"}}
    whole, parts = rows(claim(part(under=["learns"]), part("C1.b"), controls=fails))
    assert (whole["verdict"], parts["C1.b"]["verdict"]) == (NOT_TESTABLE, SUPPORTED)
    assert "a control fails: backprop learns: fails, met by 5 of 12; to test it: longer runs." in whole["evidence"]
    assert rows(claim(part(under=["learns"]), controls=LEARNS))[0]["verdict"] == SUPPORTED


@pytest.mark.parametrize(("values", "holds"), [([1.0, 1.0, 0.0, 0.0], True), ([1.0, 0.0, 0.0], False), ([], False)])
def test_a_control_holds_if_at_least_half_of_the_seeds_meet_it(values, holds):
    metrics = {"a": {**METRICS["a"], "reached": number(values, "share")}}
    controls = {"reached": {"says": "a loss is reached", "metric": "a/reached", "above": 0.5}}
    verdict = rows(claim(part(under=["reached"]), controls=controls), metrics)[0]["verdict"]
    assert verdict == (SUPPORTED if holds else NOT_TESTABLE)


def test_every_control_of_a_part_must_hold():
    controls = {**LEARNS, "other": {"says": "another learns", "metric": "a/fails", "above": 0.9}}
    both, one = (claim(part(under=names), controls=controls) for names in (["learns", "other"], ["learns"]))
    assert (rows(both)[0]["verdict"], rows(one)[0]["verdict"]) == (NOT_TESTABLE, SUPPORTED)


def test_a_run_without_a_value_meets_no_control():
    metrics = {"a": {**METRICS["a"], "learns": number([None] * 7 + [0.95] * 5, "share")}}
    assert rows(claim(part(under=["learns"]), controls=LEARNS), metrics)[0]["verdict"] == NOT_TESTABLE


def test_a_control_may_compare_two_numbers():
    faster = {"faster": {"says": "faster", "metric": "a/up", "over": "a/one", "below": 0.5}}
    assert rows(claim(part(under=["faster"]), controls=faster))[0]["controls"] == ["faster: holds, met by 12 of 12"]


def test_a_control_that_the_study_lacks_fails():
    controls = {"learns": {**LEARNS["learns"], "metric": "b/learns"}}
    whole, _ = rows(claim(part(under=["learns"]), controls=controls))
    assert whole["verdict"] == NOT_TESTABLE
    assert whole["controls"] == ["backprop learns: this study has no b/learns"]


def test_differences_and_ratios_are_taken_seed_by_seed():
    _, parts = rows(claim(part(minus="a/down"), part("C1.b", over="a/one", below=0.5, above=None)))
    assert parts["C1.a"]["statistic"] == pytest.approx(0.6)
    assert parts["C1.b"]["statistic"] == pytest.approx(0.3, abs=0.002)
    assert (parts["C1.a"]["ratio"], parts["C1.b"]["ratio"]) == (False, True)


def test_numbers_that_cannot_be_paired_are_named():
    metrics = {"a": {**METRICS["a"], "down": number([0.0])}}
    with pytest.raises(SettingError, match=r"C1\.a: 12 and 1 values can't be paired"):
        rows(claim(part(minus="a/down")), metrics)


def test_numbers_are_paired_by_seed_and_a_seed_of_one_alone_is_left_out_and_told():
    up = number([1.0, 2.0, 4.0, None], seeds=[20, 21, 23, 24])
    down = number([0.5, 9.0, 1.0, 0.0], seeds=[21, 22, 20, 24])  # in another order
    whole, parts = rows(claim(part(minus="a/down", better="higher")), {"a": {"up": up, "down": down}})
    row = parts["C1.a"]
    assert (row["n"], row["missing"], row["unpaired"]) == (3, 1, 2)
    assert "2 seeds that only one of the two numbers has are left out" in row["evidence"]
    assert "2 seeds that only one of the two numbers has are left out" in whole["evidence"]
    (judged,) = judge_parts(claim(part(minus="a/down")), {"a": {"up": up, "down": down}})
    assert judged.found.values[:2].tolist() == [0.0, 1.5]


def test_numbers_without_a_common_seed_are_not_testable():
    numbers = {"up": number([1.0], seeds=[20]), "down": number([2.0], seeds=[21])}
    row = rows(claim(part(minus="a/down")), {"a": numbers})[1]["C1.a"]
    assert (row["verdict"], row["n"], row["unpaired"]) == ("not testable", 0, 2)


def test_the_range_of_a_number_bounds_its_interval():
    metrics = {"a": {"up": number([0.99, 0.98, 0.2], "share")}}
    low, high = rows(claim(part()), metrics)[0]["interval"]
    assert 0 < low < high < 1


def test_an_undecided_part_says_what_would_decide():
    whole, _ = rows(claim(part(metric="a/wide")))
    assert whole["verdict"] == UNDECIDED
    assert whole["deciding_n"] > 12
    assert f"n = {whole['deciding_n']} would decide" in whole["evidence"]
    assert f"could have shown is {whole['smallest_effect']:.3g}" in whole["evidence"]
    assert rows(claim(part()))[0]["deciding_n"] is None


def test_an_effect_of_next_to_nothing_would_need_too_many_seeds():
    metrics = {"a": {"up": number([1.0, -1.0, 1.0, -0.9999])}}
    assert "n = more than 10,000 would decide" in rows(claim(part()), metrics)[0]["evidence"]


def test_an_effect_that_is_larger_than_the_range_cant_be_shown():
    metrics = {"a": {"up": number([0.9, 0.2], "share")}}
    whole, _ = rows(claim(part(above=0.5)), metrics)
    assert whole["smallest_effect"] is None
    assert "n = 2 could have shown no effect that is possible" in whole["evidence"]


def test_secondaries_without_chance_need_no_correction():
    exact = part("C1.b", metric="a/one", exact=True)
    assert rows(claim(part(), exact))[0]["secondaries"] == {"of": 1, "borne_out": 1, "corrected": 1}


def test_equal_values_are_undecided_unless_their_resolution_is_stated():
    whole, _ = rows(claim(part(metric="a/one")))
    assert whole["verdict"] == UNDECIDED
    assert "their spread isn't known" in whole["evidence"]
    assert rows(claim(part(metric="a/one", resolution=0.1)))[0]["verdict"] == SUPPORTED


def test_runs_that_diverged_are_told():
    metrics = {"a": {"up": number([*small.NEAR[:11], None])}}
    whole, _ = rows(claim(part(better="higher")), metrics)
    assert (whole["n"], whole["missing"], whole["verdict"]) == (12, 1, SUPPORTED)
    assert "n = 12, 1 without a value, claimed above 0" in whole["evidence"]


def test_fewer_seeds_than_planned_are_told():
    assert "; n = 20 was planned." in rows(claim(part(planned={"n": 20})))[0]["evidence"]
    assert "planned" not in rows(claim(part()))[0]["evidence"]


def test_what_was_planned_says_the_smallest_effect():
    planned = {"n": 12, "spread": 0.004, "seen": "version 3"}
    assert rows(claim(part(planned=planned)))[0]["planned"] == (
        "n = 12 shows 0.89 standard deviations with a chance of 80 %: 0.0036 at a spread of 0.004 (version 3)"
    )
    ratio = part(over="a/one", above=0.1, planned={"n": 12, "spread": 0.2})
    assert rows(claim(ratio))[0]["planned"].endswith(": a factor of 1.19 at a spread of 0.2")
    assert rows(claim(part()))[0]["planned"].endswith("with a chance of 80 %")


def test_secondaries_are_corrected_among_themselves():
    """p-values of 0.03, three times over, hold alone and not together; the primary isn't among them."""
    near = [0.5, -0.3, 0.9, 0.2, 1.1, -0.2, 0.6, 0.6]
    metrics = {"a": {**METRICS["a"], "near": number(near)}}
    few = claim(part(), part("C1.b", metric="a/near"))
    many = claim(part(), *(part(f"C1.{letter}", metric="a/near") for letter in "bcd"))
    (one,) = [row for row in rows(few, metrics)[1].values() if row["role"] == "secondary"]
    assert one["p"] == one["corrected"] < 0.05
    assert one["holds_corrected"] is True
    three = [row for row in rows(many, metrics)[1].values() if row["role"] == "secondary"]
    assert all(row["verdict"] == SUPPORTED and row["holds_corrected"] is False for row in three)
    assert [row["corrected"] for row in three] == pytest.approx([3 * one["p"]] * 3)
    assert rows(many, metrics)[0]["secondaries"] == {"of": 3, "borne_out": 3, "corrected": 0}
    assert rows(many, metrics)[1]["C1.a"]["corrected"] is None


def test_parts_without_chance_or_value_are_no_comparisons():
    exact = part("C1.b", metric="a/one", exact=True)
    absent = part("C1.c", metric="b/none")
    judged = judge_parts(claim(part(), exact, absent, part("C1.d")), METRICS)
    corrected = {each.part.id: each.corrected for each in judged}
    p = rows(claim(part(), part("C1.d")))[1]["C1.d"]["p"]
    assert corrected["C1.d"] == p
    assert corrected["C1.b"] != corrected["C1.b"], "not a number"


def test_of_numbers_without_chance_the_worst_is_shown():
    low = part("C1.b", metric="a/up", above=None, below=0.3, exact=True)
    whole, parts = rows(claim(part(exact=True), low))
    assert (whole["statistic"], whole["interval"], whole["verdict"]) == (0.27, [None, None], SUPPORTED)
    assert whole["evidence"] == "C1.a, part a: 0.27 at worst, n = 12, claimed above 0."
    assert (parts["C1.b"]["statistic"], parts["C1.b"]["verdict"]) == (0.33, CONTRADICTED)
    within = part("C1.b", metric="a/up", above=None, within=[0.0, 0.64], exact=True)
    assert rows(claim(part(), within))[1]["C1.b"]["statistic"] == 0.27


def test_sameness_is_borne_out_by_equivalence():
    same = {"above": None, "within": [0.0, 0.5]}
    whole, parts = rows(claim(part(**same), part("C1.b", **same)))
    assert (whole["verdict"], whole["secondaries"]["borne_out"]) == (EQUIVALENT, 1)
    assert parts["C1.b"]["holds_corrected"] is True


def test_robustness_is_told_for_each_thing_that_varies():
    stated = claim(
        part(), part("C1.b", varies="rate"), part("C1.c", varies="depth"), part("C1.d", metric="a/down", varies="depth"),
        part("C1.e", metric="a/down"),
    )  # fmt: skip
    assert rows(stated)[0]["robustness"] == {"rate": ROBUST, "depth": "depends on it"}


def test_the_row_of_a_claim_holds_what_the_ledger_says():
    stated = claim(part(figure="curves"), departs="Elsewhere.", tested_by="tests/test_x.py", figure="norms")
    whole, parts = rows(stated)
    assert (whole["paper"], whole["test"], whole["why"]) == (["[S] Words."], "by looking", "it decides")
    assert (whole["against"], whole["open"], whole["departs"]) == ("less", "more", "Elsewhere.")
    assert whole["figure"] == parts["C1.a"]["figure"] == "curves"
    assert whole["evidence"].endswith("(figure curves); tests/test_x.py checks the algebra.")
    assert {row["criteria"] for row in (whole, *parts.values())} == {5}


def test_figures_that_the_study_lacks_are_not_named():
    whole, parts = rows(claim(part(figure="elsewhere"), figure="norms"))
    assert whole["figure"] is parts["C1.a"]["figure"] is None
    assert "figure" not in whole["evidence"]


def test_what_the_study_lacks_is_named():
    whole, _ = rows(claim(part(metric="b/none", minus="a/none")))
    assert (whole["verdict"], whole["n"], whole["statistic"]) == (NOT_TESTABLE, 0, None)
    assert whole["evidence"] == "C1.a, part a: this study has no b/none and no a/none."


def test_a_seed_that_one_side_of_a_difference_was_never_planned_for_is_left_out():
    """It is no outcome of a run; a seed that diverged stays as a missing one."""
    came = {"4": "unpaired", "5": "diverged"}
    number = {"values": [0.30, 0.29, 0.31, None, None], "seeds": [1, 2, 3, 4, 5], "outcomes": came, "range": "real"}
    row = rows(claim(part(metric="a/x")), {"a": {"x": number}})[1]["C1.a"]
    assert (row["n"], row["missing"], row["unpaired"]) == (4, 1, 1)
