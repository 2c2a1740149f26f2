"""The figures of histories and probes: the csv is right, and what is drawn is the csv."""

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import learning_curves, norms, probes, sg_quality
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import NAMED, name_of

FIGURES = {"learning": learning_curves, "norms": norms, "sg_quality": sg_quality, "probes": probes}
STYLE = Style({"bp": "backprop", "one": "one SG", "every": "SG everywhere"})
GATED = {
    "bp": lambda hidden: [],
    "one": lambda hidden: [(hidden + 1) // 2],
    "every": lambda hidden: [*range(1, hidden + 1)],
}
STEPS = (0, 5, 20, 100)


def made_up(*, depths=(2, 5), seeds=3, methods=("bp", "one", "every"), diverged=()):
    """Tables as the stages hand them over; `diverged` runs (method, depth, seed) end at step 20."""
    rng = np.random.default_rng(0)
    rows = {name: [] for name in FIGURES}
    for hidden in depths:
        for method in methods:
            for seed in range(seeds):
                who = (f"{method}-{hidden}-{seed}", method, seed, hidden, f"network.hidden={hidden}")
                lost = (method, hidden, seed) in diverged
                for step in STEPS[: 3 if lost else None]:
                    final = step == STEPS[-1]
                    for quantity in ("train_loss", "validation_accuracy", *(["test_accuracy"] if final else [])):
                        rows["learning"].append((*who, 0, step, quantity, rng.uniform(0.1, 0.9), final))
                    for layer in GATED[method](hidden):
                        for quantity in ("cosine", "norm_ratio", "sg_loss"):
                            rows["sg_quality"].append((*who, layer, step, quantity, rng.uniform(0.1, 0.9), final))
                for layer in range(1, hidden + 2):
                    for quantity in ("norm_start", "norm_end", "distance", "norm_growth", "distance_relative"):
                        value = np.nan if lost and quantity != "norm_start" else rng.uniform(1, 2)
                        rows["norms"].append((*who, layer, 0, quantity, value, False))
                for layer in [] if lost else range(1, hidden + 1):
                    for quantity in ("train_accuracy", "test_accuracy"):
                        rows["probes"].append((*who, layer, 0, quantity, rng.uniform(0.5, 1), False))
    columns = ["run", "method", "seed", "hidden", "varied", "layer", "step", "quantity", "value", "final"]
    tables = {name: pd.DataFrame(found, columns=columns) for name, found in rows.items()}
    tables["probes"]["chance"] = 0.1
    return tables


def rows(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def lines(axes, label):
    """Every line of a method that has a label of its own, as pairs of numbers."""
    return [line.get_xydata().tolist() for line in axes.get_lines() if line.get_label() == label]


def points(curve, x):
    return curve.sort_values(x)[[x, "mean"]].to_numpy(dtype=float).tolist()


@pytest.mark.parametrize("name", FIGURES)
def test_the_csv_is_mean_interval_and_n_over_seeds(name):
    tables = made_up(diverged=[("every", 5, 1)])
    _, shown = FIGURES[name].draw(tables, style=STYLE)
    by = [c for c in ("quantity", "hidden", "method", "layer", "step") if c in shown]
    assert not shown.duplicated(by).any()
    table = tables[name].assign(quantity=tables[name]["quantity"])
    for row in shown.to_dict("records"):
        quantity = row["quantity"].removesuffix("_end") if name == "sg_quality" else row["quantity"]
        values = rows(table, **{c: row[c] for c in by} | {"quantity": quantity})["value"]
        expected = interval(values.tolist(), range=NAMED[name_of(row["quantity"], FIGURES[name].RANGES)])
        assert [row["mean"], row["low"], row["high"], row["n"]] == pytest.approx(list(expected), nan_ok=True)


def test_learning_curves_draw_the_csv():
    figure, shown = learning_curves.draw(made_up(), style=STYLE)
    for column, hidden in enumerate((2, 5)):
        for row, quantity in enumerate(("train_loss", "validation_accuracy")):
            axes = figure.axes[2 * row + column]
            for method in STYLE.methods:
                curve = rows(shown, quantity=quantity, hidden=hidden, method=method)
                assert lines(axes, STYLE.label(method)) == [points(curve, "step")]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["2 hidden layers", "5 hidden layers"]
    assert figure.axes[0].get_yscale() == "log"


def test_test_accuracies_are_drawn_and_said_in_words():
    figure, shown = learning_curves.draw(made_up(diverged=[("bp", 5, 0)]), style=STYLE)
    axes = figure.axes[5]
    finals = rows(shown, quantity="test_accuracy", hidden=5).set_index("method")
    for place, method in enumerate(STYLE.methods):
        mean, n = finals.loc[method, ["mean", "n"]]
        assert axes.texts[place].get_text() == f"{100 * mean:.2f} ({n:.0f})"
        marker = axes.containers[place][0]
        assert marker.get_xydata().tolist() == [[mean, place]]
        (bar,) = axes.containers[place][2][0].get_segments()
        assert bar[:, 0].tolist() == pytest.approx(finals.loc[method, ["low", "high"]].tolist())
    assert finals["n"].tolist() == [2, 3, 3]


def test_a_method_of_which_no_run_finished_says_so():
    figure, _ = learning_curves.draw(made_up(diverged=[("one", 5, seed) for seed in range(3)]), style=STYLE)
    assert [text.get_text() for text in figure.axes[5].texts][1] == "no run finished"
    assert [text.get_text() for text in figure.axes[4].texts][1] != "no run finished"
    assert lines(figure.axes[1], "one SG")[0][-1][0] == STEPS[2], "its curve ends where it diverged"


def test_norms_draw_the_csv_and_the_output_layer_apart():
    figure, shown = norms.draw(made_up(), style=STYLE)
    for row, quantity in enumerate(("norm_end", "norm_growth", "distance_relative")):
        axes = figure.axes[2 * row + 1]
        for place, method in enumerate(STYLE.methods):
            curve = rows(shown, quantity=quantity, hidden=5, method=method)
            assert points(curve[curve["layer"] <= 5], "layer") in lines(axes, STYLE.label(method))
            output = curve[curve["layer"] == 6]
            assert len(output) == (quantity != "norm_end"), "absolute norms of another shape don't compare"
            assert axes.containers[place][0].get_xydata().tolist() == points(output, "layer")
    start = rows(shown, quantity="norm_start", hidden=5, method="bp")
    assert points(start, "layer") in lines(figure.axes[1], "at the start")


def test_sg_quality_draws_the_end_of_the_csv_by_layer():
    figure, shown = sg_quality.draw(made_up(), style=STYLE)
    for row, quantity in enumerate(("cosine_end", "norm_ratio_end")):
        axes = figure.axes[2 * row + 1]
        every = rows(shown, quantity=quantity, hidden=5, method="every")
        assert every["step"].tolist() == [STEPS[-1]] * 5
        assert lines(axes, "SG everywhere") == [points(every, "layer")]
        one = rows(shown, quantity=quantity, hidden=5, method="one")
        assert axes.containers[0][0].get_xydata().tolist() == points(one, "layer") == [[3, one["mean"].iloc[0]]]


def test_an_estimate_of_zero_leaves_the_norm_ratios_of_the_others_on_a_logarithmic_axis():
    tables = made_up()
    table = tables["sg_quality"]
    table.loc[(table["method"] == "every") & table["quantity"].isin(["cosine", "norm_ratio"]), "value"] = 0.0
    figure, shown = sg_quality.draw(tables, style=STYLE)
    ratios = rows(shown, quantity="norm_ratio_end")["mean"]
    axes = figure.axes[3]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < ratios[ratios > 0].min() < 1 < axes.get_ylim()[1]
    figure.canvas.draw()


def test_sg_quality_draws_one_gate_along_the_steps_and_many_as_a_map():
    figure, shown = sg_quality.draw(made_up(), style=STYLE)
    cosines = rows(shown, quantity="cosine", hidden=5)
    assert lines(figure.axes[5], "one SG") == [points(rows(cosines, method="one"), "step")]
    assert not lines(figure.axes[5], "SG everywhere")
    mesh = figure.axes[7].collections[0]
    expected = rows(cosines, method="every").pivot(index="layer", columns="step", values="mean")
    np.testing.assert_array_equal(mesh.get_array(), expected.to_numpy())
    assert expected.index.tolist() == [1, 2, 3, 4, 5], "rows of the mesh go up from the first layer"
    low, high = mesh.get_clim()
    assert low == -high, "no cosine is the middle of the colours"
    assert high == rows(shown, quantity="cosine")[["method", "mean"]].query("method == 'every'")["mean"].max()
    assert "SG everywhere" in figure.axes[6].get_ylabel()


def test_cells_of_a_map_stand_around_their_steps():
    figure, _ = sg_quality.draw(made_up(), style=STYLE)
    edges = figure.axes[7].collections[0].get_coordinates()[0, :, 0]
    assert edges.tolist() == [-2.5, 2.5, 12.5, 60, 140]


def test_maps_are_grey_where_no_run_came_so_far():
    figure, shown = sg_quality.draw(made_up(diverged=[("every", 5, seed) for seed in range(3)]), style=STYLE)
    mesh = figure.axes[7].collections[0]
    assert mesh.get_array().shape == (5, 3)
    assert figure.axes[7].get_xlim()[1] == STEPS[-1], "and the others' steps stay in sight"
    assert rows(shown, quantity="cosine_end", hidden=5, method="every").empty
    assert not lines(figure.axes[1], "SG everywhere")[0]


def test_probes_draw_the_csv():
    figure, shown = probes.draw(made_up(), style=STYLE)
    for row, quantity in enumerate(("train_accuracy", "test_accuracy")):
        for method in STYLE.methods:
            curve = rows(shown, quantity=quantity, hidden=5, method=method)
            assert lines(figure.axes[2 * row + 1], STYLE.label(method)) == [points(curve, "layer")]
    assert (shown["chance"] == 0.1).all()


@pytest.mark.parametrize(("lowest", "line"), [(0.2, True), (0.9, False)])
def test_chance_is_a_line_where_it_is_in_sight_and_a_note_where_not(lowest, line):
    tables = made_up()
    tables["probes"]["value"] = np.linspace(lowest, 1, len(tables["probes"]))
    figure, _ = probes.draw(tables, style=STYLE)
    for axes in figure.axes:
        flat = [one for one in axes.get_lines() if set(one.get_ydata()) == {0.1}]
        assert bool(flat) == line
        assert ("far below" in axes.texts[0].get_text()) != line
        assert "10%" in axes.texts[0].get_text()
        low, high = axes.get_ylim()
        assert (low < 0.1) == line
        assert high >= 1


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_gives_a_figure_that_says_so(name, tmp_path):
    for table in (pd.DataFrame(), made_up()[name][:0], made_up()[name].assign(method="a method of another study")):
        figure, shown = FIGURES[name].draw({name: table}, style=STYLE)
        assert shown.empty
        assert {"mean", "low", "high", "n"} <= set(shown.columns)
        assert figure.axes[0].texts
        figure.savefig(tmp_path / "nothing.png")


CASES = {
    "smallest": {"depths": (1,), "seeds": 1},
    "two seeds": {"seeds": 2, "diverged": [("every", 5, 0)]},
    "all diverged": {"depths": (3,), "diverged": [(m, 3, s) for m in ("bp", "one", "every") for s in range(3)]},
    "backprop alone": {"methods": ("bp",)},
    "one gate alone": {"methods": ("one",)},
    "many gates alone": {"methods": ("every",), "depths": (20,)},
    "one method missing at a depth": {"diverged": [("one", 2, s) for s in range(3)]},
}
SAVED = ("smallest", "all diverged")  # laying out takes most of the time, and here something could go wrong


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_figures_cope(name, case, tmp_path):
    figure, shown = FIGURES[name].draw(made_up(**CASES[case]), style=STYLE)
    if case in SAVED:
        figure.savefig(tmp_path / "figure.png", dpi=40)
    assert figure.get_size_inches()[0] == pytest.approx(7.2)
    assert list(shown.columns[-5:-1] if name == "probes" else shown.columns[-4:]) == ["mean", "low", "high", "n"]


@pytest.mark.parametrize("name", FIGURES)
def test_tables_are_left_alone(name):
    tables = made_up()
    before = tables[name].copy()
    FIGURES[name].draw(tables, style=STYLE)
    pd.testing.assert_frame_equal(tables[name], before)


def test_settings_that_vary_beside_the_depth_are_never_averaged():
    tables = made_up(depths=(3,))
    other = tables["norms"].assign(varied="network.hidden=3; optimiser.rate=0.1", value=100.0)
    figure, shown = norms.draw({"norms": pd.concat([tables["norms"], other])}, style=STYLE)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["3 hidden layers", "3 hidden layers, rate=0.1"]
    assert set(rows(shown, varied="network.hidden=3; optimiser.rate=0.1")["mean"]) == {100.0}
    assert rows(shown, varied="network.hidden=3")["mean"].max() < 3
