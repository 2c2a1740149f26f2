"""Training of linear models against closed forms and the real gate, and what is looked at in every step."""

import numpy as np
import pytest
import torch

from pipeline.estimators.linear_sg import LinearSG
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.theory import models as linear
from pipeline.theory.training import TrainingRule, bound_ratio, converges, sharp_ratio, train, updates

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
    for rule in (TrainingRule("line_search"), TrainingRule("fixed", 0.05)):
        options = {"after": 1, "steps": np.full((RUNS, 1, 1), 0.1), "recorded": [0, 5, 20]}
        one = train(data, deep, rule, **options)
        two = train(few, deep, rule, **options)
        for iteration in one:
            for name in ("gap", "sg_residual", "descent_share", "bound_ratio", "falls"):
                np.testing.assert_allclose(two[iteration][name], one[iteration][name], rtol=1e-9)


def test_backprop_on_regression_follows_its_closed_form(data, rng):
    """Each step multiplies `p - best` by `1 - rate * 2/k * x xᵀ / n`."""
    start, steps, updates = [rng.normal(size=(RUNS, INPUTS, K))], np.full((RUNS, 1, 1), 0.2), 7
    found = train(data, start, TrainingRule("backprop"), after=1, steps=steps, recorded=[0, updates])
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
        data, deep, TrainingRule("fixed", sg_rate), after=after, steps=np.full((RUNS, 1, 1), steps), recorded=[updates]
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
    course = train(data, narrow, TrainingRule("frozen"), after=1, steps=np.full((RUNS, 1, 1), 0.5), recorded=[800])
    reachable = linear.excess(linear.regression(h, data.y).best, data.best)
    first = linear.excess(h @ narrow[1], data.best)
    np.testing.assert_allclose(course[800]["gap"], reachable / first, rtol=1e-8)
    np.testing.assert_allclose(course[800]["sg_residual"], 1)


def test_before_its_first_step_an_sg_moves_nothing(data, rng):
    start = [rng.normal(size=(RUNS, INPUTS, K))]
    course = train(data, start, TrainingRule("line_search"), after=1, steps=np.ones((RUNS, 1, 1)), recorded=[0, 1, 2])
    np.testing.assert_allclose(course[0]["sg_residual"], 1)
    np.testing.assert_allclose(course[1]["gap"], 1)
    assert (course[1]["descent_share"] == 0).all()
    assert (course[2]["descent_share"] == 0.5).all()
    assert (course[2]["gap"] != 1).all()


@pytest.mark.parametrize("far", [1e3, np.inf])
def test_what_diverges_is_marked_and_has_no_gap(data, rng, far):
    start, steps = [rng.normal(size=(RUNS, INPUTS, K))], np.array([far, 0.1])[:, None, None]
    course = train(data, start, TrainingRule("backprop"), after=1, steps=steps, recorded=[0, 500])
    assert course[0]["diverged"].tolist() == [False, False]
    assert course[500]["diverged"].tolist() == [True, False]
    assert np.isnan(course[500]["gap"]).tolist() == [True, False]


def test_a_training_that_was_given_up_stays_so(data):
    """Next to the optimum, a fresh SG leads far away, measured by the tiny gap at the start, and back again."""
    start = [np.linalg.pinv(data.x) @ data.y + 1e-8]
    course = train(
        data, start, TrainingRule("line_search"), after=1, steps=np.full((RUNS, 1, 1), 0.3), recorded=[0, 10, 2000]
    )
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
    course = train(one, start, TrainingRule("line_search"), after=1, steps=steps, recorded=every)
    over = np.array([ended(course[iteration]) for iteration in every])
    shares = np.array([course[iteration]["descent_share"] for iteration in every])
    assert (over.sum(axis=0) > 20).all()
    for run in range(RUNS):
        first = len(every) - int(over[::-1, run].argmin())  # from here on for good
        assert first > 2
        assert len(set(shares[2:first, run])) > 1
        assert len(set(shares[first:, run])) == 1


# Error tracking (C7)


def jacobian(x, weights):
    """Of all entries of the last signal in all weights, by torch, for one training."""

    def h(*parts):
        signal = torch.tensor(x)
        for part in parts:
            signal = signal @ part
        return signal.flatten()

    found = torch.autograd.functional.jacobian(h, tuple(torch.tensor(weight) for weight in weights))
    return torch.cat([part.flatten(1) for part in found], dim=1).numpy()


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("rule", [TrainingRule("line_search"), TrainingRule("fixed", 0.05)])
def test_the_bound_is_that_of_the_mean_loss(data, deep, after, rule):
    """Both sides by torch: the SG's error as a gradient of the mean loss, the Jacobian, the true gradient."""
    sequence = updates(data, deep, rule, after=after, steps=np.full((RUNS, 1, 1), 0.1))
    update = [next(sequence) for _ in range(4)][-1]
    found = bound_ratio(data.x, update.weights[:after], update.estimate - update.target, update.true_below())
    for run in range(RUNS):
        weights = [torch.tensor(weight[run], requires_grad=True) for weight in update.weights]
        h = torch.tensor(data.x[run])
        for number, weight in enumerate(weights, start=1):
            h = h @ weight
            if number == after:
                h.retain_grad()
                kept = h
        loss("mse", h, torch.tensor(data.y[run])).backward()
        e = np.linalg.norm(update.estimate[run] / N - kept.grad.numpy())
        g = np.sqrt(sum(float(weight.grad.square().sum()) for weight in weights[:after]))
        largest = np.linalg.norm(jacobian(data.x[run], [weight[run] for weight in update.weights[:after]]), ord=2)
        assert found[run] == pytest.approx(e * largest / g, rel=1e-9)
        every = jacobian(data.x[run], [weight[run] for weight in update.weights[:after]])
        wrong = every.T @ (update.estimate[run] / N - kept.grad.numpy()).ravel()
        sharp = sharp_ratio(update.below, update.true_below())[run]
        assert sharp == pytest.approx(np.linalg.norm(wrong) / g, rel=1e-9)
        assert sharp <= found[run]


@pytest.mark.parametrize("after", [1, 2, 3])
def test_where_the_bound_holds_the_step_descends(data, deep, after):
    """The proposition behind C7, at the steps of whole trainings; and the bound says something: it fails, too."""
    course = train(
        data,
        deep,
        TrainingRule("line_search"),
        after=after,
        steps=np.full((RUNS, 1, 1), 0.02),
        recorded=list(range(1500)),
    )
    ratio, sharp, descends, falls = (
        np.array([step[name] for step in course.values()])
        for name in ("bound_ratio", "sharp_ratio", "descends", "falls")
    )
    assert sharp[0] == pytest.approx(1)
    assert (descends[sharp < 1] == 1).all()
    assert (sharp < 1).sum() > (ratio < 1).sum()
    assert (ratio[0] >= 1).all(), "an SG of zeros is as wrong as the true gradient is long"
    holds = ratio < 1
    assert holds.any()
    assert (ratio > 1).any()
    assert (descends[holds] == 1).all()
    assert (falls[holds] == 1).mean() > 0.99, "at a small rate"


def test_a_step_falls_if_the_next_gap_is_lower(data, rng):
    start, steps = [rng.normal(size=(RUNS, INPUTS, K))], np.array([0.05, 0.9])[:, None, None]
    course = train(data, start, TrainingRule("fixed", 0.03), after=1, steps=steps, recorded=list(range(30)))
    for iteration in range(29):
        expected = course[iteration + 1]["gap"] < course[iteration]["gap"]
        known = ~np.isnan(course[iteration]["falls"]) & ~course[iteration + 1]["diverged"]
        assert (course[iteration]["falls"][known] == expected[known]).all()
    assert course[0]["falls"].tolist() == [0, 0], "a fresh SG returns zero"
    assert np.nansum([step["falls"] for step in course.values()]) > 10


def test_without_an_sg_that_learns_there_is_no_bound(data, deep):
    for name in ("backprop", "frozen"):
        course = train(data, deep, TrainingRule(name), after=2, steps=np.full((RUNS, 1, 1), 0.05), recorded=[0, 3])
        assert np.isnan([course[3]["bound_ratio"], course[3]["sharp_ratio"]]).all()
        assert (course[3]["falls"] == 1).all()


def test_converging_means_to_be_there_at_the_end_without_having_been_far(data, rng):
    start = [rng.normal(size=(RUNS, INPUTS, K))]
    unit = 1 / linear.curvature(data.x, K)
    for factor, expected in ((1.9, True), (2.1, False)):
        steps = (factor * unit)[:, None, None]
        found = converges(data, start, TrainingRule("backprop"), after=1, steps=steps, iterations=400)
        assert found.tolist() == [expected] * RUNS
    steps = unit[:, None, None]
    assert not converges(data, start, TrainingRule("backprop"), after=1, steps=steps, iterations=1).any()
    near = [np.linalg.pinv(data.x) @ data.y + 1e-8]
    far = converges(data, near, TrainingRule("line_search"), after=1, steps=np.full((RUNS, 1, 1), 0.3), iterations=2000)
    assert not far.any(), "its gap passed the limit on the way"


def test_converging_is_what_training_finds(data, deep):
    for rate in (0.02, 0.2, 0.6):
        options = {"after": 2, "steps": np.full((RUNS, 1, 1), rate)}
        end = train(data, deep, TrainingRule("line_search"), recorded=[600], **options)[600]["gap"]
        assert (
            converges(data, deep, TrainingRule("line_search"), iterations=600, **options).tolist()
            == (end < 1e-4).tolist()
        )
