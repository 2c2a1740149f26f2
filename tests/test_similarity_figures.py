"""The figures of RDMs and similarity: the csv is right, and what is drawn is the csv."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pipeline.figures import rdm_grid, rdm_structure, similarity_by_layer, similarity_maps, similarity_over_time
from pipeline.figures._style import RC, Style
from pipeline.stats import interval

FIGURES = {
    "rdm_grid": rdm_grid, "rdm_structure": rdm_structure, "similarity_maps": similarity_maps,
    "similarity_by_layer": similarity_by_layer, "similarity_over_time": similarity_over_time,
}  # fmt: skip
STYLE = Style({"bp": "backprop", "one": "one SG", "every": "SG everywhere"})
STEPS, PIXELS = (0, 5, 100), 4
NUMBERS = ["mean", "low", "high", "n"]


@pytest.fixture(autouse=True)
def _style_sheet():
    with mpl.rc_context(RC):
        yield
    plt.close("all")


def made_up(
    *, depths=(2, 5), seeds=3, methods=("bp", "one", "every"), measures=("cca", "cka"), missing=(), other=False
):
    """Tables as the stages hand them over; `missing` runs (method, depth, seed) diverged. With `other`, all pairs."""
    rng = np.random.default_rng(0)
    rows = {"rdm": [], "similarity": [], "similarity_over_time": []}
    for hidden in depths:
        runs = [run for run in itertools.product(methods, range(seeds)) if (run[0], hidden, run[1]) not in missing]
        layers = range(1, hidden + 1)
        for method, seed in runs:
            who = (f"{method}-{hidden}-{seed}", method, seed, hidden, f"network.hidden={hidden}")
            rows["rdm"] += [(*who, 0, "class_start", 2.0 * i, i, -1) for i in range(2)]
            for layer in layers:
                names = ("class_correlation", "within", "between", "constant_points")
                rows["rdm"] += [(*who, layer, quantity, rng.uniform(), -1, -1) for quantity in names]
                cells = itertools.product(range(PIXELS), repeat=2)
                rows["rdm"] += [(*who, layer, "rdm", rng.uniform(0, 2), i, j) for i, j in cells]
            rows["similarity_over_time"] += [
                (*who, measure, layer, step, 1.0 if step == STEPS[-1] else rng.uniform(0, 0.9), *rng.uniform(size=2))
                for measure, layer, step in itertools.product(measures, layers, STEPS)
            ]
        for (method_a, seed_a), (method_b, seed_b) in itertools.combinations(runs, 2):
            if other or method_a == method_b or seed_a == seed_b:
                kind = "seeds" if method_a == method_b else "methods"
                who = (
                    f"{method_a}-{hidden}-{seed_a}",
                    method_a,
                    seed_a,
                    f"{method_b}-{hidden}-{seed_b}",
                    method_b,
                    seed_b,
                )
                rows["similarity"] += [
                    (*who, hidden, kind, measure, i, j, *rng.uniform(size=3))
                    for measure, i, j in itertools.product(measures, layers, layers)
                ]
    run = ["run", "method", "seed", "hidden", "varied"]
    pair = ["run_a", "method_a", "seed_a", "run_b", "method_b", "seed_b", "hidden", "kind"]
    values = ["value", "null_mean", "null_high"]
    columns = {
        "rdm": [*run, "layer", "quantity", "value", "i", "j"],
        "similarity": [*pair, "measure", "layer_a", "layer_b", *values],
        "similarity_over_time": [*run, "measure", "layer", "step", *values],
    }
    return {name: pd.DataFrame(found, columns=columns[name]) for name, found in rows.items()}


def rows(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def lines(axes, label):
    return [line.get_xydata().tolist() for line in axes.get_lines() if line.get_label() == label]


def dotted(axes):
    return [line.get_xydata().tolist() for line in axes.get_lines() if line.get_linestyle() == ":"]


def points(curve, x, y="mean"):
    return curve.sort_values(x)[[x, y]].to_numpy(dtype=float).tolist()


# RDMs


def test_the_grid_shows_the_deepest_networks_and_each_methods_first_seed():
    figure, shown = rdm_grid.draw(made_up(missing=[("one", 5, 0)]), style=STYLE)
    assert set(shown["hidden"]) == {5}
    assert shown.groupby("method")["seed"].unique().map(list).to_dict() == {"bp": [0], "one": [1], "every": [0]}
    assert [axes.get_title() for axes in figure.axes[:5]] == [f"layer {layer}" for layer in range(1, 6)]
    assert [axes.get_ylabel() for axes in figure.axes[:15:5]] == [
        "backprop\nseed 0", "one SG\nseed 1", "SG everywhere\nseed 0",
    ]  # fmt: skip


def test_the_grids_pictures_are_the_table_on_one_colour_scale():
    tables = made_up(depths=(3,))
    figure, shown = rdm_grid.draw(tables, style=STYLE)
    highest = shown["value"].max()
    for row, method in enumerate(STYLE.methods):
        for column, layer in enumerate((1, 2, 3)):
            (image,) = figure.axes[3 * row + column].images
            cells = rows(tables["rdm"], method=method, seed=0, layer=layer, quantity="rdm")
            matrix = cells.pivot(index="i", columns="j", values="value").to_numpy()
            np.testing.assert_array_equal(image.get_array(), matrix)
            assert image.origin == "upper"
            assert image.get_clim()[0] == 0
            assert image.get_clim()[1] >= highest
            above = rows(shown, method=method, layer=layer)
            assert [matrix[i, j] for i, j in zip(above["i"], above["j"], strict=True)] == above["value"].tolist()
            assert len(above) == PIXELS * (PIXELS + 1) / 2
    assert len({image.get_clim() for axes in figure.axes[:9] for image in axes.images}) == 1


def test_classes_are_numbered_at_their_middles():
    figure, _ = rdm_grid.draw(made_up(depths=(1,)), style=STYLE)
    assert figure.axes[0].get_yticks().tolist() == [1, 3]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "1"]


def test_undefined_dissimilarities_stay_undefined():
    tables = made_up(depths=(1,), seeds=1, methods=("bp",))
    at = (tables["rdm"]["quantity"] == "rdm") & (tables["rdm"]["i"] == 1)
    tables["rdm"].loc[at, "value"] = np.nan
    figure, _ = rdm_grid.draw(tables, style=STYLE)
    assert np.ma.getmaskarray(figure.axes[0].images[0].get_array())[1].all()


def test_class_structure_draws_the_csv():
    figure, shown = rdm_structure.draw(made_up(missing=[("one", 5, 2)]), style=STYLE)
    for row, hidden in enumerate((2, 5)):
        for column, quantity in enumerate(("class_correlation", "within", "between")):
            axes = figure.axes[3 * row + column]
            for method in STYLE.methods:
                curve = rows(shown, quantity=quantity, hidden=hidden, method=method)
                assert len(curve) == hidden
                assert lines(axes, STYLE.label(method)) == [points(curve, "layer")]
            assert [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"] == [
                (hidden + 1) // 2
            ]
    assert set(rows(shown, method="one", hidden=5)["n"]) == {2}


@pytest.mark.parametrize(
    ("name", "source"), [("rdm_structure", "rdm"), ("similarity_over_time", "similarity_over_time")]
)
def test_the_csv_is_mean_interval_and_n_over_seeds(name, source):
    tables = made_up(missing=[("every", 5, 1)])
    _, shown = FIGURES[name].draw(tables, style=STYLE)
    by = [c for c in ("quantity", "measure", "hidden", "method", "layer", "step") if c in shown]
    assert not shown.duplicated(by).any()
    for row in shown.iloc[::3].to_dict("records"):
        expected = interval(rows(tables[source], **{c: row[c] for c in by})["value"].tolist())
        assert [row[c] for c in NUMBERS] == pytest.approx(list(expected), nan_ok=True)


# Pairs


def of_pair(table, row):
    """The rows of a made-up table that a row of the csv is made from."""
    found = rows(table, **{c: row[c] for c in ("hidden", "measure", "method_a", "method_b", "layer_a", "layer_b")})
    same_seed = found["seed_a"] == found["seed_b"]
    return found[same_seed if row["other"] == "methods" else ~same_seed]


@pytest.mark.parametrize("name", ["similarity_maps", "similarity_by_layer"])
def test_pairs_are_grouped_by_what_is_other(name):
    table = made_up(other=True)["similarity"]
    _, shown = FIGURES[name].draw({"similarity": table}, style=STYLE)
    kinds = set(zip(shown["method_a"], shown["method_b"], shown["other"], shown["method"], strict=True))
    assert kinds == {
        ("bp", "bp", "seeds", "bp"), ("one", "one", "seeds", "one"), ("every", "every", "seeds", "every"),
        ("bp", "one", "methods", "one"), ("bp", "every", "methods", "every"),
        ("bp", "one", "both", "one"), ("bp", "every", "both", "every"),
    }  # fmt: skip
    for row in shown.iloc[::5].to_dict("records"):
        found = of_pair(table, row)
        assert row["n"] == {"seeds": 3, "methods": 3, "both": 6}[row["other"]]
        assert [row[c] for c in NUMBERS] == pytest.approx(list(interval(found["value"].tolist())))
        assert row["null_mean"] == pytest.approx(found["null_mean"].mean())
        assert row["null_high"] == pytest.approx(found["null_high"].mean())


def test_maps_show_the_deepest_networks_with_the_first_layer_at_the_bottom():
    figure, shown = similarity_maps.draw(made_up(), style=STYLE)
    assert set(shown["hidden"]) == {5}
    kinds = [("bp", "bp"), ("one", "one"), ("every", "every"), ("bp", "one"), ("bp", "every")]
    for row, (a, b) in enumerate(kinds):
        for column, measure in enumerate(("cca", "cka")):
            axes = figure.axes[2 * row + column]
            cells = rows(shown, method_a=a, method_b=b, measure=measure)
            (image,) = axes.images
            expected = cells.pivot(index="layer_a", columns="layer_b", values="mean")
            np.testing.assert_array_equal(image.get_array(), expected.to_numpy())
            assert image.origin == "lower"
            assert image.get_extent() == [0.5, 5.5, 0.5, 5.5]
            assert image.get_clim() == pytest.approx(rows(shown, measure=measure)["mean"].agg(["min", "max"]))
            said = [text.get_text() for text in axes.texts]
            assert f"chance {cells['null_mean'].mean():.2f}\nn = 3" in said
    titles = [figure.axes[2 * row].texts[-1].get_text() for row in range(5)]
    assert titles[1] == "5 hidden layers: one SG (up) with one SG (across), other seed"
    assert titles[3] == "5 hidden layers: backprop (up) with one SG (across), same seed"


def test_a_chance_level_just_below_nought_has_no_sign():
    tables = made_up(depths=(1,))
    tables["similarity"]["null_mean"] = -0.001
    figure, _ = similarity_maps.draw(tables, style=STYLE)
    assert figure.axes[0].texts[0].get_text().startswith("chance 0.00")


def test_by_layer_draws_corresponding_layers_and_repeats_the_first_methods_seeds():
    figure, shown = similarity_by_layer.draw(made_up(other=True), style=STYLE)
    assert (shown["layer_a"] == shown["layer_b"]).all()
    panels = list(itertools.product((2, 5), ("cca", "cka"), ("seeds", "both", "methods")))
    for axes, (hidden, measure, other) in zip(figure.axes, panels, strict=True):
        part = rows(shown, hidden=hidden, measure=measure)
        for method in ("one", "every"):
            curve = rows(part, other=other, method=method)
            assert lines(axes, STYLE.label(method)) == [points(curve, "layer_a")]
            assert points(curve, "layer_a", "null_mean") in dotted(axes)
        reference = rows(part, other="seeds", method="bp")
        assert lines(axes, "backprop") == [points(reference, "layer_a")]
        assert points(reference, "layer_a", "null_mean") in dotted(axes)
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == [
        "two seeds of a method\nn = 3 pairs", "with backprop, other seed\nn = 6 pairs",
        "with backprop, same seed\nn = 3 pairs",
    ]  # fmt: skip


def test_without_the_first_method_of_the_config_the_next_is_the_reference():
    _, shown = similarity_by_layer.draw(made_up(methods=("one", "every")), style=STYLE)
    between = shown[shown["method_a"] != shown["method_b"]]
    assert set(zip(between["method_a"], between["method_b"], strict=True)) == {("one", "every")}


# Over time


def test_over_time_draws_every_step_before_the_end():
    figure, shown = similarity_over_time.draw(made_up(depths=(3,)), style=STYLE)
    assert set(shown["step"]) == set(STEPS[:-1])
    for row, method in enumerate(STYLE.methods):
        for column, measure in enumerate(("cca", "cka")):
            axes = figure.axes[2 * row + column]
            cells = rows(shown, method=method, measure=measure)
            expected = cells.pivot(index="layer", columns="step", values="mean")
            np.testing.assert_array_equal(axes.images[0].get_array(), expected.to_numpy())
            assert axes.images[0].origin == "lower"
            assert axes.images[0].get_clim() == pytest.approx(rows(shown, measure=measure)["mean"].agg(["min", "max"]))
            assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "5"]
            assert f"chance {cells['null_mean'].mean():.2f}, n = 3" in [text.get_text() for text in axes.texts]
    assert figure.axes[2].texts[-1].get_text() == "3 hidden layers: one SG"


# All


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_gives_a_figure_that_says_so(name, tmp_path):
    (source,) = FIGURES[name].READS
    whole = made_up(depths=(1,))[source]
    strange = {column: "a method of another study" for column in whole.columns if column.startswith("method")}
    for table in (pd.DataFrame(), whole[:0], whole.assign(**strange)):
        figure, shown = FIGURES[name].draw({source: table}, style=STYLE)
        assert shown.empty
        assert "value" in shown if name == "rdm_grid" else set(NUMBERS) <= set(shown)
        assert figure.axes[0].texts
        figure.savefig(tmp_path / "nothing.png", dpi=30)


CASES = {
    "smallest": {"depths": (1,), "seeds": 1},
    "two seeds": {"depths": (3,), "seeds": 2, "missing": [("every", 3, 0)]},
    "backprop alone": {"depths": (3,), "methods": ("bp",)},
    "one measure": {"measures": ("rdm_correlation",), "depths": (8,), "seeds": 2},
    "one method missing at a depth": {"depths": (1, 3), "missing": [("one", 3, s) for s in range(3)]},
    "the first method missing": {"depths": (3,), "missing": [("bp", 3, s) for s in range(3)]},
}
SAVED = ("smallest", "one method missing at a depth")  # laying out takes most of the time


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_figures_cope(name, case, tmp_path):
    figure, shown = FIGURES[name].draw(made_up(**CASES[case]), style=STYLE)
    if case in SAVED:
        figure.savefig(tmp_path / "figure.png", dpi=40)
    assert figure.get_size_inches()[0] == pytest.approx(7.2)
    assert len(shown)


def test_values_that_are_undefined_everywhere():
    tables = made_up(depths=(2,))
    for table in tables.values():
        numbers = table["quantity"] != "class_start" if "quantity" in table else table["value"].notna()
        table.loc[numbers, "value"] = np.nan
    for module in FIGURES.values():
        figure, _ = module.draw(tables, style=STYLE)
        figure.draw_without_rendering()


@pytest.mark.parametrize("name", FIGURES)
def test_tables_are_left_alone(name):
    tables = made_up(depths=(2,))
    before = {source: table.copy() for source, table in tables.items()}
    FIGURES[name].draw(tables, style=STYLE)
    for source, table in tables.items():
        pd.testing.assert_frame_equal(table, before[source])


@pytest.mark.parametrize("name", ["rdm_structure", "similarity_maps", "similarity_by_layer", "similarity_over_time"])
def test_settings_that_vary_beside_the_depth_are_never_averaged(name):
    (source,) = FIGURES[name].READS
    table = made_up(depths=(3,))[source].assign(varied="network.hidden=3")
    other = table.assign(varied="network.hidden=3; optimiser.rate=0.1", value=100.0)
    _, shown = FIGURES[name].draw({source: pd.concat([table, other], ignore_index=True)}, style=STYLE)
    assert set(rows(shown, varied="network.hidden=3; optimiser.rate=0.1")["mean"]) == {100.0}
    assert rows(shown, varied="network.hidden=3")["mean"].max() < 3
