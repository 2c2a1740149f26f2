"""Headline numbers, as they are written down."""

import json

import numpy as np
import pytest

from pipeline.metrics import intervals
from pipeline.metrics.ranges import SHARE
from pipeline.metrics.summary import summarise


def test_every_number_has_its_interval_its_range_and_its_values():
    values = {"a.b": [0.3, 0.5, 0.9], "a.c": [1.0, np.nan, 2.0], "share.d": [0.9, 1.0], "a.e": [0.1, 0.1, 0.1]}
    found = summarise(values, {"share": "share"})
    assert found["a.b"]["values"] == values["a.b"]
    assert [found["a.b"][key] for key in ("mean", "low", "high", "n")] == list(intervals.interval(values["a.b"]))
    assert (found["a.c"]["values"], found["a.c"]["n"], found["a.c"]["range"]) == ([1.0, None, 2.0], 2, "real")
    expected = intervals.interval(values["share.d"], range=SHARE)
    assert (found["share.d"]["low"], found["share.d"]["high"]) == (expected.low, expected.high)
    assert (found["share.d"]["range"], found["share.d"]["high"] <= 1) == ("share", True)
    equal = {"mean": 0.1, "low": None, "high": None, "n": 3, "range": "real", "values": [0.1, 0.1, 0.1]}
    assert found["a.e"] == equal
    assert list(found) == list(values)
    json.dumps(found, allow_nan=False)


def test_a_number_out_of_its_range_is_named():
    with pytest.raises(ValueError, match=r"share\.x: found values from 2 to 2; expected them from 0 to 1"):
        summarise({"share.x": [2.0]}, {"share": "share"})


def test_an_analysis_without_numbers_has_none():
    assert summarise({}) == {}
