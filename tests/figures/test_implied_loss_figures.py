"""The figures of the implied loss: what they show is in the numbers that come with them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pipeline.figures import implied_loss, loss_surfaces
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE

STYLE = Style({})
SIDE, LAYERS, STEPS = 4, (1, 2), (0, 10, 100)
COLUMNS = ["loss", "labels", "seed", "layer", "step", "quantity", "value", "x1", "x2"]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def made(cases, seeds=3):
    """Numbers that tell seed, layer and step, and surfaces that tell x1 from x2."""
    rows, axis = [], np.linspace(-1, 1, SIDE)
    for loss, labels in cases:
        for seed in range(seeds):
            for step in STEPS:
                rows.append((loss, labels, seed, 0, step, "accuracy", step / 100, np.nan, np.nan))
                for layer in LAYERS:
                    value = np.nan if step == 0 else 0.1 * layer + 0.01 * seed + step / 1000
                    for quantity, sign in (("r2", 1), ("r2_within", 1), ("rank", -1)):
                        rows.append((loss, labels, seed, layer, step, quantity, sign * value, np.nan, np.nan))
        for step in STEPS[1:]:
            for layer in (0, *LAYERS):
                quantity = "implied_loss" if layer else "true_loss"
                rows += [
                    (loss, labels, 0, layer, step, quantity, x1 + 10 * x2 + layer, x1, x2) for x1 in axis for x2 in axis
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


ALL = [(loss, labels) for loss in ("cross_entropy", "mse") for labels in ("separable", "random")]


def test_lines_are_means_over_seeds():
    figure, shown = implied_loss.draw({"implied_loss": made(ALL)}, style=STYLE)
    assert list(shown.columns) == implied_loss.COLUMNS
    row = shown[
        (shown["quantity"] == "r2")
        & (shown["loss"] == "mse")
        & (shown["labels"] == "random")
        & (shown["layer"] == 2)
        & (shown["step"] == 100)
    ].iloc[0]
    assert (row["mean"], row["n"]) == (pytest.approx(0.31), 3)
    assert (row["low"], row["high"]) == pytest.approx(interval([0.30, 0.31, 0.32], range=SHARE)[1:3])
    assert 0 not in set(shown["step"]), "an SG that is zero implies a constant"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["layer 1", "layer 2", "whole net"]
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "log loss,\nseparable",
        "log loss,\nrandom labels",
        "MSE,\nseparable",
        "MSE,\nrandom labels",
    ]
    panel = figure.axes[3]
    drawn = {line.get_label(): line.get_ydata() for line in panel.lines}
    assert drawn["layer 2"] == pytest.approx([0.22, 0.31])
    figure.canvas.draw()


def test_seeds_without_a_value_are_counted():
    table = made([("mse", "random")])
    table.loc[(table["seed"] == 1) & (table["step"] == 100), "value"] = np.nan
    figure, shown = implied_loss.draw({"implied_loss": table}, style=STYLE)
    ends = shown[(shown["quantity"] == "r2") & (shown["layer"] == 1)].set_index("step")
    assert ends["n"].to_dict() == {10: 3, 100: 2}
    assert ends.loc[100, "mean"] == pytest.approx(0.21)
    figure.canvas.draw()


def test_surfaces_stand_upright_with_their_numbers_above():
    figure, shown = loss_surfaces.draw({"implied_loss": made(ALL)}, style=STYLE)
    values = [f"x1={x1:.5g}" for x1 in np.linspace(-1, 1, SIDE)]
    assert list(shown.columns) == [*(c for c in loss_surfaces.COLUMNS if c not in ("x1", "value")), *values]
    assert len(shown) == len(ALL) * 2 * 3 * SIDE
    x1 = np.linspace(-1, 1, SIDE)[None, :]
    expected = x1 + 10 * shown["x2"].to_numpy()[:, None] + shown["layer"].to_numpy()[:, None]
    np.testing.assert_allclose(shown[values].to_numpy(), expected)
    assert shown.loc[shown["layer"] == 0, ["r2", "rank"]].isna().all(axis=None)
    panels = np.array(figure.axes[: len(ALL) * 2 * 3]).reshape(-1, 3)
    image = panels[1, 2].images[0]
    axis = np.linspace(-1, 1, SIDE)
    np.testing.assert_allclose(image.get_array(), axis[None, :] + 10 * axis[:, None] + 2)
    assert image.origin == "lower"
    assert image.get_extent() == [-1, 1, -1, 1]
    assert panels[1, 2].get_title() == r"$R^2$ 0.30, $\rho$ -0.30"
    assert panels[0, 1].get_title() == "implied, layer 1\n" r"$R^2$ 0.11, $\rho$ -0.11"
    assert panels[0, 0].get_title().strip() == "true loss"
    assert panels[3, 0].get_ylabel() == "log loss,\nrandom labels,\nupdate 100"
    assert (figure.get_size_inches() <= [7.2, 11]).all()
    figure.canvas.draw()


def test_a_surface_that_diverged_is_grey():
    table = made([("mse", "random")])
    table.loc[table["x1"].notna() & (table["step"] == 100), "value"] = np.nan
    figure, shown = loss_surfaces.draw({"implied_loss": table}, style=STYLE)
    values = [name for name in shown.columns if name.startswith("x1=")]
    assert shown.loc[shown["step"] == 100, values].isna().all(axis=None)
    figure.canvas.draw()


@pytest.mark.parametrize("module", [implied_loss, loss_surfaces])
def test_nothing_to_show(module):
    figure, shown = module.draw({"implied_loss": pd.DataFrame()}, style=STYLE)
    assert list(shown.columns) == module.COLUMNS
    figure.canvas.draw()
