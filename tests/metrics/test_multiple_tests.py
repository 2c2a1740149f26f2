"""Holm's correction."""

import math

import numpy as np
import pytest

from pipeline.metrics.multiple_tests import holm


def test_the_smallest_is_multiplied_by_the_number_of_tests_and_so_on():
    """By hand: 4 x .01, 3 x .03, then never smaller than the one before, in the given order."""
    assert holm([0.03, 0.01, 0.04, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])


def test_no_value_is_above_one_and_one_test_needs_no_correction():
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_undefined_values_count_as_tests():
    first, second = holm([math.nan, 0.02])
    assert math.isnan(first)
    assert second == 0.04


def test_among_true_null_hypotheses_one_in_twenty_families_has_a_false_finding():
    p_values = np.random.default_rng(0).uniform(size=(4000, 6))
    found = np.mean([min(holm(row)) < 0.05 for row in p_values])
    assert found == pytest.approx(1 - 0.95, abs=0.01)
