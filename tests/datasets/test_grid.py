"""The grid of points in the plane: where they are, and what their labels are."""

import numpy as np
import pytest
from scipy.optimize import linprog

from pipeline.datasets import grid


def draw(side, labels, seed=0):
    return grid.draw(side, labels=labels, generator=np.random.default_rng(seed))


def test_points_run_row_by_row_from_corner_to_corner():
    found = draw(3, "random").inputs
    assert found.dtype == np.float32
    assert found.tolist() == [[x1, x2] for x2 in (-1, 0, 1) for x1 in (-1, 0, 1)]


def test_a_line_through_the_origin_parts_separable_classes():
    for seed in range(5):
        points = draw(20, "separable", seed)
        signs = 2 * points.labels - 1
        assert points.labels.mean() == 0.5, "opposite points are in opposite classes"
        on_their_sides = linprog([0, 0], A_ub=-signs[:, None] * points.inputs, b_ub=-np.ones(400), bounds=(None, None))
        assert on_their_sides.status == 0, "there must be a w with y x·w >= 1 for all points"
    assert not np.array_equal(draw(20, "separable", 0).labels, draw(20, "separable", 1).labels)


def test_the_line_does_not_depend_on_how_fine_the_grid_is():
    coarse, fine = draw(5, "separable"), draw(9, "separable")
    assert np.array_equal(coarse.labels.reshape(5, 5), fine.labels.reshape(9, 9)[::2, ::2])


def test_random_labels_are_fair_coins_and_no_line_parts_them():
    points = draw(40, "random")
    assert abs(points.labels.mean() - 0.5) < 0.05
    right = [np.mean((points.inputs @ [np.cos(a), np.sin(a)] > 0) == points.labels) for a in np.linspace(0, 6.28, 60)]
    assert max(right) < 0.56


@pytest.mark.parametrize("labels", grid.LABELS)
def test_the_data_set_is_a_chessboard(labels, tmp_path):
    one, two = grid.load(tmp_path, labels=labels), grid.load(tmp_path, labels=labels)
    assert not list(tmp_path.iterdir())
    for part, again in ((one.train, two.train), (one.test, two.test)):
        assert len(part.labels) == len(part.inputs) == grid.SIDE**2 / 2
        assert set(part.labels) == {0, 1}
        assert np.array_equal(part.labels, again.labels)
    whole = np.concatenate([one.train.inputs, one.test.inputs])
    assert len(np.unique(whole, axis=0)) == grid.SIDE**2, "no point stands in both"
    field = np.rint((one.train.inputs + 1) * (grid.SIDE - 1) / 2).sum(axis=1)
    assert (field % 2 == 0).all()
    assert one.classes == grid.CLASSES


@pytest.mark.parametrize(("side", "labels"), [(20, "seperable"), (1, "random")])
def test_what_a_grid_cannot_be(side, labels):
    with pytest.raises(ValueError, match="expected one of"):
        draw(side, labels)
