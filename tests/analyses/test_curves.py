"""Numbers of one curve, by hand."""

import numpy as np
import pytest

from pipeline.analyses.shared.curves import first_crossing, late_slope, peak

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


def test_a_peak_its_time_and_what_follows():
    steps = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    found = peak(steps, np.array([9.0, 3.0, 5.0, 4.0, 4.5, 2.0, 1.0]))  # step 0 doesn't count
    assert found["peak_time"] == pytest.approx(0.2)
    assert found["decay"] == pytest.approx(1.5 - 5)
    assert found["slope_after_peak"] == pytest.approx(-0.8)  # (4, 4.5, 2, 1) has ranks 3, 4, 2, 1


def test_a_curve_that_only_rises_has_its_peak_at_the_end_and_nothing_after():
    found = peak(np.arange(11.0), np.arange(11.0))
    assert found["peak_time"] == 1
    assert np.isnan(found["slope_after_peak"])
    assert found["decay"] == pytest.approx(9 - 10)  # the mean of 8, 9, 10, below the highest


def test_the_slope_after_the_peak_of_noise_shows_no_decay(generator):
    steps = np.arange(51.0)
    found = [peak(steps, generator.normal(size=51)) for _ in range(400)]
    slopes = np.array([each["slope_after_peak"] for each in found])
    slopes = slopes[np.isfinite(slopes)]
    assert abs(slopes.mean()) < 4 * slopes.std() / np.sqrt(len(slopes))
    assert np.mean([each["decay"] for each in found]) < -2, "while the decay is picked to be below 0"


def test_values_that_are_not_finite_are_left_out():
    found = peak(np.array([0.0, 1.0, 2.0, 3.0]), np.array([NAN, NAN, 0.3, 0.1]))
    assert found["peak_time"] == pytest.approx(2 / 3)
    assert found["decay"] == pytest.approx(-0.2)
    assert all(np.isnan(value) for value in peak(np.array([0.0, 1.0]), np.array([1.0, NAN])).values())
