"""Requested resources: more for more work, whole GB, and enough for the measured jobs."""

import itertools

import pytest

from pipeline.study import resources
from pipeline.study.plan import Plan

MEASURED = [  # method, hidden layers, updates (width 64, batch 100), most seconds and MB of several trainings
    ("backprop", 3, 1500, 8.8, 835), ("one_sg", 3, 1500, 11.6, 838), ("every_sg", 3, 1500, 10.6, 784),
    ("backprop", 20, 1500, 15.5, 838), ("one_sg", 20, 1500, 17.7, 836), ("every_sg", 20, 1500, 25.3, 822),
    ("backprop", 50, 1500, 25.1, 826), ("one_sg", 50, 1500, 27.6, 784), ("every_sg", 50, 1500, 56.8, 814),
]  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    return Plan.load("smoke")


def run(plan, *, method="backprop", hidden=2, width=64, batch=100, steps=1500, placement=None):
    """A run with other settings."""
    base = next(each for each in plan.runs.values() if each.method == method)
    network = base.training.network.model_copy(update={"hidden": hidden, "width": width})
    training = base.training.model_copy(update={"network": network, "batch": batch, "steps": steps})
    changed = {"training": training, "data": base.data.model_copy(update={"train": None})}
    return base.model_copy(update=changed | ({} if placement is None else {"placement": placement}))


@pytest.mark.parametrize(("method", "hidden", "steps", "seconds", "megabytes"), MEASURED)
def test_estimates_are_within_a_factor_of_two_of_measurements_and_requests_are_larger(
    plan, method, hidden, steps, seconds, megabytes
):
    asked = run(plan, method=method, hidden=hidden, steps=steps)
    assert 0.5 < resources.train_seconds([asked]) / seconds < 2
    assert resources.minutes(resources.train_seconds([asked])) * 60 > 3 * seconds
    assert resources.megabytes(asked, 1) > 1.5 * megabytes


@pytest.mark.parametrize("more", [{"hidden": 20}, {"width": 2048}, {"batch": 10_000}, {"steps": 200_000}])
def test_more_work_takes_longer(plan, more):
    assert resources.train_seconds([run(plan, **more)]) > resources.train_seconds([run(plan)])


def test_a_block_asks_for_all_of_its_runs(plan):
    one, five = (resources.of_training([run(plan, hidden=50, width=2048)] * count) for count in (1, 5))
    assert five.minutes > 4 * one.minutes
    assert five.megabytes > 4 * one.megabytes


def test_more_gates_take_longer(plan):
    times = [resources.train_seconds([run(plan, hidden=10, placement=place)]) for place in ("none", "middle", "every")]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("placement", "hidden", "expected"),
    [("none", 5, 0), ("middle", 5, 1), ("middle", 0, 0), ("every", 5, 5), ((1, 3), 5, 2), ("kth", 7, 3)],
)
def test_gates_are_counted_as_they_are_placed(plan, placement, hidden, expected):
    from pipeline.study.schema import EveryKth

    given = EveryKth(every=2) if placement == "kth" else placement
    assert resources.gates(run(plan, hidden=hidden, placement=given)) == expected


def test_a_wide_network_requests_memory_in_whole_gb(plan):
    small, large = resources.megabytes(run(plan), 1), resources.megabytes(run(plan, hidden=50, width=2048), 1)
    assert small == resources.LEAST_GB * resources.GB_MB
    assert large > 3 * small
    assert small % resources.GB_MB == large % resources.GB_MB == 0


def test_each_attempt_requests_more(plan):
    asked = [resources.of_training([run(plan)]).at(attempt) for attempt in (1, 2, 3)]
    assert asked[0] == resources.of_training([run(plan)])
    assert all(b.megabytes > a.megabytes and b.minutes > a.minutes for a, b in itertools.pairwise(asked))


def test_tuning_takes_the_time_of_all_its_trials(plan):
    tuning, one = plan.study.tuning, run(plan)
    updates = 3 * (4 * 10 + 3 * 20)  # seeds, tries and steps of both rungs
    assert resources.tuning_updates(tuning) == updates
    assert resources.tune_seconds(one, tuning) == pytest.approx(resources.train_seconds([run(plan, steps=updates)]))


def test_every_scope_of_an_analysis_has_a_time_limit(root):
    for study in ("smoke", "study"):
        plan = Plan.load(study)
        assert {plan.declared(name)["SCOPE"] for name in plan.study.analyses} <= resources.ANALYSIS_MINUTES.keys()


def test_extraction_takes_memory_for_each_run_checkpoint_and_point(root):
    plan = Plan.load("paper", root)
    deep = next(run for run in plan.runs.values() if run.training.network.hidden == 20)
    few, all_steps, five = (
        resources.of_extraction(deep, plan.study.samples, runs=runs, at_all_steps=at).megabytes
        for runs, at in ((1, 0), (1, 1), (5, 5))
    )
    assert few < all_steps < five
