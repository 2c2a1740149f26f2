"""Several tables of one kind in one figure: a panel for each, with its title."""

import pandas as pd
import pytest
from made_up_learning import rows

from pipeline.figures import learning_curves
from pipeline.figures.shared.style import Style
from pipeline.figures.shared.tables import by_setting, side_by_side

STYLE = Style({"bp": "backprop", "sg": "one SG"})


def table(method, values, **more):
    return pd.DataFrame(rows(method, 20, values, **more)).assign(step=100)


def test_each_table_has_its_panels():
    best, one = table("bp", {0: 0.9}), pd.concat([table("bp", {0: 0.7}), table("sg", {0: 0.6})])
    both = side_by_side({"best rates": best, "one rate": one})
    parts = by_setting(both)
    assert list(parts) == ["20 hidden layers, best rates", "20 hidden layers, one rate"]
    assert [len(part) for part in parts.values()] == [1, 2]
    assert parts["20 hidden layers, one rate"]["value"].tolist() == [0.7, 0.6]


def test_what_varies_stays_in_the_title():
    both = side_by_side({"best": table("bp", {0: 0.9}, varied="network.hidden=20; optimiser.rate=0.1")})
    assert list(by_setting(both)) == ["20 hidden layers, rate=0.1, best"]


def test_one_table_without_a_title_stays_as_it_is():
    alone = table("bp", {0: 0.9})
    pd.testing.assert_frame_equal(side_by_side({"": alone}), alone)


@pytest.mark.parametrize("tables", [{}, {"": pd.DataFrame()}, {"best": pd.DataFrame(), "one": pd.DataFrame()}])
def test_without_rows_there_is_no_panel(tables):
    assert side_by_side(tables).empty


def test_a_method_without_runs_in_a_panel_has_no_words_there():
    both = side_by_side(
        {"best": table("bp", {0: 0.9}), "one": pd.concat([table("bp", {0: 0.7}), table("sg", {0: 0.6})])}
    )
    figure, _ = learning_curves.draw({"learning": both}, style=STYLE)
    finals = [axes for axes in figure.axes if axes.get_xlabel() or axes.texts][-2:]
    words = [[text.get_text() for text in axes.texts] for axes in finals]
    assert words == [["90.00 (1)", ""], ["70.00 (1)", "60.00 (1)"]]
