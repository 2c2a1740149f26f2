"""The names of headline numbers and settings."""

import numpy as np
import pandas as pd
import pytest

from pipeline.metrics.names import against, beyond_depth, metric, per_seed, setting


def test_names_tell_what_a_sweep_varies_beside_the_depth():
    assert beyond_depth("network.hidden=20") == beyond_depth("") == []
    assert beyond_depth("network.hidden=20; optimiser.rate=0.1") == ["rate=0.1"]
    assert metric("cosine", "one_sg", 20, "network.hidden=20") == "cosine.one_sg.hidden20"
    assert metric("cosine", "one_sg", 3, "optimiser.rate=0.1") == "cosine.one_sg.hidden3.rate0.1"
    assert setting(1, "") == "1 hidden layer"
    assert setting(20, "network.hidden=20; network.shift=1.0") == "20 hidden layers, shift=1.0"


def test_runs_of_different_settings_are_never_one_number():
    runs = pd.DataFrame(
        {
            "run": ["d", "c", "b", "a"],
            "method": "sg",
            "seed": [0, 1, 1, 0],
            "hidden": 3,
            "varied": ["optimiser.rate=0.1"] * 2 + ["optimiser.rate=0.2"] * 2,
        }
    )
    found = per_seed(pd.concat([runs, runs]), pd.Series({"a": 1.0, "c": 3.0, "d": 4.0}), "x")
    assert found["x.sg.hidden3.rate0.1"] == [4.0, 3.0], "seed 0, then seed 1"
    np.testing.assert_equal(found["x.sg.hidden3.rate0.2"], [1.0, np.nan])


def runs(*rows):
    """Rows are (method, seed)."""
    table = pd.DataFrame(rows, columns=["method", "seed"])
    return table.assign(run=table["method"] + table["seed"].astype(str), hidden=3, varied="network.hidden=3")


def test_a_value_says_its_seed_and_how_it_came_about():
    values = pd.Series({"sg4": 1.0, "sg1": 2.0, "sg2": 3.0, "sg5": 7.0})
    who = runs(("sg", 4), ("sg", 1), ("sg", 2), ("sg", 3), ("sg", 0), ("sg", 5))
    found = per_seed(who, values, "x", diverged={"sg3", "sg2"}, censored={"sg1"}, unmet={"sg5"})["x.sg.hidden3"]
    np.testing.assert_equal(list(found), [np.nan, 2.0, 3.0, np.nan, 1.0, np.nan])
    assert found.seeds == [0, 1, 2, 3, 4, 5]
    assert found.outcomes == ["undefined", "censored", "diverged", "diverged", "measured", "unmet premise"]


def test_two_runs_of_one_name_and_seed_are_refused():
    twice = pd.DataFrame(
        {"run": ["a", "b"], "method": "sg", "seed": 0, "hidden": 3, "varied": ["a.rate=1", "b.rate=1"]}
    )
    with pytest.raises(ValueError, match="one each"):
        per_seed(twice, pd.Series({"a": 1.0, "b": 2.0}), "x")


def test_differences_are_paired_by_seed_and_not_by_place():
    who = runs(("backprop", 2), ("backprop", 0), ("sg", 0), ("sg", 1), ("sg", 2), ("backprop", 3), ("sg", 3))
    values = pd.Series({"backprop0": 1.0, "backprop2": 20.0, "sg0": 4.0, "sg1": 5.0, "sg2": 6.0, "sg3": 7.0})
    found = against(who, values, "x", diverged={"backprop3"}, censored={"sg2"})
    assert list(found) == ["versus_backprop_x.sg.hidden3"]
    found = found["versus_backprop_x.sg.hidden3"]
    np.testing.assert_equal(list(found), [3.0, np.nan, -14.0, np.nan])
    assert (found.seeds, found.outcomes) == ([0, 1, 2, 3], ["measured", "unpaired", "censored", "diverged"])


def test_without_the_reference_there_are_no_differences():
    assert against(runs(("sg", 0), ("fa", 0)), pd.Series({"sg0": 1.0, "fa0": 2.0}), "x") == {}
