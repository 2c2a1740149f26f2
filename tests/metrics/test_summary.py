"""Headline numbers, as they are written down."""

import json

import numpy as np
import pytest

from pipeline.metrics import intervals
from pipeline.metrics.summary import summarise


def test_every_number_has_both_intervals_and_its_values():
    values = {"a.b": [0.3, 0.5, 0.9], "a.c": [1.0, np.nan, 2.0], "a.d": [4.0], "a.e": [0.1, 0.1, 0.1]}
    found = summarise(values)
    assert found["a.b"]["values"] == values["a.b"]
    assert [found["a.b"][key] for key in ("mean", "low", "high", "n")] == list(intervals.interval(values["a.b"]))
    assert found["a.b"]["bootstrap"] == pytest.approx(intervals.bootstrap(values["a.b"]), rel=0)
    assert (found["a.c"]["values"], found["a.c"]["n"]) == ([1.0, None, 2.0], 2)
    assert found["a.c"]["bootstrap"] == pytest.approx(intervals.bootstrap([1.0, 2.0]), rel=0)
    one = {"mean": 4.0, "low": None, "high": None, "n": 1, "bootstrap": [None, None], "values": [4.0]}
    assert found["a.d"] == one
    assert found["a.e"]["bootstrap"] == [0.1, 0.1]
    assert list(found) == list(values)
    json.dumps(found, allow_nan=False)


def test_an_analysis_without_numbers_has_none():
    assert summarise({}) == {}
