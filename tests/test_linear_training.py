"""Training of linear models against closed forms and the real gate; the comparison's table and headline numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import linear_models as linear
from pipeline import linear_training as training
from pipeline.estimators.linear_sg import LinearSG
from pipeline.gates import Gate
from pipeline.linear_training import Model, Rule, compare, headline, rules, train
from pipeline.losses import loss

RUNS, N, INPUTS, K, WIDTH = 2, 30, 5, 3, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def data(rng):
    x = np.concatenate([rng.normal(size=(RUNS, N, INPUTS - 1)), np.ones((RUNS, N, 1))], axis=2)
    return linear.regression(x, x @ rng.normal(size=(RUNS, INPUTS, K)) + 0.5 * rng.normal(size=(RUNS, N, K)))


@pytest.fixture
def deep(rng):
    return [rng.normal(size=(RUNS, a, b)) / np.sqrt(a) for a, b in ((INPUTS, WIDTH), (WIDTH, WIDTH), (WIDTH, K))]


def test_condensed_data_train_alike(data, deep):
    few = linear.regression(*linear.condense(data.x, data.y))
    for rule in (Rule("line_search"), Rule("fixed", 0.05)):
        options = {"after": 1, "steps": np.full((RUNS, 1, 1), 0.1), "recorded": [0, 5, 20]}
        one = train(data, deep, rule, **options)
        two = train(few, deep, rule, **options)
        for iteration in one:
            for name in ("gap", "sg_residual", "descent_share"):
                np.testing.assert_allclose(two[iteration][name], one[iteration][name], rtol=1e-9)


def test_backprop_on_regression_follows_its_closed_form(data, rng):
    """Each step multiplies `p - best` by `1 - rate * 2/k * x xᵀ / n`."""
    start, steps, updates = [rng.normal(size=(RUNS, INPUTS, K))], np.full((RUNS, 1, 1), 0.2), 7
    found = train(data, start, Rule("backprop"), after=1, steps=steps, recorded=[0, updates])
    kept = np.eye(N) - 0.2 * 2 / K * data.x @ np.swapaxes(data.x, 1, 2) / N
    first = data.x @ start[0] - data.best
    last = np.linalg.matrix_power(kept, updates) @ first
    expected = np.square(last).sum(axis=(1, 2)) / np.square(first).sum(axis=(1, 2))
    np.testing.assert_allclose(found[0]["gap"], 1)
    np.testing.assert_allclose(found[updates]["gap"], expected, rtol=1e-10)
    assert (found[updates]["sg_residual"] == 0).all()
    assert (found[updates]["descent_share"] == 1).all()
    assert np.isnan(found[0]["descent_share"]).all()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_training_is_what_the_gate_does(data, deep, after):
    """Five updates by torch's autograd through the real gate, plain gradient descent on both sides."""
    steps, sg_rate, updates = 0.1, 0.05, 5
    course = train(
        data, deep, Rule("fixed", sg_rate), after=after, steps=np.full((RUNS, 1, 1), steps), recorded=[updates]
    )
    for run in range(RUNS):
        x, y = torch.tensor(data.x[run]), torch.tensor(data.y[run])
        weights = [torch.tensor(weight[run], requires_grad=True) for weight in deep]
        gate = Gate(LinearSG(deep[after - 1].shape[2], K).double())
        moved = [(weight, steps) for weight in weights] + [(parameter, sg_rate) for parameter in gate.parameters()]
        excess = []
        for _ in range(updates + 1):
            h = x
            for number, weight in enumerate(weights, start=1):
                h = h @ weight
                h = gate(h, y) if number == after else h
            excess.append(linear.excess(h.detach().numpy()[None], data.best[[run]])[0])
            loss("mse", h, y).backward()
            gate.loss().backward()
            with torch.no_grad():
                for parameter, rate in moved:
                    parameter -= rate * parameter.grad
                    parameter.grad = None
        assert course[updates]["gap"][run] == pytest.approx(excess[-1] / excess[0], rel=1e-10)


def test_frozen_layers_leave_the_rest_to_those_above(data, deep):
    """With `h` fixed, the layer above finds the least squares of `h`, and no more."""
    narrow = [deep[0][:, :, :2], np.ones((RUNS, 2, K))]
    h = data.x @ narrow[0]
    course = train(data, narrow, Rule("frozen"), after=1, steps=np.full((RUNS, 1, 1), 0.5), recorded=[800])
    reachable = linear.excess(linear.regression(h, data.y).best, data.best)
    first = linear.excess(h @ narrow[1], data.best)
    np.testing.assert_allclose(course[800]["gap"], reachable / first, rtol=1e-8)
    np.testing.assert_allclose(course[800]["sg_residual"], 1)


def test_before_its_first_step_an_sg_moves_nothing(data, rng):
    start = [rng.normal(size=(RUNS, INPUTS, K))]
    course = train(data, start, Rule("line_search"), after=1, steps=np.ones((RUNS, 1, 1)), recorded=[0, 1, 2])
    np.testing.assert_allclose(course[0]["sg_residual"], 1)
    np.testing.assert_allclose(course[1]["gap"], 1)
    assert (course[1]["descent_share"] == 0).all()
    assert (course[2]["descent_share"] == 0.5).all()
    assert (course[2]["gap"] != 1).all()


@pytest.mark.parametrize("far", [1e3, np.inf])
def test_what_diverges_is_marked_and_has_no_gap(data, rng, far):
    start, steps = [rng.normal(size=(RUNS, INPUTS, K))], np.array([far, 0.1])[:, None, None]
    course = train(data, start, Rule("backprop"), after=1, steps=steps, recorded=[0, 500])
    assert course[0]["diverged"].tolist() == [False, False]
    assert course[500]["diverged"].tolist() == [True, False]
    assert np.isnan(course[500]["gap"]).tolist() == [True, False]


def test_a_training_that_was_given_up_stays_so(data):
    """Next to the optimum, a fresh SG leads far away, measured by the tiny gap at the start, and back again."""
    start = [np.linalg.pinv(data.x) @ data.y + 1e-8]
    course = train(data, start, Rule("line_search"), after=1, steps=np.full((RUNS, 1, 1), 0.3), recorded=[0, 10, 2000])
    assert course[0]["diverged"].tolist() == [False, False]
    assert (course[10]["diverged"] & course[2000]["diverged"]).all()
    assert np.isnan(course[2000]["gap"]).all()
    assert (course[2000]["sg_residual"] < 1e-3).all(), "it did come back"


@pytest.mark.parametrize(
    ("rate", "ended"), [(0.3, lambda found: found["gap"] < 1e-20), (5.0, lambda found: found["diverged"])]
)
def test_updates_after_the_end_of_a_training_do_not_count(data, rng, rate, ended):
    """Neither those in rounding errors nor those on the way to infinity."""
    one = linear.regression(data.x, data.y[:, :, :1])
    start, steps, every = [rng.normal(size=(RUNS, INPUTS, 1))], np.full((RUNS, 1, 1), rate), list(range(300))
    course = train(one, start, Rule("line_search"), after=1, steps=steps, recorded=every)
    over = np.array([ended(course[iteration]) for iteration in every])
    shares = np.array([course[iteration]["descent_share"] for iteration in every])
    assert (over.sum(axis=0) > 20).all()
    for run in range(RUNS):
        first = len(every) - int(over[::-1, run].argmin())  # from here on for good
        assert first > 2
        assert len(set(shares[2:first, run])) > 1
        assert len(set(shares[first:, run])) == 1


def small(seeds=2, compared=None, **changes):
    options = {"samples": 20, "noises": (0.0, 0.5), "rates": (0.1, 0.3), "iterations": 20, "points": 5, **changes}
    compared = compared or rules((0.1,), frozen=True)
    return compare(np.random.default_rng(5), Model(3, 2), compared, seeds=seeds, **options)


def test_a_comparison_has_every_combination_and_the_same_start_for_all():
    table = small()
    assert len(table) == 4 * 2 * 2 * 2 * table["iteration"].nunique()
    assert set(table["rule"]) == {"backprop", "line_search", "fixed", "frozen"}
    assert (table.loc[table["iteration"] == 0, "gap"] == 1).all()
    assert table["iteration"].max() == 20
    pd.testing.assert_frame_equal(table, small())


def test_one_seed_more_moves_no_other():
    columns = ["rule", "seed", "noise", "rate", "iteration"]
    two, three = (small(seeds=seeds).set_index(columns)["gap"] for seeds in (2, 3))
    pd.testing.assert_series_equal(three[three.index.get_level_values("seed") < 2], two)
    firsts, seconds = (two.xs(seed, level="seed").xs(20, level="iteration") for seed in (0, 1))
    assert (firsts != seconds)[lambda gaps: gaps.index.get_level_values("rule") != "frozen"].all()


def test_the_main_rate_is_in_units_of_the_curvature():
    table = small(rates=(1.9, 2.2), iterations=300, compared=[Rule("backprop")])
    last = table[table["iteration"] == 300]
    assert (last.loc[last["rate"] == 1.9, "gap"] < 1e-6).all()
    assert last.loc[last["rate"] == 2.2, "diverged"].all()


def test_noise_is_what_it_says(rng):
    """With much data, the best loss is the variance of the noise."""
    model = Model(2, 3)
    x, signal, noise, *start = training._draw(rng, model, 20000)
    assert np.std(noise) == pytest.approx(1, rel=0.02)
    assert np.linalg.matrix_rank(np.column_stack([x, signal])) == 3
    assert (x[:, -1] == 1).all()
    assert [weight.shape for weight in start] == [(3, 3)]


def test_models_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="SG after layer 3: expected 1 to 2"):
        Model(4, 2, hidden=1, width=4, after=3)
    with pytest.raises(ValueError, match=r"2 units.*4 inputs to 3 outputs.*at least 3"):
        Model(4, 3, hidden=2, width=2, after=1)
    assert Model(1, 3, hidden=2, width=2, after=1).width == 2, "two inputs with the constant one: rank 2 at most"


def test_headline_numbers():
    rows = [
        (rule, sg_rate, 2, 0, 0.0, rate, seed, iteration, gap, 0.5, np.isnan(gap))
        for rule, sg_rate, rate, seed, gap in [
            ("line_search", np.nan, 0.1, 0, 1e-3),
            ("line_search", np.nan, 1.0, 0, 1e-5),
            ("line_search", np.nan, 0.1, 1, 1e-7),
            ("line_search", np.nan, 1.0, 1, np.nan),
            ("fixed", 0.01, 0.1, 0, np.nan),
            ("fixed", 0.01, 0.1, 1, 0.0),
        ]
        for iteration in (0, 9)
    ]
    names = [
        "rule", "sg_rate", "inputs", "hidden", "noise", "rate", "seed", "iteration", "gap", "descent_share", "diverged",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=names)
    table.loc[table["iteration"] == 0, "gap"] = 1.0
    found = headline(table)
    assert found["log10_gap.by_line_search"] == pytest.approx([-5, -7])
    assert found["converged_share.by_line_search"] == [0.5, 0.5]
    assert found["log10_gap.by_fixed_sg.rate0.01"] == pytest.approx([6, -20])
    assert found["descent_share.by_fixed_sg.rate0.01"] == [0.5, 0.5]
    harder = table[table["rule"] == "line_search"].assign(noise=0.5, gap=lambda t: 100 * t["gap"])
    assert headline(pd.concat([table, harder]))["log10_gap.by_line_search"] == pytest.approx([-3, -5])
    assert headline(pd.DataFrame()) == {}


@pytest.mark.parametrize(
    "changes",
    [{"seeds": 0}, {"samples": -1}, {"rates": (0.1, 0.0)}, {"rates": ()}, {"noises": (-0.5,)}, {"noises": ()}],
)
def test_settings_out_of_range_are_named(changes):
    with pytest.raises(ValueError, match=f"{next(iter(changes))}: found .*expected"):
        small(**changes)
    with pytest.raises(ValueError, match="sg_rates: found"):
        rules((-0.1,), frozen=False)
