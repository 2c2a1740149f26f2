"""How a data set is divided and sampled."""

import numpy as np
import pytest

from pipeline import random_streams
from pipeline.datasets.shared import splits


def numbered(train=100, test=40, classes=4):
    """A data set in which every point can be recognised by its input."""

    def points(first, count):
        numbers = np.arange(first, first + count)
        return splits.Points(numbers[:, None].astype(np.float32), (numbers % classes).astype(np.int64))

    return splits.Dataset(train=points(0, train), test=points(train, test), classes=classes)


def ids(points):
    return points.inputs[:, 0].astype(int).tolist()


def test_every_published_point_is_in_one_part_and_keeps_its_label():
    data = splits.split(numbered(), train=None, validation=30, test=None, seed=0)
    assert sorted(ids(data.train) + ids(data.validation)) == list(range(100))
    assert ids(data.test) == list(range(100, 140))
    assert len(ids(data.validation)) == 30
    assert data.classes == 4
    for part in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(part.labels, np.array(ids(part)) % 4)
        assert ids(part) == sorted(ids(part))


def test_the_draw_depends_on_the_seed_and_on_nothing_global():
    def drawn(seed):
        return ids(splits.split(numbered(), train=None, validation=30, test=None, seed=seed).validation)

    first = drawn(0)
    np.random.seed(1)
    assert drawn(0) == first
    assert drawn(1) != first
    assert first == np.sort(random_streams.numpy_stream("split", 0).permutation(100)[:30]).tolist()


def test_fewer_training_points_leave_the_other_parts_as_they_are():
    whole = splits.split(numbered(), train=None, validation=30, test=20, seed=3)
    half = splits.split(numbered(), train=35, validation=30, test=20, seed=3)
    assert ids(half.validation) == ids(whole.validation)
    assert ids(half.test) == ids(whole.test)
    assert len(ids(half.train)) == 35
    assert set(ids(half.train)) < set(ids(whole.train))
    assert len(ids(half.test)) == 20


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"train": 71, "validation": 30, "test": None}, "data.train.*71 points are asked for; expected 0 to 70"),
        (
            {"train": None, "validation": 101, "test": None},
            "data.validation: 101 points are asked for; expected 0 to 100",
        ),
        ({"train": None, "validation": 1, "test": 41}, "data.test: 41 points are asked for; expected 0 to 40"),
        ({"train": None, "validation": -1, "test": None}, "asked for"),
        ({"train": -1, "validation": 30, "test": None}, "asked for"),
    ],
)
def test_more_than_there_is_is_refused(asked, said):
    with pytest.raises(splits.SplitError, match=said):
        splits.split(numbered(), seed=0, **asked)


def test_a_sample_is_balanced_label_ordered_and_without_repetition():
    labels = np.random.default_rng(0).integers(0, 10, 500)
    chosen = splits.sample(labels, 80, np.random.default_rng(1))
    assert np.bincount(labels[chosen]).tolist() == [8] * 10
    assert (np.diff(labels[chosen]) >= 0).all()
    assert len(set(chosen.tolist())) == 80
    assert chosen.tolist() != splits.sample(labels, 80, np.random.default_rng(2)).tolist()


def test_a_scarce_class_gives_all_it_has_and_the_others_share_the_rest():
    labels = np.array([7] * 3 + [1] * 50 + [4] * 50)
    for count, expected in ((10, [4, 3, 3]), (23, [10, 10, 3]), (103, [50, 50, 3])):
        chosen = labels[splits.sample(labels, count, np.random.default_rng(0))]
        assert sorted(np.bincount(chosen)[[1, 4, 7]].tolist(), reverse=True) == expected
    with pytest.raises(splits.SplitError, match="104 points are asked for"):
        splits.sample(labels, 104, np.random.default_rng(0))


def test_a_sample_draws_from_the_whole_class():
    labels = np.zeros(1000, dtype=int)
    chosen = splits.sample(labels, 100, np.random.default_rng(0))
    assert 350 < chosen.mean() < 650
