"""Final accuracies: over the runs that finished, by sweep."""

import pytest
import small_study

from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE
from pipeline.results import paths, run_summaries, store
from pipeline.study import run_outcomes
from pipeline.study.plan import Plan

STUDY = "small"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The small study, in a folder of its own."""
    place = small_study.write(tmp_path / "place")
    monkeypatch.chdir(place)
    return Plan.load(STUDY)


def ended(plan, block, accuracies, *, diverged=()):
    """Make up how the runs of a block ended."""
    runs = {
        run.name: {
            "status": "diverged" if place in diverged else "finished",
            "final": {"test_accuracy": accuracies[place], "test_loss": 0.1},
        }
        for place, run in enumerate(plan.blocks[block])
    }
    store.write_json(paths.summary(STUDY, block), run_summaries.content(block, runs, {}))


def blocks_of_a_method_and_depth_in_two_sweeps(plan):
    """Two blocks that differ in their sweep alone, or not at all in what the table shows beside it."""
    found = {}
    for block, runs in plan.blocks.items():
        run = runs[0]
        found.setdefault((run.method, run.training.network.hidden), {}).setdefault(run.sweep, block)
    return next(list(each.values()) for each in found.values() if len(each) > 1)[:2]


def test_a_run_that_diverged_is_not_in_the_mean(plan):
    block = next(block for block, runs in plan.blocks.items() if len(runs) > 2)
    count = len(plan.blocks[block])
    ended(plan, block, [0.9 - 0.1 * place for place in range(count)], diverged=(count - 1,))
    (row,) = [row for row in run_outcomes.finals(plan) if row.finished]
    kept = [0.9 - 0.1 * place for place in range(count - 1)]
    assert (row.runs, row.finished) == (count, count - 1)
    found, expected = row.estimates["test_accuracy"], interval(kept, range=SHARE)
    assert (found.mean, found.high, found.n) == (pytest.approx(expected.mean), expected.high, len(kept))
    assert set(row.estimates) == {"test_accuracy"}, "a loss is no accuracy"


def test_sweeps_are_not_mixed(plan):
    """They may differ in data, rates and updates, at the same depth and with the same method."""
    first, second = blocks_of_a_method_and_depth_in_two_sweeps(plan)
    for block, accuracy in ((first, 0.9), (second, 0.5)):
        ended(plan, block, [accuracy] * len(plan.blocks[block]))
    found = {row.sweep: row.estimates["test_accuracy"].mean for row in run_outcomes.finals(plan) if row.finished}
    assert found == {plan.blocks[first][0].sweep: 0.9, plan.blocks[second][0].sweep: 0.5}


def test_runs_without_a_result_are_counted_but_have_none(plan):
    assert run_outcomes.ended(plan) == {}
    assert {row.finished for row in run_outcomes.finals(plan)} == {0}
    assert sum(row.runs for row in run_outcomes.finals(plan)) == len(plan.runs)
