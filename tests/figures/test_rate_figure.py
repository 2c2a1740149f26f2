"""The figure of trials: the first and the last rung of each method, and everything in its table."""

import pandas as pd

from pipeline.figures import rates
from pipeline.figures.shared.style import Style

STYLE = Style({"one": "One", "two": "Two"})


def table():
    """Two methods; the second one has modules with a rate of their own, and loses a trial."""
    tried = {
        1: {("one", 0.01, 1.0): [3.0, 5.0], ("one", 0.1, 1.0): [1.0, 1.0],
            ("two", 0.01, 1.0): [4.0, 4.0], ("two", 0.01, 3.0): [2.0, 2.0], ("two", 0.1, 1.0): [None, 6.0]},
        2: {("one", 0.01, 1.0): [0.5, 0.7], ("two", 0.01, 3.0): [0.4, 0.4]},
    }  # fmt: skip
    return pd.DataFrame(
        [
            {
                "run": method, "method": method, "seed": 0, "hidden": 2, "varied": "network.hidden=2", "rung": rung,
                "steps": 10 * rung, "rate": rate, "gate_factor": factor, "gate_rate": rate * factor, "trial_seed": seed,
                "validation_loss": loss, "validation_accuracy": 0.5, "diverged": loss is None, "chosen": rung == 2,
                "at_edge": method == "two", "bracketed": False, "runner_up_gap": 0.1,
            }
            for rung, rows in tried.items()
            for (method, rate, factor), losses in rows.items()
            for seed, loss in zip((100, 101), losses, strict=True)
        ]
    ).astype({"validation_loss": float})  # fmt: skip


def test_the_table_has_every_rung_with_its_spread_and_what_was_lost():
    _, shown = rates.draw({"rates": table()}, style=STYLE)
    assert list(shown.columns) == rates.COLUMNS
    assert len(shown) == 7
    first = shown[(shown["method"] == "one") & (shown["rung"] == 1) & (shown["rate"] == 0.01)].iloc[0]
    assert (first["validation_loss"], first["lowest"], first["highest"], first["trials"]) == (4.0, 3.0, 5.0, 2)
    lost = shown[shown["lost"] > 0].iloc[0]
    assert (lost["method"], lost["rate"], lost["trials"], lost["lost"], lost["validation_loss"]) == (
        "two",
        0.1,
        1,
        1,
        6.0,
    )
    assert shown["chosen"].tolist() == (shown["rung"] == 2).tolist()


def test_the_first_rung_is_faint_and_the_best_of_the_modules_rates_is_drawn():
    figure, _ = rates.draw({"rates": table()}, style=STYLE)
    (panel,) = figure.axes
    drawn = [(line.get_alpha(), list(line.get_xdata()), list(line.get_ydata())) for line in panel.lines]
    assert (rates.FAINT, [0.01, 0.1], [4.0, 1.0]) in drawn
    assert (rates.FAINT, [0.01, 0.1], [2.0, 6.0]) in drawn
    assert (None, [0.01], [0.4]) in drawn
    rings = [line for line in panel.lines if line.get_markersize() == rates.RING]
    assert [list(line.get_ydata()) for line in rings] == [[0.6], [0.4]]
    assert panel.get_legend_handles_labels()[1] == ["One", "Two"]


def test_without_trials_it_says_so():
    _, shown = rates.draw({"rates": pd.DataFrame()}, style=STYLE)
    assert list(shown.columns) == rates.COLUMNS
