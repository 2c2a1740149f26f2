"""What an update costs, from the history to the figure."""

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import learning
from pipeline.figures import costs
from pipeline.figures.shared import accuracy_axis
from pipeline.figures.shared.style import Style
from pipeline.metrics.intervals import interval
from pipeline.metrics.ranges import SHARE

METHODS = {"bp": (100.0, 0.98), "one": (120.0, 0.981), "every": (250.0, 0.979), "poor": (100.0, 0.5)}
STYLE = Style({name: f"the method {name}" for name in METHODS})


def table(*, depths=(3,), seeds=3, lost=(), methods=METHODS):
    """As `learning` gives it; `lost` methods diverge."""
    found = []
    for hidden in depths:
        for name in methods:
            operations, accuracy = METHODS[name]
            for seed in range(seeds):
                who = {
                    "run": f"{name}{hidden}{seed}",
                    "method": name,
                    "seed": seed,
                    "hidden": hidden,
                    "varied": f"network.hidden={hidden}",
                }
                found.append(
                    {**who, "step": 0, "quantity": "update_flops", "value": operations * hidden, "final": False}
                )
                found.append({**who, "step": 0, "quantity": "train_loss", "value": 9.0, "final": False})
                if name not in lost:
                    found.append(
                        {**who, "step": 9, "quantity": "test_accuracy", "value": accuracy + 0.001 * seed, "final": True}
                    )
    return pd.DataFrame(found)


def test_operations_come_from_the_history_into_the_headline_numbers():
    rows = [
        (0, 0, "update_flops", 70.0),
        (0, 0, "train_loss", 2.0),
        (9, 0, "train_loss", 1.0),
        (0, 1, "weight_norm", 3.0),
    ]
    logged = pd.DataFrame(rows, columns=["step", "layer", "quantity", "value"])
    found = learning.analyse({"a": logged}, generator=np.random.default_rng(0))
    assert found.loc[found["quantity"] == "update_flops", "value"].tolist() == [70.0]
    who = {"method": "bp", "seed": 0, "hidden": 3, "varied": ""}
    numbers = learning.metrics(found.assign(**who))
    assert numbers["update_flops.bp.hidden3"] == [70.0], "it is there though the run did not finish"
    assert np.isnan(numbers["train_loss.bp.hidden3"]).all()


def test_the_csv_has_ratios_to_the_first_method_of_the_same_setting():
    _, shown = costs.draw({"learning": table(depths=(3, 10))}, style=STYLE)
    assert shown["method"].tolist() == [*METHODS, *METHODS]
    assert shown["relative"].tolist() == [1, 1.2, 2.5, 1] * 2
    assert shown["operations"].tolist() == [*(300, 360, 750, 300), *(1000, 1200, 2500, 1000)]
    expected = interval([0.979, 0.980, 0.981], range=SHARE)
    assert shown.loc[2, ["mean", "low", "high", "n"]].tolist() == pytest.approx(list(expected))


def test_points_stand_where_the_csv_says_with_their_labels_beside():
    figure, shown = costs.draw({"learning": table()}, style=STYLE)
    axes = figure.axes[0]
    for container, row in zip(axes.containers, shown.to_dict("records"), strict=True):
        assert container[0].get_xydata().tolist() == [[row["relative"], row["mean"]]]
        (bar,) = container[2][0].get_segments()
        assert bar[:, 1].tolist() == pytest.approx([row["low"], row["high"]])
    assert [text.get_text() for text in axes.texts if text.get_text()] == [
        f"the method {name}, n = 3" for name in METHODS
    ]
    assert axes.get_xlabel() == "operations of an update / those of the method bp"


@pytest.mark.parametrize("case", [{}, {"depths": (1, 2, 3)}, {"seeds": 1}, {"methods": ("bp",)}, {"lost": ("one",)}])
def test_no_label_lies_on_another_or_leaves_the_figure(case):
    figure, _ = costs.draw({"learning": table(**case)}, style=STYLE)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()]
    assert boxes
    assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 and box.y0 >= 0 for box in boxes)


def test_a_method_of_which_no_run_finished_is_in_the_csv_alone():
    figure, shown = costs.draw({"learning": table(lost=("one",))}, style=STYLE)
    assert shown.set_index("method")["n"].to_dict() == {"bp": 3, "one": 0, "every": 3, "poor": 3}
    assert not [text for text in figure.axes[0].texts if "one" in text.get_text()]


def test_labels_move_as_little_as_they_must():
    assert costs.apart([0.1, 0.9, 0.5], 0.1).tolist() == [0.1, 0.9, 0.5]
    np.testing.assert_allclose(costs.apart([0.5, 0.5], 0.2), [0.5, 0.7])
    np.testing.assert_allclose(costs.apart([1.0, 0.95, 0.2], 0.1), [1.0, 0.9, 0.2])
    np.testing.assert_allclose(costs.apart([0.3] * 5, 0.25), [0, 0.25, 0.5, 0.75, 1])


def test_the_axis_tells_small_errors_apart():
    heights = accuracy_axis.stretch(np.array([0.96, 0.98, 0.99, 1.0]))
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])
    assert np.isfinite(heights).all()
    np.testing.assert_allclose(accuracy_axis.shrink(heights[:3]), [0.96, 0.98, 0.99])


@pytest.mark.parametrize("lost", [(), tuple(METHODS)])
def test_nothing_to_draw_gives_a_figure_that_says_so(lost):
    without = table(lost=lost)
    for nothing in (pd.DataFrame(), without[:0], without[without["quantity"] != "update_flops"]):
        figure, shown = costs.draw({"learning": nothing}, style=STYLE)
        assert shown.empty
        assert {"operations", "relative", "mean", "low", "high", "n"} <= set(shown.columns)
        assert figure.axes[0].texts


def test_a_study_of_which_no_run_finished_has_an_empty_panel(tmp_path):
    figure, shown = costs.draw({"learning": table(lost=tuple(METHODS))}, style=STYLE)
    figure.savefig(tmp_path / "f.png", dpi=40)
    assert (shown["n"] == 0).all()
