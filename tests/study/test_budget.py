"""The predicted cost of a study: near the measurements, and in docs as the command prints it."""

import pytest

from pipeline.study import budget
from pipeline.study.plan import Plan

# Milliseconds of an update of one run, in a stack of five, 64 units, batches of 100: (method, hidden layers, measured)
MEASURED = [
    ("backprop", 3, 0.48), ("backprop", 5, 0.61), ("backprop", 10, 0.93), ("backprop", 20, 1.75), ("backprop", 50, 3.9),
    ("one_sg", 3, 0.71), ("one_sg", 5, 0.83), ("one_sg", 10, 1.3), ("one_sg", 20, 2.1), ("one_sg", 50, 4.2),
    ("every_sg", 5, 1.1), ("every_sg", 10, 1.9), ("every_sg", 20, 3.4), ("every_sg", 50, 7.3),
]  # fmt: skip
# Of a stack of five runs on an H100, 256 units, batches of 256: (method, hidden layers, milliseconds of an update, of an
# entry of the history), by `python -m benchmarks.cell`
ON_A_GPU = [
    ("backprop", 3, 0.37, 129), ("backprop", 20, 1.58, 341), ("backprop", 50, 3.76, 849),
    ("one_sg", 20, 1.73, 555), ("one_sg", 50, 3.91, 1143),
    ("every_sg", 3, 0.56, 161), ("every_sg", 5, 0.77, 246), ("every_sg", 10, 1.27, 343), ("every_sg", 20, 2.3, 575),
]  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    return Plan.load("study")


def at_depth(plan, method, hidden):
    """A run of a method, with another number of layers."""
    run = next(each for each in plan.runs.values() if each.method == method)
    network = run.training.network.model_copy(update={"hidden": hidden})
    return run.model_copy(update={"training": run.training.model_copy(update={"network": network})})


@pytest.mark.parametrize(("method", "hidden", "milliseconds"), MEASURED)
def test_the_model_is_within_a_quarter_of_what_was_measured(plan, method, hidden, milliseconds):
    assert 1000 * budget.update_seconds(at_depth(plan, method, hidden)) == pytest.approx(milliseconds, rel=0.25)


@pytest.mark.parametrize(("method", "hidden", "update", "entry"), ON_A_GPU)
def test_so_is_that_of_a_gpu(method, hidden, update, entry):
    run = at_depth(Plan.load("paper"), method, hidden)
    assert 1000 * budget.gpu_update_seconds(run) == pytest.approx(update, rel=0.25)
    assert 1000 * budget.gpu_entry_seconds(run) == pytest.approx(entry, rel=0.25)


def test_a_row_is_the_sum_over_the_runs_and_the_cells_of_a_sweep(plan):
    rows = {row.sweep: row for row in budget.rows(plan)}
    assert set(rows) == set(plan.study.sweeps)
    row = rows["best_rates"]
    runs = [run for run in plan.runs.values() if run.sweep == "best_rates"]
    assert (row.seeds, row.steps, row.hidden, row.tuned) == (12, 5000, (20,), True)
    assert row.trainings == pytest.approx(sum(5000 * budget.update_seconds(run) for run in runs))
    assert 0 < row.trials < row.trainings
    assert rows["one_rate"].trials == 0


def test_the_trials_have_at_most_a_quarter_of_the_predicted_time(plan):
    rows = budget.rows(plan)
    trials = sum(row.trials for row in rows)
    assert trials <= 0.25 * (trials + sum(row.trainings for row in rows))


@pytest.mark.parametrize("study", ["study", "paper"])
def test_the_documented_tables_are_what_the_command_prints(study, root):
    page = (root / "docs" / "budget.md").read_text(encoding="utf-8")
    assert budget.table(budget.rows(Plan.load(study))) in page, "run `make document`"
