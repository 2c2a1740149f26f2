"""The figures of similarity: the csv is right, and what is drawn is the csv."""

import itertools

import numpy as np
import pytest
from made_up_similarity import NUMBERS, STEPS, STYLE, dotted, lines, made_up, points, rows

from pipeline.figures import similarity_by_layer, similarity_maps, similarity_over_time
from pipeline.metrics.intervals import interval

FIGURES = {"similarity_maps": similarity_maps, "similarity_by_layer": similarity_by_layer}


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
        ("bp", "bp", "seeds", "bp"),
        ("one", "one", "seeds", "one"),
        ("every", "every", "seeds", "every"),
        ("bp", "one", "methods", "one"),
        ("bp", "every", "methods", "every"),
        ("bp", "one", "both", "one"),
        ("bp", "every", "both", "every"),
    }
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
            assert axes.get_xlabel().split("\n")[0] == f"chance {cells['null_mean'].mean():.2f}, n = 3"
    titles = [figure.axes[2 * row].texts[-1].get_text() for row in range(5)]
    assert titles[1] == "5 hidden layers: one SG (up) with one SG (across), other seed"
    assert titles[3] == "5 hidden layers: backprop (up) with one SG (across), same seed"


def test_a_chance_level_just_below_zero_has_no_sign():
    tables = made_up(depths=(1,))
    tables["similarity"]["null_mean"] = -0.001
    figure, _ = similarity_maps.draw(tables, style=STYLE)
    assert figure.axes[0].get_xlabel().startswith("chance 0.00")


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
        "two seeds of a method\nn = 3 pairs",
        "with backprop, other seed\nn = 6 pairs",
        "with backprop, same seed\nn = 3 pairs",
    ]


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
