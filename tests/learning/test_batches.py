"""Batches: whole epochs, in an order that depends on seed and epoch alone."""

import numpy as np
import pytest

from pipeline.learning.batches import Batches


def test_batches_cover_an_epoch_once_and_depend_on_seed_and_epoch_only():
    batches = Batches(50, batch=10, seed=3)
    first = np.concatenate([batches.indices(step) for step in range(5)])
    assert sorted(first) == list(range(50))
    second = np.concatenate([batches.indices(step) for step in range(5, 10)])
    assert sorted(second) == list(range(50))
    assert not np.array_equal(first, second)
    assert np.array_equal(Batches(50, batch=10, seed=3).indices(7), second[20:30])
    assert not np.array_equal(Batches(50, batch=10, seed=4).indices(0), first[:10])


def test_too_few_samples_for_a_batch():
    with pytest.raises(ValueError, match="a batch of 10 from 9"):
        Batches(9, batch=10, seed=0)
