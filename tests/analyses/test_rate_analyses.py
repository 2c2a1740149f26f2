"""The table of trials: all that was tried, what was chosen, whether it lies on the edge, and how flat the choice was."""

import math

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import rates as analysis
from pipeline.datasets.shared import splits

SEEDS = (100, 101)


def trials(*rungs):
    """Trials of rungs, each `{(rate, factor): losses of the seeds}`; None for one that diverged."""
    return pd.DataFrame(
        [
            {
                "rung": number, "steps": 10 * number, "rate": rate, "gate_factor": factor, "gate_rate": rate * factor,
                "seed": seed, "validation_loss": loss, "validation_accuracy": None if loss is None else 0.5,
            }
            for number, rung in enumerate(rungs, start=1)
            for (rate, factor), losses in rung.items()
            for seed, loss in zip(SEEDS, losses, strict=True)
        ]
    )  # fmt: skip


FIRST = {(0.01, 1.0): [3.0, 3.0], (0.1, 1.0): [1.0, 2.0], (1.0, 1.0): [None, 0.1]}
LAST = {(0.01, 1.0): [0.9, 1.1], (0.1, 1.0): [0.7, 0.8]}
WHO = pd.DataFrame([{"run": "r", "method": "one_sg", "seed": 0, "hidden": 3, "varied": "network.hidden=3"}])


def chosen(table):
    return table.loc[table["chosen"], ["rung", "rate", "gate_rate"]].drop_duplicates().values.tolist()


def test_the_best_of_the_last_rung_are_chosen(generator):
    table = analysis.analyse({"r": trials(FIRST, LAST)}, generator=generator)
    assert len(table) == 10
    assert chosen(table) == [[2, 0.1, 0.1]]
    assert not table["at_edge"].any()
    assert table["diverged"].sum() == 1
    assert analysis.metrics(WHO.merge(table)) == {
        "best_rate.one_sg.hidden3": [0.1],
        "best_gate_rate.one_sg.hidden3": [0.1],
        "at_edge.one_sg.hidden3": [0.0],
        "bracketed.one_sg.hidden3": [0.0],
        "runner_up_gap.one_sg.hidden3": [pytest.approx(0.25)],
    }


def test_a_choice_between_rates_that_were_tried_for_as_long_is_bracketed(generator):
    between = {(0.01, 1.0): [0.9, 0.9], (0.1, 1.0): [0.1, 0.1], (1.0, 1.0): [None, 0.2]}
    assert analysis.analyse({"r": trials(FIRST, between)}, generator=generator)["bracketed"].all()
    assert not analysis.analyse({"r": trials(FIRST, LAST)}, generator=generator)["bracketed"].any()


def test_a_choice_on_the_edge_of_all_that_was_tried_is_marked(generator):
    last = {(1.0, 1.0): [0.1, 0.1], (0.1, 1.0): [0.7, 0.8]}
    table = analysis.analyse({"r": trials(FIRST, last)}, generator=generator)
    assert chosen(table) == [[2, 1.0, 1.0]]
    assert table["at_edge"].all()
    widened = {(1.0, 1.0): [0.1, 0.1], (3.0, 1.0): [0.2, 0.2]}
    assert not analysis.analyse({"r": trials(FIRST, widened)}, generator=generator)["at_edge"].any()


def test_the_modules_rate_has_edges_too(generator):
    pairs = {(rate, factor): [rate, factor] for rate in (0.01, 0.1, 1.0) for factor in (1.0, 3.0)}
    last = {(0.1, 3.0): [0.5, 0.5], (0.01, 1.0): [0.6, 0.6]}
    table = analysis.analyse({"r": trials(pairs, last)}, generator=generator)
    assert chosen(table) == [[2, 0.1, pytest.approx(0.3)]]
    assert table["at_edge"].all()
    assert analysis.metrics(WHO.merge(table))["best_gate_rate.one_sg.hidden3"] == [pytest.approx(0.3)]


def test_rates_of_which_a_trial_diverged_come_last(generator):
    last = {(0.1, 1.0): [None, 0.1], (0.01, 1.0): [5.0, 5.0]}
    table = analysis.analyse({"r": trials(FIRST, last)}, generator=generator)
    assert chosen(table) == [[2, 0.01, 0.01]]
    assert math.isnan(analysis.metrics(WHO.merge(table))["runner_up_gap.one_sg.hidden3"][0])


def test_if_all_diverge_the_smallest_is_taken_and_nothing_is_left_out(generator):
    last = {(0.1, 1.0): [None, None], (0.01, 1.0): [None, None]}
    table = analysis.analyse({"r": trials(FIRST, last)}, generator=generator)
    assert chosen(table) == [[2, 0.01, 0.01]]
    assert len(table) == 10


def test_random_labels_keep_the_inputs_and_nothing_of_the_classes():
    rng = np.random.default_rng(1)
    points = splits.Points(rng.normal(size=(5000, 2)).astype(np.float32), np.repeat(np.arange(10), 500))
    whole = splits.Dataset(points, points, 10)
    drawn = splits.random_labels(whole, seed=0)
    assert np.array_equal(drawn.train.inputs, points.inputs)
    assert np.mean(drawn.train.labels == points.labels) == pytest.approx(0.1, abs=0.02)
    assert np.bincount(drawn.train.labels).min() > 400
    assert np.array_equal(drawn.train.labels, splits.random_labels(whole, seed=0).train.labels)
    assert not np.array_equal(drawn.train.labels, drawn.test.labels)
    assert not np.array_equal(drawn.train.labels, splits.random_labels(whole, seed=1).train.labels)
