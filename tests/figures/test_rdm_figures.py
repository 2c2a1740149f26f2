"""The figures of RDMs: what is drawn is the csv."""

import numpy as np
from made_up_similarity import PIXELS, STYLE, lines, made_up, points, rows

from pipeline.figures import rdm_grid, rdm_structure


def test_the_grid_shows_the_deepest_networks_and_each_methods_first_seed():
    figure, shown = rdm_grid.draw(made_up(missing=[("one", 5, 0)]), style=STYLE)
    assert set(shown["hidden"]) == {5}
    assert shown.groupby("method")["seed"].unique().map(list).to_dict() == {"bp": [0], "one": [1], "every": [0]}
    assert [axes.get_title() for axes in figure.axes[:5]] == [f"layer {layer}" for layer in range(1, 6)]
    assert [axes.get_ylabel() for axes in figure.axes[:15:5]] == [
        "backprop\nseed 0",
        "one SG\nseed 1",
        "SG everywhere\nseed 0",
    ]


def test_the_grids_pictures_are_the_table_on_one_colour_scale():
    tables = made_up(depths=(3,))
    figure, shown = rdm_grid.draw(tables, style=STYLE)
    pixels = [f"j={j}" for j in range(PIXELS)]
    highest = shown[pixels].max(axis=None)
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
            upper = np.where(np.triu(np.ones_like(matrix)) > 0, matrix, np.nan)
            np.testing.assert_array_equal(above.set_index("i")[pixels].to_numpy(), upper)
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
        for column, quantity in enumerate(("class_correlation", "within", "between", "distance_to_last")):
            axes = figure.axes[4 * row + column]
            for method in STYLE.methods:
                curve = rows(shown, quantity=quantity, hidden=hidden, method=method)
                assert len(curve) == hidden
                assert lines(axes, STYLE.label(method)) == [points(curve, "layer")]
            assert [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"] == [
                (hidden + 1) // 2
            ]
    assert set(rows(shown, method="one", hidden=5)["n"]) == {2}
