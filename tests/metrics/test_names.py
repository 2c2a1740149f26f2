"""The names of headline numbers and settings."""

import numpy as np
import pandas as pd

from pipeline.metrics.names import beyond_depth, metric, per_seed, setting


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
