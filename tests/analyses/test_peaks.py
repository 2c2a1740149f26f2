"""Decline since a peak that other runs show."""

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.shared.peaks import since_peak

STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def curves(*rows):
    return pd.DataFrame(rows, columns=STEPS, dtype=float, index=[f"run{i}" for i in range(len(rows))])


def test_the_fall_is_from_the_value_at_the_others_peak():
    """The others' peak is at step 3; the last fifth are steps 8 to 10. The run's own peak, at 5, doesn't count."""
    own = [9, 0, 0, 1.0, 0, 7, 0, 0, 0.5, 0.4, 0.3]
    other = [9, 0, 1, 2.0, 1, 0, 0, 0, 0.0, 0.0, 0.0]
    found = since_peak(curves(own, other, other))
    assert found["run0"] == pytest.approx(0.4 - 1.0)


def test_noise_without_a_decline_shows_none():
    """Over many studies: a run's own peak would give about -1.5 here."""
    rng = np.random.default_rng(0)
    studies = [pd.DataFrame(noise, columns=np.arange(1, 11)) for noise in rng.normal(size=(400, 6, 10))]
    found = pd.concat([since_peak(noise) for noise in studies]).dropna()
    assert abs(found.mean()) < 0.1
    assert np.mean([(noise.loc[:, 8:].mean(axis=1) - noise.max(axis=1)).mean() for noise in studies]) < -1.4


def test_curves_that_still_rise_have_no_fall():
    rising = list(STEPS)
    assert since_peak(curves(rising, rising)).isna().all()


def test_a_run_alone_has_no_other_peak():
    assert since_peak(curves([0, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0])).isna().all()
    assert len(since_peak(curves())) == 0


def test_an_undefined_value_is_not_passed_over():
    own = [0, 1, 2, 1, 0, 0, 0, 0, np.nan, 0, 0]
    assert np.isnan(since_peak(curves(own, [0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0]))["run0"])
