"""Fitting random labels: the data, the gates, the trainings, and the arithmetic of the headline numbers (C4)."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.analyses import capacity
from pipeline.analyses.shared import capacity_training
from pipeline.figures import capacity as figure_of
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE

TINY = {"samples": 24, "inputs": 6, "classes": 3, "width": 8, "steps": 3, "look_every": 2}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def task(seed=0, **changes):
    sizes = {"samples": 24, "inputs": 6, "classes": 3, **changes}
    return capacity_training.draw_task(np.random.default_rng(seed), **sizes)


def fit(method, hidden, **changes):
    options = {
        "width": 16,
        "steps": 200,
        "rate": 0.01,
        "look_every": 5,
        "fitted": 0.99,
        **changes,
    }
    case = options.pop("task", task()), options.pop("loss_name", "cross_entropy")
    (found,) = capacity_training.fit(method, [case], hidden=hidden, **options)
    return found.loss, found.accuracy, found.fitted_at, found.diverged


def built(method, hidden):
    return capacity_training.build(method, task(), hidden=hidden, width=16, loss_name="mse", rate=0.01)


def test_labels_come_from_the_generator_and_not_from_the_points():
    one, again, other = task(0), task(0), task(1)
    assert torch.equal(one.x, again.x)
    assert torch.equal(one.y, again.y)
    assert not torch.equal(one.labels, other.labels)
    wide = task(0, inputs=9)
    assert not torch.equal(one.x, wide.x[:, :6])
    assert torch.equal(one.labels, wide.labels), "other points, the same labels"


def test_labels_are_even_and_tell_nothing_of_the_points():
    big = task(samples=6000)
    shares = big.y.mean(dim=0)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
    joint = torch.corrcoef(torch.cat([big.x, big.y], dim=1).T)[:6, 6:]
    assert joint.abs().max() < 0.06
    assert big.x.std().item() == pytest.approx(1, abs=0.02)
    assert big.x.mean().item() == pytest.approx(0, abs=0.02)


def test_backprop_fits_a_tiny_set_with_one_hidden_layer():
    value, accuracy, fitted_at, diverged = fit("backprop", 1)
    assert (accuracy, diverged) == (1, False)
    assert value < 0.1
    assert fitted_at % 5 == 0
    assert 5 <= fitted_at < 200
    _, sooner, _, _ = fit("backprop", 1, steps=int(fitted_at) - 5)
    assert sooner < 0.99, "it was not fitted at the look before"
    _, then, at, _ = fit("backprop", 1, steps=int(fitted_at))
    assert then >= 0.99
    assert at == fitted_at


def test_what_is_never_fitted_has_no_step():
    _, accuracy, fitted_at, diverged = fit("backprop", 1, steps=2)
    assert accuracy < 0.99
    assert math.isnan(fitted_at)
    assert not diverged


def test_a_diverged_training_has_no_result():
    value, accuracy, _, diverged = fit("backprop", 1, rate=1e38)
    assert diverged
    assert math.isnan(value)
    assert math.isnan(accuracy)


def test_the_reported_loss_is_that_of_the_trained_function():
    """With all points in the batch, the loss before the next update is the one that is reported."""
    value, *_ = fit("one_linear_sg", 3, steps=7)
    trainer = capacity_training.build("one_linear_sg", task(), hidden=3, width=16, loss_name="cross_entropy", rate=0.01)
    for _ in range(7):
        trainer.update(task().x, task().y)
    assert trainer.update(task().x, task().y) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(("hidden", "layers"), [(0, [1]), (1, [1]), (5, [3]), (2, [1])])
def test_one_gate_stands_in_the_middle(hidden, layers):
    assert sorted(built("one_linear_sg", hidden).gates) == layers


def test_gates_everywhere_stand_after_each_hidden_layer_and_not_on_the_output():
    assert sorted(built("every_sigmoid_sg", 3).gates) == [1, 2, 3]


def test_without_hidden_layers_the_gate_stands_on_the_output():
    trainer = built("one_linear_sg", 0)
    before = trainer.network.weight.detach().clone()
    trainer.update(task().x, task().y)
    (gate,) = trainer.gates.values()
    assert gate.estimate.shape == (24, 3)
    assert torch.equal(before, trainer.network.weight), "a fresh SG returns zero, so even the output layer stays"
    with torch.no_grad():
        error = trainer.network(task().x, mode="measure") - task().y
    torch.testing.assert_close(gate.signals["arrived"], 2 * error / 3)
    trainer.update(task().x, task().y)
    assert not torch.equal(before, trainer.network.weight)


@pytest.mark.parametrize(("method", "still"), [("one_frozen", 2), ("every_frozen", 3), ("one_linear_sg", 0)])
def test_controls_freeze_what_the_gates_govern_and_nothing_else(method, still):
    trainer = built(method, 3)
    before = [weight.detach().clone() for weight in trainer.network.weights()]
    for _ in range(3):
        trainer.update(task().x, task().y)
    same = [torch.equal(a, b) for a, b in zip(before, trainer.network.weights(), strict=True)]
    assert same == [True] * still + [False] * (4 - still)


def test_methods_start_from_the_same_weights():
    starts = [built(method, 2).network.weights() for method in ("backprop", "every_linear_sg", "one_frozen")]
    for start in starts[1:]:
        assert all(torch.equal(a, b) for a, b in zip(start, starts[0], strict=True))


@pytest.fixture(scope="module")
def table():
    return capacity.analyse(generator=np.random.default_rng(4), seeds=2, depths=(0, 2), **TINY)


def test_the_same_generator_gives_the_same_bits(table):
    again = capacity.analyse(generator=np.random.default_rng(4), seeds=2, depths=(0, 2), **TINY)
    pd.testing.assert_frame_equal(table, again, check_exact=True)
    assert (
        table[table["seed"] == 0]["train_loss"].to_numpy() != table[table["seed"] == 1]["train_loss"].to_numpy()
    ).all()


def test_more_depths_move_no_number(table):
    more = capacity.analyse(generator=np.random.default_rng(4), seeds=2, depths=(0, 1, 2), **TINY)
    same = more[more["hidden"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, same, check_exact=True)


def test_every_method_is_there_where_it_has_a_meaning(table):
    found = {key: sorted(part["method"].unique()) for key, part in table.groupby(["loss", "hidden"])}
    sigmoid = ["every_sigmoid_sg", "one_sigmoid_sg"]
    deep = ["backprop", "every_frozen", "every_linear_sg", "one_frozen", "one_linear_sg"]
    assert found["cross_entropy", 0] == ["backprop", "one_linear_sg", "one_sigmoid_sg"]
    assert found["mse", 0] == ["backprop", "one_linear_sg"]
    assert found["mse", 2] == deep
    assert found["cross_entropy", 2] == sorted([*deep, *sigmoid])


def made_up(*rows):
    """Rows of (hidden, method, seed, accuracy) under MSE."""
    found = pd.DataFrame(rows, columns=["hidden", "method", "seed", "accuracy"])
    return found.assign(
        loss="mse", train_loss=1 - found["accuracy"], fitted_at=np.nan, diverged=found["accuracy"].isna()
    )


def test_shares_are_of_the_depths_that_backprop_fits_with_that_seed():
    found = capacity.metrics(made_up(
        (0, "backprop", 0, 1.0), (0, "one_x", 0, 0.5), (0, "backprop", 1, 0.9), (0, "one_x", 1, 1.0),
        (1, "backprop", 0, 0.99), (1, "one_x", 0, 0.99), (1, "backprop", 1, 0.98), (1, "one_x", 1, 1.0),
        (5, "backprop", 0, 1.0), (5, "one_x", 0, 0.989), (5, "backprop", 1, 0.2), (5, "one_x", 1, 0.1),
        (9, "backprop", 0, 0.3), (9, "one_x", 0, 1.0), (9, "backprop", 1, 0.2), (9, "one_x", 1, 0.1),
    ))  # fmt: skip
    assert found["backprop_fitted_share.mse"] == [0.75, 0.0]
    assert found["also_fitted.one_x.mse"] == pytest.approx([1 / 3, np.nan], nan_ok=True)
    assert found["accuracy.one_x.mse.hidden5"] == [0.989, 0.1]
    assert found["train_loss.backprop.mse.hidden1"] == pytest.approx([0.01, 0.02])
    assert "also_fitted.backprop.mse" not in found


def test_a_depth_at_which_a_method_was_not_trained_is_not_held_against_it():
    rows = [(0, "backprop", 0, 1.0), (1, "backprop", 0, 1.0), (2, "backprop", 0, 1.0)]
    found = capacity.metrics(made_up(*rows, (1, "every_x", 0, 1.0), (2, "every_x", 0, 0.5)))
    assert found["also_fitted.every_x.mse"] == [0.5]
    assert "accuracy.every_x.mse.hidden0" not in found


def test_what_a_method_adds_is_beyond_the_control_with_the_same_gates_frozen():
    found = capacity.metrics(made_up(
        (2, "backprop", 0, 1.0), (2, "one_x", 1, 0.7), (2, "one_x", 0, 1.0), (2, "every_x", 0, 0.5),
        (2, "one_frozen", 0, 0.9), (2, "one_frozen", 1, np.nan), (2, "every_frozen", 0, 0.1), (0, "one_x", 0, 1.0),
        (0, "backprop", 0, 1.0), (2, "backprop", 1, 1.0),
    ))  # fmt: skip
    beyond = {name: values for name, values in found.items() if name.startswith("beyond")}
    assert set(beyond) == {f"beyond_frozen_accuracy.{place}_x.mse.hidden2" for place in ("one", "every")}
    assert beyond["beyond_frozen_accuracy.every_x.mse.hidden2"] == pytest.approx([0.4])
    one = beyond["beyond_frozen_accuracy.one_x.mse.hidden2"]
    assert list(one) == pytest.approx([0.1, np.nan], nan_ok=True)
    assert one.outcomes == ["measured", "diverged"]


def test_what_diverged_did_not_fit():
    found = capacity.metrics(made_up((1, "backprop", 0, 1.0), (1, "one_x", 0, np.nan)))
    assert found["also_fitted.one_x.mse"] == [0.0]
    assert found["accuracy.one_x.mse.hidden1"] == pytest.approx([np.nan], nan_ok=True)


def test_headline_numbers_have_a_value_per_seed_in_their_order(table):
    found = capacity.metrics(table.sample(frac=1, random_state=0))
    assert all(len(values) == 2 for values in found.values())
    run = table[(table["loss"] == "mse") & (table["method"] == "one_linear_sg") & (table["hidden"] == 2)]
    assert found["train_loss.one_linear_sg.mse.hidden2"] == run.sort_values("seed")["train_loss"].tolist()
    assert {"also_fitted.every_sigmoid_sg.cross_entropy", "backprop_fitted_share.cross_entropy"} <= set(found)
    assert "also_fitted.one_sigmoid_sg.mse" not in found


def test_the_figure_shows_means_and_intervals_over_seeds(table):
    figure, shown = figure_of.draw({"capacity": table}, style=Style({}))
    key = {"loss": "mse", "method": "one_linear_sg", "hidden": 2}
    raw = table[np.logical_and.reduce([table[name] == value for name, value in key.items()])]
    rows = shown[np.logical_and.reduce([shown[name] == value for name, value in key.items()])].set_index("quantity")
    assert tuple(rows.loc["accuracy", ["mean", "low", "high", "n"]]) == pytest.approx(
        interval(raw["accuracy"].to_numpy(), range=SHARE)
    )
    assert rows.loc["train_loss", "mean"] == pytest.approx(np.sqrt(raw["train_loss"].prod()))
    assert rows.loc["train_loss", "lost"] == 0
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {
        "backprop",
        "one linear SG",
        "linear SG everywhere",
        "one sigmoid SG",
        "sigmoid SG everywhere",
        "lower half frozen",
        "all hidden layers frozen",
    }
    figure.canvas.draw()


def test_the_figure_draws_each_method_at_its_depths(table):
    figure, shown = figure_of.draw({"capacity": table}, style=Style({}))
    lower = figure.axes[2]
    assert [text.get_text() for text in lower.get_xticklabels()] == ["0", "2"]
    drawn = {container.get_label(): container[0].get_xydata() for container in lower.containers}
    wanted = shown[(shown["quantity"] == "accuracy") & (shown["loss"] == "cross_entropy")]
    assert drawn["one sigmoid SG"][:, 1].tolist() == wanted[wanted["method"] == "one_sigmoid_sg"]["mean"].tolist()
    assert np.round(drawn["one sigmoid SG"][:, 0]).tolist() == [0, 1]
    assert np.round(drawn["sigmoid SG everywhere"][:, 0]).tolist() == [1]


@pytest.mark.parametrize("how", ["one seed", "all diverged", "none"])
def test_the_figure_of_little_or_nothing(table, how):
    given = {"one seed": table[table["seed"] == 0], "none": pd.DataFrame()}
    lost = table.assign(train_loss=np.nan, accuracy=np.nan, diverged=True)
    figure, shown = figure_of.draw({"capacity": given.get(how, lost)}, style=Style({}))
    assert list(shown.columns) == figure_of.COLUMNS
    assert shown["lost"].sum() == (2 * len(table) if how == "all diverged" else 0)
    figure.canvas.draw()
