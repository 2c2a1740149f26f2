"""Values by seed with their outcomes."""

import json

import numpy as np
import pytest

from pipeline.metrics.by_seed import BySeed, in_order, minus
from pipeline.metrics.summary import summarise


def test_what_is_nan_is_undefined_unless_something_else_is_said():
    found = BySeed([1.0, np.nan], seeds=[3, 7])
    assert found.outcomes == ["measured", "undefined"]
    assert found.exceptions() == {"7": "undefined"}
    assert found == [1.0, found[1]]


@pytest.mark.parametrize(
    ("seeds", "outcomes"),
    [([0], None), ([0, 0], None), ([0, 1], ["measured"]), ([0, 1], ["measured", "lost"])],
)
def test_values_without_a_seed_or_a_known_outcome_are_refused(seeds, outcomes):
    with pytest.raises(ValueError, match="expected"):
        BySeed([1.0, 2.0], seeds=seeds, outcomes=outcomes)


def test_a_difference_takes_the_worse_outcome_of_its_two_values():
    a = BySeed([5.0, 6.0, np.nan], seeds=[0, 1, 2], outcomes=["censored", "measured", "diverged"])
    b = BySeed([1.0, 2.0, 9.0], seeds=[0, 1, 2], outcomes=["diverged", "censored", "measured"])
    found = minus(a, b)
    np.testing.assert_equal(list(found), [4.0, 4.0, np.nan])
    assert found.outcomes == ["diverged", "censored", "diverged"]


def test_numbers_in_the_order_of_the_seeds_get_them():
    known = BySeed([1.0], seeds=[9])
    found = in_order({"x": [1.0, 2.0], "y": known}, [7, 3, 7])
    assert (found["x"], found["x"].seeds) == ([1.0, 2.0], [3, 7])
    assert found["y"] is known
    with pytest.raises(ValueError, match="found 3 values"):
        in_order({"x": [1.0, 2.0, 3.0]}, [0, 1])


def test_seeds_and_outcomes_are_written_down_beside_the_values():
    values = BySeed([1.0, np.nan, 3.0], seeds=[4, 5, 6], outcomes=["measured", "diverged", "censored"])
    found = summarise({"x": values, "y": [1.0, 2.0]})
    assert (found["x"]["values"], found["x"]["seeds"]) == ([1.0, None, 3.0], [4, 5, 6])
    assert found["x"]["outcomes"] == {"5": "diverged", "6": "censored"}
    assert not {"seeds", "outcomes"} & set(found["y"])
    json.dumps(found, allow_nan=False)
