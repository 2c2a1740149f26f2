"""Predicted cost beside the measured one: whole comparisons, of the present settings only."""

import pytest
import small_study
from small_study import CELL, STUDY

from pipeline.results import store
from pipeline.study import budget, measured_cost
from pipeline.study.plan import Plan

TRAINED = {"depth-backprop-b0": 20.0, "depth-one_sg-b0": 30.5, "tuned-one_sg-b0": 4.0}
HEAD = "s\tmax_rss\tcpu_time\n"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The small study, of which two comparisons were run."""
    monkeypatch.chdir(small_study.write(tmp_path))
    plan = Plan.load(STUDY)
    for block, seconds in TRAINED.items():
        ran(plan.job("train", block=block), "summary", seconds)
    ran(plan.job("tune", cell=CELL), "choice", 2.25)
    return plan


def ran(job, output, seconds, settings=None):
    """Leave the provenance and the time of a job."""
    store.write_json(job.named_outputs[output], {"provenance": {"settings": settings or job.settings_hash}})
    store.write_bytes(job.benchmark, f"{HEAD}99\t300\t{seconds}\n".encode())


def by_sweep(plan):
    return {each.sweep: each for each in measured_cost.measured(plan)}


def test_a_comparison_has_the_sum_of_its_jobs_beside_the_prediction(plan):
    found, predicted = by_sweep(plan), {row.sweep: row for row in budget.rows(plan)}
    assert list(found) == ["depth", "tuned"]
    assert found["depth"].trainings == measured_cost.Part(2, predicted["depth"].trainings, 50.5)
    assert found["depth"].trials == measured_cost.Part(0, 0.0, 0.0)
    assert found["tuned"].trainings == measured_cost.Part(1, predicted["tuned"].trainings, 4.0)
    assert found["tuned"].trials == measured_cost.Part(1, predicted["tuned"].trials, 2.25)
    assert predicted["tuned"].trials > 0


@pytest.mark.parametrize(("rule", "wildcard", "name"), [("train", "block", "tuned-one_sg-b0"), ("tune", "cell", CELL)])
def test_a_comparison_with_a_job_that_was_not_timed_or_has_other_settings_is_left_out(plan, rule, wildcard, name):
    job = plan.job(rule, **{wildcard: name})
    content = job.benchmark.read_bytes()
    job.benchmark.unlink()
    assert list(by_sweep(plan)) == ["depth"]
    job.benchmark.write_bytes(content)
    ran(job, "summary" if rule == "train" else "choice", 1.0, settings="others")
    assert list(by_sweep(plan)) == ["depth"]


def test_a_job_too_short_to_be_measured_counts_as_nothing(plan):
    ran(plan.job("train", block="depth-backprop-b0"), "summary", "NA")
    assert by_sweep(plan)["depth"].trainings.measured == 30.5


def test_the_table_has_ratios_and_sums():
    found = [
        measured_cost.Measured("a", measured_cost.Part(2, 1000.0, 1500.0), measured_cost.Part(0, 0.0, 0.0)),
        measured_cost.Measured("b", measured_cost.Part(1, 1000.0, 500.0), measured_cost.Part(3, 40.0, 50.0)),
    ]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in measured_cost.table(found).splitlines()]
    assert rows[2:] == [
        ["a", "2", "1,000", "1,500", "1.50", "", "", "", ""],
        ["b", "1", "1,000", "500", "0.50", "3", "40", "50", "1.25"],
        ["all", "3", "2,000", "2,000", "1.00", "3", "40", "50", "1.25"],
    ]
