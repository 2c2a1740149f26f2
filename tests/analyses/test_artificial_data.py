"""Claim C8: the trainings on artificial data, by all methods from the same start, and what is made of them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.analyses import artificial_data
from pipeline.analyses.shared import artificial_data_training
from pipeline.figures import artificial_data as figure
from pipeline.figures.shared.style import Style
from pipeline.learning.stack import Stack

METHODS = list(figure.METHODS)
BACKPROP = ("backprop", [])
TINY = {"datasets": ("linearly_separable", "random_labels"), "inputs": (3,), "samples": 60, "width": 4}


def analyse(seed=0, **changes):
    options = {**TINY, "hidden": (0, 2), "steps": (250, 50), "rates": (0.1, 0.03), "seeds": 2, **changes}
    return artificial_data.analyse(generator=np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def table():
    return analyse()


def pick(table, **values):
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def test_there_is_a_row_for_each_cell_method_and_seed(table):
    cells = table.groupby(["dataset", "inputs", "hidden", "loss", "seed"])["method"].agg(list)
    assert len(cells) == 2 * 1 * 2 * 2 * 2
    for (_, _, hidden, _, _), methods in cells.items():
        assert sorted(methods) == sorted(METHODS if hidden else METHODS[:3])


def test_backprop_finds_least_squares(table):
    squares = pick(table, loss="mse", method="backprop")
    assert squares["converged"].all()
    assert pick(squares, hidden=0)["gap"].max() < 1e-6
    assert (table["final"] > table["optimum"] - 1e-9).all(), "nothing is better than the optimum"


def test_all_methods_of_a_cell_start_from_the_same_loss_and_seeds_and_depths_do_not(table):
    starts = table.groupby(["dataset", "hidden", "loss", "seed"])["start"]
    assert (starts.nunique() == 1).all()
    assert starts.first().nunique() == 16


def test_the_same_generator_gives_the_same_bits_and_a_method_more_moves_no_other(table):
    fewer = analyse(estimators=("sigmoid_sg",), datasets=("random_labels",), seeds=1)
    kept = table.merge(fewer[["dataset", "hidden", "loss", "method", "seed"]])
    pd.testing.assert_frame_equal(kept, fewer)
    other = analyse(1, datasets=("random_labels",), seeds=1, hidden=(0,), steps=(2,), rates=(0.1,))
    assert not np.isin(other["start"], table["start"]).any()


@pytest.mark.parametrize(
    ("hidden", "one", "every"), [(0, [1], None), (1, [1], None), (2, [1], [1, 2]), (10, [5], list(range(1, 11)))]
)
def test_where_the_sgs_stand(hidden, one, every):
    found = artificial_data_training.methods(("linear_sg",), hidden=hidden)
    assert found.pop("backprop") == BACKPROP
    assert found.pop("one_linear_sg") == ("linear_sg", one)
    assert found == ({"every_linear_sg": ("linear_sg", every)} if every else {})


def train(model, loss, x, labels, how, *, seed):
    (found,) = artificial_data_training.train(model, [artificial_data_training.Case(x, labels, loss, seed)], how)
    return found


def test_an_sg_on_the_output_of_a_linear_model_is_zero_at_first_so_nothing_moves():
    x, labels = artificial_data_training.draw("xor", samples=50, inputs=3, seed=1)
    model = artificial_data_training.ModelSettings(hidden=0, width=4, steps=1, rate=0.1)
    start, final = train(model, "mse", x, labels, ("linear_sg", [1]), seed=1)
    assert final == pytest.approx(start, rel=1e-12)
    start, final = train(model, "mse", x, labels, BACKPROP, seed=1)
    assert final < start - 1e-3


def test_the_weights_depend_on_the_seed_and_not_on_the_method():
    x, labels = artificial_data_training.draw("xor", samples=50, inputs=3, seed=1)
    model = artificial_data_training.ModelSettings(hidden=2, width=4, steps=1, rate=0.1)
    ways = [(BACKPROP, 1), (("linear_sg", [1]), 1), (BACKPROP, 2)]
    one, same, other = (train(model, "mse", x, labels, how, seed=seed)[0] for how, seed in ways)
    assert one == same
    assert abs(one - other) > 1e-3


def test_the_start_is_the_loss_of_the_untrained_network():
    x, labels = artificial_data_training.draw("xor", samples=50, inputs=3, seed=1)
    model = artificial_data_training.ModelSettings(hidden=0, width=4, steps=1, rate=1e-12)
    start, final = train(model, "cross_entropy", x, labels, BACKPROP, seed=1)
    assert final == pytest.approx(start, rel=1e-9)
    assert x.dtype == np.float64


def test_the_rate_drops_at_60_and_85_per_cent(monkeypatch):
    rates = []
    update = Stack.update

    def watched(self, x, y):
        assert x.dtype == y.dtype == torch.float64
        (trainer,) = self.trainers
        rates.append((trainer.settings.rate_at(self.step), trainer.gate_settings.rate_at(self.step)))
        return update(self, x, y)

    monkeypatch.setattr(Stack, "update", watched)
    x, labels = artificial_data_training.draw("xor", samples=20, inputs=2, seed=1)
    model = artificial_data_training.ModelSettings(hidden=0, width=4, steps=20, rate=1.0)
    train(model, "mse", x, labels, ("linear_sg", [1]), seed=1)
    np.testing.assert_allclose([main for main, _ in rates], [1.0] * 12 + [0.1] * 5 + [0.01] * 3)
    assert all(main == gate for main, gate in rates)


def test_losses_during_training_are_those_of_a_shorter_one():
    x, labels = artificial_data_training.draw("xor", samples=50, inputs=3, seed=1)
    case = artificial_data_training.Case(x, labels, "mse", 1)
    long = artificial_data_training.ModelSettings(hidden=2, width=4, steps=100, rate=0.01)
    ((start, *during, final),) = artificial_data_training.train(long, [case], BACKPROP, looks=[0, 7, 30, 100])
    for look, value in ((7, during[1]), (30, during[2])):  # the rate drops later, at 60 updates
        short = artificial_data_training.ModelSettings(hidden=2, width=4, steps=look * 100 // 59, rate=0.01)
        ((_, then, _),) = artificial_data_training.train(short, [case], BACKPROP, looks=[look])
        assert value == then
    assert (during[0], during[3]) == (start, final)
    assert start > during[1] > during[2] > final


def test_a_loss_is_lost_from_the_first_one_that_is_no_number_on():
    x, labels = artificial_data_training.draw("xor", samples=20, inputs=2, seed=1)
    case = artificial_data_training.Case(x, labels, "mse", 1)
    model = artificial_data_training.ModelSettings(hidden=2, width=4, steps=50, rate=1e120)
    ((start, first, later, final),) = artificial_data_training.train(model, [case], BACKPROP, looks=[0, 40])
    assert first == start
    assert np.isnan([later, final]).all()


def test_the_table_has_the_losses_at_the_shares_of_each_models_steps(table):
    again = analyse(shares=(0.2, 0.5))
    assert [name for name in again if name.startswith("loss_at")] == ["loss_at_0.2", "loss_at_0.5"]
    assert again.groupby("hidden")["steps"].unique().map(list).to_dict() == {0: [250], 2: [50]}
    pd.testing.assert_series_equal(again["final"], table["final"])
    plain = again[again["method"] == "backprop"]
    assert (plain["start"] > plain["loss_at_0.2"]).all()
    assert (plain["loss_at_0.2"] > plain["final"]).all()


def test_a_loss_that_is_no_number_is_a_divergence():
    x, labels = artificial_data_training.draw("xor", samples=20, inputs=2, seed=1)
    model = artificial_data_training.ModelSettings(hidden=2, width=4, steps=50, rate=1e120)
    start, final = train(model, "mse", x, labels, BACKPROP, seed=1)
    assert np.isfinite(start)
    assert np.isnan(final)


@pytest.mark.parametrize("wrong", [{"steps": (5,)}, {"rates": (0.1, 0.1, 0.1)}, {"width": 1}])
def test_settings_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="expected one number of steps and one rate"):
        analyse(**wrong)


def test_headline_numbers_of_a_real_table_have_a_value_per_seed(table):
    found = artificial_data.metrics(table)
    assert all(len(values) == 2 for values in found.values())
    assert not any("backprop" in name for name in found if name.startswith("converged_share"))
    assert not any("every" in name for name in found if ".linear." in name or name.endswith(".exception"))
    assert {f"log10_gap.{method}.exception" for method in METHODS[:3]} <= set(found)
    assert {
        f"converged_share.{method}.deep.{loss}" for method in METHODS[1:] for loss in ("mse", "cross_entropy")
    } <= set(found)


def test_a_real_table_is_drawn_and_an_empty_one_says_so(table):
    drawn, shown = figure.draw({"artificial_data": table}, style=Style({}))
    drawn.canvas.draw()
    assert shown["seeds"].eq(2).all()
    empty, none = figure.draw({"artificial_data": pd.DataFrame()}, style=Style({}))
    assert list(none.columns) == figure.COLUMNS
    empty.canvas.draw()
    plt.close("all")


def test_without_gates_everywhere_the_other_numbers_stay(table):
    fewer = analyse(everywhere=False)
    assert not fewer["method"].str.startswith("every").any()
    kept = table[~table["method"].str.startswith("every")].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, fewer)


def test_how_many_train_side_by_side_moves_no_bit(table, monkeypatch):
    monkeypatch.setattr(artificial_data_training, "STACKED", 3)
    pd.testing.assert_frame_equal(analyse(), table)
