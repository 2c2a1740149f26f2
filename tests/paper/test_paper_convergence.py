"""Claims C5, C6 and C7 as executable statements: linear models with a linear SG find the optimum."""

import numpy as np
import pytest

from pipeline.analyses import deep_linear_convergence, linear_convergence
from pipeline.theory import models


@pytest.fixture(scope="module")
def linear():
    return linear_convergence.analyse(
        generator=np.random.default_rng(0), samples=60, inputs=(6,), outputs=2, conditions=(1.0,), rates=(0.3, 1.0), sg_rates=(0.001, 1.0),
        iterations=400, points=8,
    )  # fmt: skip


@pytest.fixture(scope="module")
def deep():
    return deep_linear_convergence.analyse(
        generator=np.random.default_rng(1), samples=60, inputs=(6,), outputs=2, hidden=(2,), width=3,
        conditions=(1.0,), rates=(0.2,), sg_rates=(0.001, 1.0), iterations=600, points=8,
    )  # fmt: skip


def last(table, rule, sg_rate=None):
    part = table[(table["iteration"] == table["iteration"].max()) & (table["rule"] == rule)]
    return part if sg_rate is None else part[part["sg_rate"] == sg_rate]


def test_c5_line_search_finds_the_optimum_of_linear_regression(linear):
    ends = last(linear, "line_search")
    assert len(ends) == 2 * 2 * 3
    assert ends["gap"].max() < 1e-12
    assert last(linear, "backprop")["gap"].max() < 1e-12


def test_c6_line_search_finds_the_optimum_of_a_deep_linear_model(deep):
    assert last(deep, "line_search")["gap"].max() < 1e-3
    assert last(deep, "frozen")["gap"].min() > 0.01, "the layers above must not find it alone, or the test is void"


def test_c6_the_sg_stands_between_two_hidden_layers():
    found = deep_linear_convergence.analyse(
        generator=np.random.default_rng(0), inputs=(8,), hidden=(2, 3, 6), seeds=1, iterations=2, points=2
    )
    assert set(zip(found["hidden"], found["sg_after"], strict=True)) == {(2, 1), (3, 2), (6, 3)}
    with pytest.raises(ValueError, match=r"hidden: found \(1,\)"):
        deep_linear_convergence.analyse(generator=np.random.default_rng(0), hidden=(1,))


@pytest.mark.parametrize("name", ["linear", "deep"])
def test_c5_c6_a_fixed_sg_rate_can_miss_the_optimum(name, request):
    table = request.getfixturevalue(name)
    assert last(table, "fixed", 1.0)["diverged"].all()
    slow = last(table, "fixed", 0.001)["gap"]
    assert np.median(slow) > 1e-4
    assert np.median(slow) > 1e4 * np.median(last(table, "line_search")["gap"])


def test_c5_line_search_contracts_the_sgs_error_by_a_closed_form():
    """With the main model at rest, exact line search on a quadratic: Kantorovich's bound, ((c - 1) / (c + 1))^2 a step.

    `c` is the condition number of the second moments of the SG's features.
    """
    rng, errors = np.random.default_rng(3), []
    z = rng.normal(size=(1, 40, 5)) * np.array([3.0, 2.0, 1.0, 1.0, 0.5])
    target, theta = z @ rng.normal(size=(1, 5, 2)), np.zeros((1, 5, 2))
    values = np.linalg.eigvalsh(z[0].T @ z[0])
    bound = ((values[-1] - values[0]) / (values[-1] + values[0])) ** 2
    for _ in range(60):
        errors.append(np.square(z @ theta - target).sum())
        theta = models.sg_step(theta, z, target, rate=None)
    ratios = np.array(errors[1:]) / np.array(errors[:-1])
    assert (ratios <= bound * (1 + 1e-9)).all()
    assert ratios.max() > 0.1 * bound
    assert errors[-1] < 1e-3 * errors[0]


def test_c5_with_ill_conditioned_inputs_too():
    table = linear_convergence.analyse(
        generator=np.random.default_rng(0), samples=60, inputs=(4,), outputs=2, conditions=(30.0,), noises=(0.5,),
        rates=(0.3, 1.0), sg_rates=(0.1,), iterations=1000, points=8, halvings=0, seeds=2,
    )  # fmt: skip
    ends = last(table, "line_search").groupby("seed")["gap"].min()
    assert (last(table, "backprop").groupby("seed")["gap"].min() < 1e-4).all(), "or it could not be seen"
    assert (ends < 1e-4).all()


@pytest.mark.parametrize("name", ["linear", "deep"])
def test_c7_where_the_sg_tracks_the_gradient_the_step_descends(name, request):
    steps = request.getfixturevalue(name)
    steps = steps[steps["bound_ratio"].notna()]
    holds = steps["bound_ratio"] < 1
    assert holds.any()
    assert not holds.all()
    assert (steps.loc[holds, "descends"] == 1).all()


def test_c5_the_main_step_must_be_small_enough():
    table = linear_convergence.analyse(
        generator=np.random.default_rng(0), samples=60, inputs=(4,), outputs=1, conditions=(1.0,), rates=(0.1, 8.0), sg_rates=(0.1,),
        iterations=400, points=4,
    )  # fmt: skip
    ends = last(table, "line_search").groupby("rate")
    assert ends["diverged"].mean().to_dict() == {0.1: 0.0, 8.0: 1.0}


@pytest.mark.parametrize(("analysis", "name"), [(linear_convergence, "linear"), (deep_linear_convergence, "deep")])
def test_c5_c6_headline_numbers_have_a_value_per_seed(analysis, name, request):
    table = request.getfixturevalue(name)
    found = analysis.metrics(table)
    assert all(len(values) == 3 for values in found.values())
    names = ("log10_largest_rate", "rate_found_share", "bound_share", "falls_where_bound", "falls_where_bound_mild")
    assert {f"{name}.by_line_search" for name in names} <= set(found)
    worst = (
        last(table, "line_search")
        .groupby(["seed", "inputs", "hidden", "condition", "noise"])["gap"]
        .min()
        .groupby("seed")
        .max()
    )
    assert found["log10_gap.by_line_search"] == pytest.approx(np.log10(np.maximum(worst, 1e-20)))
