"""What the figures of RDMs and similarity have in common: their tables, and coping with what runs leave."""

import numpy as np
import pandas as pd
import pytest
from made_up_similarity import NUMBERS, STYLE, made_up, rows

from pipeline.figures import rdm_grid, rdm_structure, similarity_by_layer, similarity_maps, similarity_over_time
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import NAMED, name_of

FIGURES = {
    "rdm_grid": rdm_grid,
    "rdm_structure": rdm_structure,
    "similarity_maps": similarity_maps,
    "similarity_by_layer": similarity_by_layer,
    "similarity_over_time": similarity_over_time,
}


@pytest.mark.parametrize(
    ("name", "source"), [("rdm_structure", "rdm"), ("similarity_over_time", "similarity_over_time")]
)
def test_the_csv_is_mean_interval_and_n_over_seeds(name, source):
    tables = made_up(missing=[("every", 5, 1)])
    _, shown = FIGURES[name].draw(tables, style=STYLE)
    by = [c for c in ("quantity", "measure", "hidden", "method", "layer", "step") if c in shown]
    assert not shown.duplicated(by).any()
    for row in shown.iloc[::3].to_dict("records"):
        within = NAMED[name_of(row.get("quantity", ""), getattr(FIGURES[name], "RANGES", {}))]
        expected = interval(rows(tables[source], **{c: row[c] for c in by})["value"].tolist(), range=within)
        assert [row[c] for c in NUMBERS] == pytest.approx(list(expected), nan_ok=True)


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
SAVED = "one method missing at a depth"  # laying out takes most of the time


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_figures_cope(name, case, tmp_path):
    figure, shown = FIGURES[name].draw(made_up(**CASES[case]), style=STYLE)
    if case == SAVED:
        figure.savefig(tmp_path / "figure.png", dpi=40)
    assert figure.get_size_inches()[0] == pytest.approx(7.2)
    assert len(shown)


def test_values_that_are_undefined_everywhere():
    tables = made_up(depths=(1,), seeds=2, methods=("bp", "one"), measures=("cca",))
    for table in tables.values():
        numbers = table["quantity"] != "class_start" if "quantity" in table else table["value"].notna()
        table.loc[numbers, "value"] = np.nan
    for module in FIGURES.values():
        figure, shown = module.draw(tables, style=STYLE)
        figure.draw_without_rendering()
        means = shown.filter(regex=r"^mean$|^value$|^j=")
        assert len(means.columns), module.__name__
        assert means.isna().all(axis=None), module.__name__


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
