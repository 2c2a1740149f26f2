"""Batches: whole epochs, in an order that depends on seed and epoch alone."""

import numpy as np
import pytest
import torch

from pipeline.learning.batches import Batches, rows


def test_batches_cover_an_epoch_once_and_depend_on_seed_and_epoch_only():
    batches = Batches(50, batch=10, seeds=[3])
    first = np.concatenate([batches.chosen(step)[0] for step in range(5)])
    assert sorted(first) == list(range(50))
    second = np.concatenate([batches.chosen(step)[0] for step in range(5, 10)])
    assert sorted(second) == list(range(50))
    assert not np.array_equal(first, second)
    assert np.array_equal(Batches(50, batch=10, seeds=[3]).chosen(7)[0], second[20:30])
    other, same = Batches(50, batch=10, seeds=[4, 3]).chosen(0)
    assert not np.array_equal(other, first[:10])
    assert np.array_equal(same, first[:10]), "whatever run is beside it"


def test_each_run_gets_its_own_rows():
    x = torch.arange(100.0).view(50, 2)
    chosen = Batches(50, batch=10, seeds=[3, 4]).chosen(1)
    for run, found in enumerate(rows(x, chosen)):
        assert torch.equal(found, x[chosen[run]])


def test_too_few_samples_for_a_batch():
    with pytest.raises(ValueError, match="a batch of 10 from 9"):
        Batches(9, batch=10, seeds=[0])
