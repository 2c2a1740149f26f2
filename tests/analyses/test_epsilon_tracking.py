"""The analysis and the figure of the condition for convergence, on hand-made histories."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import epsilon_tracking
from pipeline.figures import epsilon_tracking as drawn
from pipeline.figures.shared.style import RC, Style
from pipeline.metrics.intervals import interval
from pipeline.results import store

RNG = np.random.default_rng(0)
STYLE = Style({"bp": "backprop", "one": "one SG", "every": "SG everywhere"})
STEP = 10


@pytest.fixture(autouse=True)
def _style_sheet():
    with mpl.rc_context(RC):
        yield
    plt.close("all")


def history(gates, falls, *, end=None):
    """`gates`: by layer, one (e, K, g, parameter error) a logged step; `falls`: one a logged step.

    The training loss is 1 at the start and `end` at the end, if the run finished.
    """
    rows = [(1000, 0, "train_loss", end), (1000, 0, "test_loss", 1.0)] if end is not None else []
    rows += [(0, 0, "train_loss", 1.0), (0, 1, "cosine", 0.3), (0, 0, "update_flops", 5.0)]
    for layer, along in gates.items():
        for i, (e, k, g, wrong) in enumerate(along):
            named = {"error": e, "jacobian": k, "gradient": g, "parameter_error": wrong, "cosine": 0.5}
            rows += [(STEP * i, layer, f"tracking_{name}", value) for name, value in named.items()]
    rows += [(STEP * i, 0, "tracking_falls", float(fell)) for i, fell in enumerate(falls)]
    table = pd.DataFrame(rows, columns=["step", "layer", "quantity", "value"])
    return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})


def identified(histories, method="one", **settings):
    who = pd.DataFrame(
        [
            {"run": run, "method": method, "seed": seed, "hidden": 3, "varied": "network.hidden=3"}
            for seed, run in enumerate(histories)
        ]
    )
    return who.merge(epsilon_tracking.analyse(histories, generator=RNG, **settings), on="run")


HOLDS, SHARP, NEITHER, EQUAL = (1.0, 2.0, 3.0, 1.0), (2.0, 2.0, 3.0, 1.0), (4.0, 2.0, 3.0, 3.5), (1.5, 2.0, 3.0, 3.0)


def test_both_sides_and_whether_one_is_below_the_other():
    table = epsilon_tracking.analyse({"a": history({2: [HOLDS, SHARP, NEITHER, EQUAL]}, [1, 1, 0, 1])}, generator=RNG)
    assert table["bound"].tolist() == [2, 4, 8, 3]
    assert table["holds"].tolist() == [1, 0, 0, 0], "as large as the gradient is too large"
    assert table["sharp"].tolist() == [1, 1, 0, 0]
    np.testing.assert_allclose(table["delta"], [1 / 5, np.nan, np.nan, np.nan])
    assert table["falls"].tolist() == [1, 1, 0, 1]
    assert table["step"].tolist() == [0, 10, 20, 30]
    assert set(table["layer"]) == {2}


def test_the_largest_delta_makes_the_condition_an_equality():
    table = epsilon_tracking.analyse({"a": history({1: [HOLDS]}, [1])}, generator=RNG)
    e, k, g, d = table.loc[0, ["error", "jacobian", "gradient", "delta"]]
    assert e * k == pytest.approx(g * (1 - d) / (1 + d))


def test_an_exact_gate_has_delta_one_and_nothing_holds_of_no_gradient():
    table = epsilon_tracking.analyse({"a": history({1: [(0, 2, 3, 0), (0, 0, 0, 0)]}, [1, 0])}, generator=RNG)
    assert table["delta"].tolist()[0] == 1
    assert np.isnan(table["delta"].tolist()[1])
    assert table["holds"].tolist() == table["sharp"].tolist() == [1, 0]


def test_what_is_no_number_holds_nothing():
    table = epsilon_tracking.analyse({"a": history({1: [(np.nan, np.inf, np.nan, np.nan)]}, [0])}, generator=RNG)
    assert table[["holds", "sharp"]].to_numpy().tolist() == [[0, 0]]


def test_shares_ask_all_gates_at_once():
    gates = {1: [HOLDS, HOLDS, SHARP, NEITHER], 2: [HOLDS, SHARP, HOLDS, HOLDS]}
    found = epsilon_tracking.metrics(identified({"a": history(gates, [1, 1, 0, 0])}))
    assert {name.removesuffix(".one.hidden3"): values for name, values in found.items()} == {
        "falls_share": [0.5],
        "bound_share": [0.25],
        "sharp_share": [0.75],
        "falls_where_bound": [1.0],
        "falls_where_sharp": [pytest.approx(2 / 3)],
        "falls_elsewhere": [0.0],
        "backprop_converges": [pytest.approx(np.nan, nan_ok=True)],
        "sharp_share_trained": [pytest.approx(np.nan, nan_ok=True)],
        "falls_where_sharp_trained": [pytest.approx(np.nan, nan_ok=True)],
    }


def test_the_sharp_form_counts_after_the_start_and_where_backprop_converges():
    gates, falls = {1: [EQUAL, SHARP, SHARP, NEITHER, SHARP], 2: [EQUAL, SHARP, SHARP, SHARP, HOLDS]}, [0, 1, 0, 0, 1]
    sg = {name: history(gates, falls, end=5.0) for name in "abcd"}  # its own end doesn't count
    plain = {"w": history({}, [1], end=0.1), "x": history({}, [1], end=0.11), "y": history({}, [1])}
    table = pd.concat([identified(sg), identified(plain, "backprop")], ignore_index=True)
    found = {name.removesuffix(".one.hidden3"): values for name, values in epsilon_tracking.metrics(table).items()}
    np.testing.assert_equal(list(found["backprop_converges"]), [1, 0, 0, np.nan])
    for name, expected in (("sharp_share_trained", 3 / 4), ("falls_where_sharp_trained", 2 / 3)):
        assert found[name][0] == pytest.approx(expected)
        assert np.isnan(found[name][1:]).all()
        assert found[name].outcomes == ["measured", "unmet premise", "unmet premise", "unmet premise"]
    milder = pd.concat([identified(sg, left=0.2), identified(plain, "backprop", left=0.2)], ignore_index=True)
    assert epsilon_tracking.metrics(milder)["backprop_converges.one.hidden3"][:3] == [1, 1, 0]


def test_of_no_steps_there_is_no_share_and_seeds_keep_their_order():
    runs = {"a": history({1: [NEITHER, NEITHER]}, [1, 0]), "b": history({1: [HOLDS, HOLDS]}, [1, 0])}
    found = epsilon_tracking.metrics(identified(runs))
    np.testing.assert_equal(found["falls_where_bound.one.hidden3"], [np.nan, 0.5])
    np.testing.assert_equal(found["falls_where_sharp.one.hidden3"], [np.nan, 0.5])
    np.testing.assert_equal(found["falls_elsewhere.one.hidden3"], [0.5, np.nan])
    assert found["bound_share.one.hidden3"] == [0, 1]


def test_runs_without_gates_say_only_how_often_the_loss_falls():
    table = identified({"a": history({}, [1, 0, 1, 1])}, "bp")
    assert table["layer"].tolist() == [0] * 4
    assert table[["holds", "sharp", "delta", "bound"]].isna().all(axis=None)
    assert epsilon_tracking.metrics(table) == {"falls_share.bp.hidden3": [0.75]}


@pytest.mark.parametrize("histories", [{}, {"a": pd.DataFrame()}, {"a": history({}, [])}])
def test_runs_without_tracking_have_no_rows(histories):
    table = epsilon_tracking.analyse(histories, generator=RNG)
    assert table.empty
    assert list(table.columns) == epsilon_tracking.COLUMNS


def test_tables_survive_being_stored_and_inputs_are_left_alone(tmp_path):
    logged = history({1: [HOLDS, SHARP]}, [1, 0])
    before = logged.copy()
    table = epsilon_tracking.analyse({"a": logged, "b": history({}, [1])}, generator=RNG)
    pd.testing.assert_frame_equal(logged, before)
    store.write_table(tmp_path / "t.parquet", table, {})
    pd.testing.assert_frame_equal(store.read_table(tmp_path / "t.parquet"), table)


# The figure


def made_up(*, steps=16, seeds=3, layers=(1, 2, 3, 4, 5)):
    generator = np.random.default_rng(1)
    parts = []
    for method, gated in (("bp", ()), ("one", (3,)), ("every", layers)):
        for seed in range(seeds):
            gates = {layer: [tuple(generator.uniform(0.5, 2, 4)) for _ in range(steps)] for layer in gated}
            part = epsilon_tracking.analyse({"r": history(gates, generator.integers(0, 2, steps))}, generator=RNG)
            who = {"run": f"{method}{seed}", "method": method, "seed": seed, "hidden": 5, "varied": "network.hidden=5"}
            parts.append(part.assign(**who))
    return pd.concat(parts, ignore_index=True)


def rows(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_the_csv_has_geometric_means_of_norms_and_means_of_shares():
    table = made_up()
    _, shown = drawn.draw({"epsilon_tracking": table}, style=STYLE)
    one = rows(shown, quantity="bound", method="every", layer=2, step=30).iloc[0]
    values = np.log10(rows(table, method="every", layer=2, step=30)["bound"])
    expected = interval(values.tolist())
    assert np.log10([one["mean"], one["low"], one["high"]]) == pytest.approx(list(expected)[:3])
    assert one["n"] == 3
    assert "bp" not in set(shown["method"])
    shares = rows(shown, quantity="sharp", method="every", layer=0)
    assert len(shares) == drawn.PERIODS
    first = rows(table, method="every")  # 16 steps in 8 periods: two each
    first = first[first["step"] <= STEP].groupby(["run", "step"])["sharp"].min().groupby("run").mean()
    assert shares["mean"].iloc[0] == pytest.approx(first.mean())
    assert shares["step"].iloc[0] == pytest.approx(151 / drawn.PERIODS / 2)


def test_the_drawing_is_the_csv():
    figure, shown = drawn.draw({"epsilon_tracking": made_up()}, style=STYLE)
    titles = [axes.get_title() for axes in figure.axes]
    after = "gate after layer"
    assert titles == [
        f"{after} 3",
        "",
        "",
        "share of steps",
        f"{after} 1",
        f"{after} 3",
        f"{after} 5",
        "share of steps",
    ]
    for axes, method, layer, names in (
        (figure.axes[5], "every", 3, drawn.NORMS),
        (figure.axes[3], "one", 0, drawn.SHARES),
    ):
        for quantity, label in names.items():
            curve = rows(shown, quantity=quantity, method=method, layer=layer)
            (line,) = [line for line in axes.get_lines() if line.get_label() == label]
            assert line.get_xydata().tolist() == curve[["step", "mean"]].to_numpy(dtype=float).tolist()
    assert figure.axes[4].get_yscale() == "log"
    assert figure.axes[4].get_ylim() == figure.axes[6].get_ylim(), "gates of one method share a scale"
    assert figure.get_size_inches()[0] == pytest.approx(7.2)


@pytest.mark.parametrize("case", [{}, {"steps": 1}, {"seeds": 1}, {"layers": (1,)}])
def test_the_figure_copes(case, tmp_path):
    table = made_up(**case)
    before = table.copy()
    figure, shown = drawn.draw({"epsilon_tracking": table}, style=STYLE)
    figure.savefig(tmp_path / "f.png", dpi=40)
    assert list(shown.columns) == [*drawn.BY, "mean", "low", "high", "n"]
    pd.testing.assert_frame_equal(table, before)


def test_norms_that_are_zero_have_no_place_on_a_logarithmic_axis():
    table = made_up().assign(bound=0.0)
    _, shown = drawn.draw({"epsilon_tracking": table}, style=STYLE)
    assert "bound" not in set(shown["quantity"])


def test_nothing_to_draw_gives_a_figure_that_says_so():
    for table in (pd.DataFrame(), made_up()[:0], rows(made_up(), method="bp"), made_up().assign(method="unknown")):
        figure, shown = drawn.draw({"epsilon_tracking": table}, style=STYLE)
        assert shown.empty
        assert figure.axes[0].texts
