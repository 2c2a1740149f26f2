"""Methods side by side: all in one setting, each quantity from one analysis."""

import pytest

from pipeline.metrics.formatting import Estimate
from pipeline.pages.methods_table import ACCURACY, COSINE, COST, MethodsComparison, compare, relative


def number(mean, n=3):
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": n, "values": []}


METRICS = {
    "depths": {
        "test_accuracy.bp.hidden5": number(0.9),
        "test_accuracy.sg.hidden5": number(0.8),
        "test_accuracy.bp.hidden20": number(0.7),
        "update_flops.bp.hidden5": number(9.0),
    },
    "methods": {
        "test_accuracy.bp.hidden5": number(0.91),
        "test_accuracy.sg.hidden5": number(0.81),
        "test_accuracy.fa.hidden5": number(0.61),
        "update_flops.bp.hidden5": number(8.0),
        "update_flops.sg.hidden5": number(10.0),
        "steps.fa.hidden5": number(3.0),
    },
    "quality": {
        "cosine.sg.hidden5": number(0.5),
        "cosine_trend.sg.hidden5": number(0.2),
        "cosine.sg.hidden20": number(0.3),
    },
}


def test_the_setting_with_most_methods_is_chosen_and_no_quantity_mixes_analyses():
    found = compare(METRICS, ["bp", "sg", "fa"])
    assert found.setting == "hidden5"
    assert found.analyses == {ACCURACY: "methods", COST: "methods", COSINE: "quality"}
    assert found.of(ACCURACY, "fa") == Estimate(0.61, pytest.approx(0.51), pytest.approx(0.71), 3)
    assert found.of(ACCURACY, "bp").mean == 0.91
    assert found.of(COSINE, "sg").mean == 0.5
    assert found.of(COSINE, "bp") is None
    assert found.of("steps", "fa") is None


def test_what_belongs_to_no_method_is_left_out():
    assert compare({"a": {"test_accuracy.other.hidden5": number(1.0)}}, ["bp"]) is None
    assert compare({}, ["bp"]) is None
    assert compare({"a": {"test_accuracy.bp": number(1.0)}}, ["bp"]).setting == ""
    assert compare({"a": {"test_accuracy.bp.hidden5.rate0.01": number(1.0)}}, ["bp"]).setting == "hidden5.rate0.01"


def test_costs_are_multiples_of_the_reference():
    found = compare(METRICS, ["bp", "sg", "fa"])
    assert relative(found.of(COST, "sg"), found.of(COST, "bp")) == 1.25
    assert relative(found.of(COST, "fa"), found.of(COST, "bp")) is None
    assert relative(found.of(COST, "sg"), None) is None
    assert relative(found.of(COST, "sg"), Estimate(0.0, 0.0, 0.0, 3)) is None
    assert MethodsComparison("", {}, {}).of(COST, "bp") is None
