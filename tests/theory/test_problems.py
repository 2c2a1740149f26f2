"""Linear models and their data: what is drawn is what the settings say."""

import numpy as np
import pytest

from pipeline.theory import models as linear
from pipeline.theory import problems as drawing
from pipeline.theory.problems import Model, deviations, problems

OPTIONS = {"seeds": 2, "samples": 20, "conditions": (1.0, 9.0), "noises": (0.0, 0.5)}


def made(**changes):
    return problems(np.random.default_rng(5), Model(3, 2), **{**OPTIONS, **changes})


def test_deviations_are_geometric_with_the_condition_that_is_wanted():
    found = deviations(5, 100.0)
    assert found[0] / found[-1] == pytest.approx(10)
    assert np.square(found).mean() == pytest.approx(1)
    np.testing.assert_allclose(found[1:] / found[:-1], 10 ** (-1 / 4))
    np.testing.assert_allclose(deviations(4, 1.0), 1)
    np.testing.assert_allclose(deviations(1, 50.0), 1)


def test_with_much_data_the_inputs_have_the_condition_that_is_wanted():
    found = made(samples=50000, seeds=1, conditions=(1.0, 100.0), noises=(0.0,))
    for x, condition in zip(found.data.x, (1.0, 100.0), strict=True):
        values = np.linalg.eigvalsh(x[:, :-1].T @ x[:, :-1])
        assert values[-1] / values[0] == pytest.approx(condition, rel=0.1)


def test_problems_of_a_seed_share_what_is_drawn():
    found = made()
    assert found.plan.columns.tolist() == ["seed", "condition", "noise"]
    assert len(found.plan) == 2 * 2 * 2
    for _, rows in found.plan.groupby("seed"):
        for weight in found.start:
            assert (weight[rows.index] == weight[rows.index[0]]).all()
    quiet = made(noises=(0.0,))
    np.testing.assert_allclose(linear.excess(quiet.data.y, quiet.data.best), 0, atol=1e-25)


def test_rows_can_come_more_than_once():
    found = made()
    few = found.rows(np.array([3, 3, 0]))
    assert few.plan["noise"].tolist() == [0.5, 0.5, 0.0]
    assert (few.data.y == found.data.y[[3, 3, 0]]).all()
    assert (few.start[0] == found.start[0][[3, 3, 0]]).all()
    assert (few.unit == found.unit[[3, 3, 0]]).all()


def test_the_unit_is_one_over_the_curvature():
    found = made()
    np.testing.assert_allclose(found.unit, 1 / linear.curvature(found.data.x, 2))


def test_noise_is_what_it_says():
    """With much data, the best loss is the variance of the noise; and the signal's deviation is about 1."""
    found = problems(np.random.default_rng(0), Model(8, 3), **{**OPTIONS, "samples": 20000, "noises": (0.0, 0.5)})
    noise = found.plan["noise"].to_numpy()
    np.testing.assert_allclose(
        np.square(found.data.y - found.data.best).mean(axis=(1, 2)), np.square(noise), rtol=0.03, atol=1e-20
    )
    x, truth, unit_noise, *start = drawing._draw(np.random.default_rng(0), Model(2, 3), 20000)
    assert np.std(unit_noise) == pytest.approx(1, rel=0.02)
    assert np.std(x) == pytest.approx(1, rel=0.02)
    assert truth.shape == (3, 3)
    assert [weight.shape for weight in start] == [(3, 3)]


def test_models_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="SG after layer 3: expected 1 to 2"):
        Model(4, 2, hidden=1, width=4, after=3)
    with pytest.raises(ValueError, match=r"2 units.*4 inputs to 3 outputs.*at least 3"):
        Model(4, 3, hidden=2, width=2, after=1)
    assert Model(1, 3, hidden=2, width=2, after=1).width == 2, "two inputs with the constant one: rank 2 at most"


@pytest.mark.parametrize(
    "changes",
    [{"seeds": 0}, {"samples": -1}, {"noises": (-0.5,)}, {"noises": ()}, {"conditions": ()}, {"conditions": (0.5,)}],
)
def test_settings_out_of_range_are_named(changes):
    with pytest.raises(ValueError, match=f"{next(iter(changes))}: found .*expected"):
        made(**changes)
