"""Numbers of one curve, by hand."""

import numpy as np
import pytest

from pipeline.analyses.shared.curves import first_crossing, late_slope, peak_time

NAN = float("nan")
STEPS = np.array([0.0, 10.0, 30.0, 50.0])


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        ([0, 1, 3, 4], 2, 20),  # halfway from 10 to 30
        ([0, 1, 3, 4], 3, 30),
        ([0, 1, 3, 4], 0, 0),
        ([0, 4, 1, 4], 2, 5),  # the first time counts
        ([0, 1, 3, 4], 4.5, NAN),
        ([0, NAN, 3, 4], 2, 30),  # nothing to interpolate from
        ([0, 1, np.inf, 4], 2, 30),
        ([-np.inf, 1, 3, 4], 1, 10),
        ([NAN] * 4, 2, NAN),
    ],
)
def test_the_first_time_at_a_level(values, level, expected):
    found = first_crossing(STEPS, np.array(values, dtype=float), float(level))
    assert found == pytest.approx(expected, nan_ok=True)


def test_without_records_nothing_is_reached():
    assert np.isnan(first_crossing(np.zeros(0), np.zeros(0), 1.0))


def test_a_time_moves_with_the_curve(generator):
    values = np.sort(generator.normal(size=4))
    level = float(values[1:3].mean())
    time = first_crossing(STEPS, values, level)
    assert first_crossing(STEPS, 3 * values - 7, 3 * level - 7) == pytest.approx(time)
    assert first_crossing(2 * STEPS, values, level) == pytest.approx(2 * time)


def test_the_late_slope_is_that_of_the_last_fifth_per_thousand_updates():
    steps = np.arange(0.0, 1001, 100)
    values = np.where(steps < 800, 50.0, 2 - 3 * steps / 1000)
    assert late_slope(steps, values) == pytest.approx(-3)
    bent = np.where(steps == 1000, 5.0, 0.0)  # (-100, 0, 100) and (0, 0, 5)
    assert late_slope(steps, bent) == pytest.approx(1000 * 500 / 20000)
    assert late_slope(steps, np.where(steps == 900, NAN, values)) == pytest.approx(-3)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.0, 1.0, 1.0, NAN]])
def test_one_late_value_has_no_slope(values):
    assert np.isnan(late_slope(np.linspace(0, 100, len(values)), np.array(values)))


def test_the_time_of_the_peak_is_a_share_of_all_steps():
    steps = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    assert peak_time(steps, np.array([9.0, 3.0, 5.0, 4.0, 5.0, 2.0, 1.0])) == pytest.approx(0.2), "not step 0"
    assert peak_time(np.arange(11.0), np.arange(11.0)) == 1


def test_values_that_are_not_finite_have_no_peak():
    assert peak_time(np.array([0.0, 1.0, 2.0, 3.0]), np.array([NAN, NAN, 0.3, 0.1])) == pytest.approx(2 / 3)
    assert np.isnan(peak_time(np.array([0.0, 1.0]), np.array([1.0, NAN])))
    assert np.isnan(peak_time(np.zeros(0), np.zeros(0)))
