"""Names and numbers as readers see them."""

import math

import pytest

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate

DASH = "\N{EN DASH}"
LABELS = {"backprop": "backprop", "one_sg": "one linear SG"}


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("test_accuracy.one_sg.hidden20", "test accuracy, 20 hidden layers", "one linear SG"),
        ("test_accuracy.backprop.hidden1", "test accuracy, 1 hidden layer", "backprop"),
        ("steps_to_loss_0.5.one_sg.hidden3.rate0.01", "steps to loss 0.5, 3 hidden layers, rate 0.01", "one linear SG"),
        ("log10_gap.by_fixed_sg.rate1e-05", "log10 gap, by fixed SG, rate 1e-05", ""),
        ("cka.backprop.one_sg.layer7", "CKA, backprop, one linear SG, layer 7", ""),
    ],
)
def test_a_headline_numbers_name_in_words(name, row, column):
    assert formatting.place(name, LABELS) == (row, column)


def test_other_words_for_a_part():
    assert formatting.place("cosine.one_sg", LABELS, {"cosine": "angle"}) == ("angle", "one linear SG")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98123, "0.9812"),
        (0.1, "0.1000"),
        (0.99999, "1.000"),
        (12.3456, "12.35"),
        (4000.0, "4000"),
        (0.0, "0"),
        (-0.5, "-0.5000"),
        (1.234e-18, "1.23e-18"),
        (123456.0, "1.23e+05"),
        (None, DASH),
        (math.nan, DASH),
        (math.inf, DASH),
    ],
)
def test_four_significant_digits(value, text):
    assert formatting.number(value) == text


def test_mean_and_bounds_are_rounded_alike():
    estimate = Estimate(0.0123, -0.4, 0.4246, 3)
    assert formatting.mean(estimate) == "0.0123"
    assert formatting.bounds(estimate) == "[-0.4000, 0.4246]"


@pytest.mark.parametrize("missing", [None, math.nan])
def test_no_interval_of_one_value(missing):
    assert formatting.bounds(Estimate(0.5, missing, missing, 1)) == formatting.MISSING
    assert formatting.mean(Estimate(0.5, missing, missing, 1)) == "0.5000"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (59.9, "59.9 s"), (252, "4 min 12 s"), (3600, "1 h 00 min"), (11105, "3 h 05 min")],
)
def test_durations(seconds, text):
    assert formatting.duration(seconds) == text


def test_numbers_sort_by_size():
    names = ["20 hidden layers", "3 hidden layers", "loss 0.5, 3 layers", "loss 0.5, 20 layers", "loss 0.25, 3 layers"]
    assert sorted(names, key=formatting.natural) == [
        "3 hidden layers",
        "20 hidden layers",
        "loss 0.25, 3 layers",
        "loss 0.5, 3 layers",
        "loss 0.5, 20 layers",
    ]


def test_first_sentence():
    assert formatting.first_sentence("One, e.g. this\n  and 0.5 more. Two.") == "One, e.g. this and 0.5 more."
    assert formatting.first_sentence("") == ""


def test_paragraphs():
    assert formatting.paragraphs("\nA\n b.\n  \nC.\n") == ["A b.", "C."]
