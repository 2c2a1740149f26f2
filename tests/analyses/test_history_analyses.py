"""Analyses of hand-made histories."""

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import learning, norms, sg_quality
from pipeline.metrics.histories import stack
from pipeline.results import store

ANALYSES = [learning, norms, sg_quality]
RNG = np.random.default_rng(0)


def history(*rows, tested_at=None):
    """Rows are (step, layer, quantity, value)."""
    tested = [] if tested_at is None else [(tested_at, 0, "test_loss", 0.3), (tested_at, 0, "test_accuracy", 0.9)]
    table = pd.DataFrame([*rows, *tested], columns=["step", "layer", "quantity", "value"])
    return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})


def losses(values, *, every=10, finished=True):
    rows = [(every * i, 0, "train_loss", value) for i, value in enumerate(values)]
    return history(*rows, tested_at=rows[-1][0] if finished else None)


def identified(module, histories, *, hidden=3, method="one_sg", varied=None, **settings):
    """A table as the stage hands it to `metrics`: with the columns that tell the runs."""
    table = module.analyse(histories, generator=RNG, **settings)
    who = pd.DataFrame(
        [
            {
                "run": run,
                "method": method,
                "seed": seed,
                "hidden": hidden,
                "varied": varied or f"network.hidden={hidden}",
            }
            for seed, run in enumerate(histories)
        ]
    )
    return who.merge(table, on="run", how="inner")


def value(table, **where):
    for column, wanted in where.items():
        table = table[table[column] == wanted]
    assert len(table) == 1, f"{where} is not one row"
    return table["value"].iloc[0]


# Histories


def test_only_the_last_step_of_a_run_that_finished_is_final():
    table = stack({"done": losses([2.0, 1.0]), "diverged": losses([2.0, 9.0], finished=False)})
    assert set(table.loc[table["final"], "run"]) == {"done"}
    assert set(table.loc[table["final"], "step"]) == {10}
    assert set(table.loc[~table["final"] & (table["run"] == "done"), "step"]) == {0}


# Learning


def test_curves_come_out_as_they_were_logged_and_nothing_else_does():
    logged = history(
        (0, 0, "validation_accuracy", 0.1),
        (5, 0, "validation_accuracy", 0.6),
        (5, 0, "batch_loss", 1.5),
        (5, 1, "weight_norm", 7.0),
        (5, 1, "cosine", 0.7),
        (5, 1, "batch_loss", 9.0),
        tested_at=5,
    )
    table = learning.analyse({"a": logged}, generator=RNG)
    assert value(table, quantity="validation_accuracy", step=5) == 0.6
    assert value(table, quantity="batch_loss") == 1.5
    assert value(table, quantity="test_accuracy", step=5) == 0.9
    assert not {"weight_norm", "cosine"} & set(table["quantity"])


def test_steps_to_a_loss_are_the_first_logged_step_at_or_below_it():
    table = learning.analyse({"a": losses([2.0, 0.9, 0.5, 0.6, 0.4])}, generator=RNG, reach=(3.0, 1.0, 0.5, 0.45, 0.1))
    steps = {level: value(table, quantity=f"steps_to_loss_{level:g}") for level in (3.0, 1.0, 0.5, 0.45)}
    assert steps == {3.0: 0, 1.0: 10, 0.5: 20, 0.45: 40}
    never = table[table["quantity"] == "steps_to_loss_0.1"]
    assert never["value"].isna().all()
    assert never["step"].tolist() == [40], "how far was looked"


def test_steps_to_a_loss_are_of_the_training_loss():
    lower = [(step, 0, "validation_loss", 0.01) for step in (0, 10)]
    table = learning.analyse({"a": pd.concat([losses([2.0, 1.5]), history(*lower)])}, generator=RNG, reach=(0.1,))
    assert np.isnan(value(table, quantity="steps_to_loss_0.1"))


def test_steps_to_a_loss_are_found_in_rows_of_any_order():
    table = learning.analyse({"a": losses([2.0, 0.4, 0.3]).iloc[::-1]}, generator=RNG, reach=(0.5,))
    assert value(table, quantity="steps_to_loss_0.5") == 10


def test_a_training_loss_that_is_no_number_reaches_nothing():
    table = learning.analyse({"a": losses([np.nan, np.inf], finished=False)}, generator=RNG, reach=(1.0,))
    assert np.isnan(value(table, quantity="steps_to_loss_1"))


def test_learning_metrics_have_one_value_per_seed_in_the_order_of_the_seeds():
    found = learning.metrics(
        identified(learning, {"a": losses([2.0, 0.4]), "b": losses([2.0, 1.0, 0.2])}, reach=(0.5,))
    )
    assert found["train_loss.one_sg.hidden3"] == [0.4, 0.2]
    assert found["test_accuracy.one_sg.hidden3"] == [0.9, 0.9]
    assert found["steps_to_loss_0.5.one_sg.hidden3"] == [10, 20]


def test_a_run_that_never_reaches_a_loss_counts_with_all_the_steps_that_it_was_given():
    runs = {
        "slow": losses([2.0, 1.0, 0.9]),
        "fast": losses([2.0, 0.4, 0.1]),
        "lost": losses([2.0, 9.0], finished=False),
    }
    found = learning.metrics(identified(learning, runs, reach=(0.5,)))
    assert found["steps_to_loss_0.5.one_sg.hidden3"] == [20, 10, 20], "also one that diverged, after fewer steps"
    assert found["reached_loss_0.5.one_sg.hidden3"] == [0, 1, 0]


def time(table, name, **where):
    return value(table, quantity=name, **where)


def test_times_to_a_loss_are_linear_in_its_logarithm_between_records():
    table = learning.analyse({"a": losses([4.0, 1.0, 0.25, 0.25])}, generator=RNG, reach=[5.0, 2.0, 1.0, 0.5, 0.2])
    assert time(table, "time_to_loss_5") == 1, "one update at least"
    assert time(table, "time_to_loss_2") == pytest.approx(5)
    assert time(table, "time_to_loss_1") == pytest.approx(10)
    assert time(table, "time_to_loss_0.5") == pytest.approx(15)
    assert np.isnan(time(table, "time_to_loss_0.2"))


def test_finer_records_do_not_move_a_time_that_lies_on_the_same_line():
    fine = history(*[(step, 0, "train_loss", 4.0 * 2 ** (-step / 5)) for step in (0, 2, 3, 7, 10, 20)], tested_at=20)
    table = learning.analyse({"a": losses([4.0, 1.0, 0.25]), "b": fine}, generator=RNG, reach=[2.0, 0.7])
    for name in ("time_to_loss_2", "time_to_loss_0.7"):
        assert time(table, name, run="a") == pytest.approx(time(table, name, run="b"))


def test_times_to_an_accuracy_are_linear():
    rows = [(10 * i, 0, "train_accuracy", share) for i, share in enumerate((0.1, 0.5, 0.9, 0.8))]
    both = history(*[(10 * i, 0, "train_loss", 1.0) for i in range(4)], *rows, tested_at=30)
    table = learning.analyse({"a": both}, generator=RNG, accuracies=[0.5, 0.7, 0.95])
    assert [time(table, f"time_to_accuracy_{share}") for share in (0.5, 0.7)] == pytest.approx([10, 15])
    found = learning.metrics(identified(learning, {"a": both}, accuracies=[0.7, 0.95]))
    assert found["time_to_accuracy_0.95.one_sg.hidden3"] == [30]
    assert found["time_to_accuracy_0.95.one_sg.hidden3"].outcomes == ["censored"]
    assert [found[f"reached_accuracy_{share}.one_sg.hidden3"] for share in (0.7, 0.95)] == [[1], [0]]


def test_a_time_says_whether_it_is_censored_or_its_run_diverged():
    made = {
        "never": losses([4.0, 2.0, 2.0]),
        "there": losses([4.0, 1.0, 0.5]),
        "lost": losses([4.0, 2.0], finished=False),
        "there, then lost": losses([4.0, 0.5], finished=False),
    }
    found = learning.metrics(identified(learning, made, reach=[1.0]))
    times = found["time_to_loss_1.one_sg.hidden3"]
    assert list(times) == pytest.approx([20, 10, 20, 10 * np.log(4) / np.log(8)])
    assert times.outcomes == ["censored", "measured", "diverged", "measured"]
    assert found["reached_loss_1.one_sg.hidden3"] == [0, 1, 0, 1]
    assert found["train_loss.one_sg.hidden3"].outcomes == ["measured", "measured", "diverged", "diverged"]
    assert found["steps_to_loss_1.one_sg.hidden3"].outcomes == times.outcomes


def test_the_slope_at_the_end_is_of_the_logarithm_per_thousand_updates():
    falling = losses([4.0] * 8 + [np.exp(-step / 1000) for step in (80, 90, 100)])
    made = {"a": falling, "b": losses([1.0] * 11), "c": losses([1.0] * 11, finished=False), "d": losses([1.0])}
    found = learning.metrics(identified(learning, made))["late_slope.one_sg.hidden3"]
    assert list(found[:2]) == pytest.approx([-1, 0])
    assert np.isnan(found[2:]).all()
    assert found.outcomes == ["measured", "measured", "diverged", "undefined"]


def test_differences_to_backprop_are_paired_by_seed():
    sg = {"a": losses([4.0, 1.0]), "b": losses([4.0, 2.0]), "c": losses([4.0, 2.0], finished=False)}
    plain = {"x": losses([4.0, 2.0]), "y": losses([4.0, 0.5]), "z": losses([4.0, 1.0])}
    parts = [identified(learning, sg, reach=[1.0]), identified(learning, plain, method="backprop", reach=[1.0])]
    found = learning.metrics(pd.concat(parts, ignore_index=True))
    one = found["versus_backprop_train_loss.one_sg.hidden3"]
    assert list(one[:2]) == [-1.0, 1.5]
    assert one.outcomes == ["measured", "measured", "diverged"]
    times = found["versus_backprop_time_to_loss_1.one_sg.hidden3"]
    assert list(times) == pytest.approx([0, 10 - 10 * np.log(4) / np.log(8), 0])
    assert times.outcomes == ["censored", "censored", "diverged"], "the first pair has a censored partner"
    assert not any("backprop" in name.split(".")[1] for name in found if name.startswith("versus"))


def test_samples_to_a_loss_are_its_steps_times_the_batch():
    seen = history(*[(step, 0, "samples", 32.0 * step) for step in (0, 10, 20)])
    runs = {name: pd.concat([losses(values), seen]) for name, values in {"a": [2.0, 0.4, 0.1], "b": [2.0] * 3}.items()}
    table = learning.analyse(runs, generator=RNG, reach=(0.5,))
    assert value(table, run="a", quantity="samples_to_loss_0.5") == 320
    found = learning.metrics(identified(learning, runs, reach=(0.5,)))
    assert found["samples_to_loss_0.5.one_sg.hidden3"] == [320, 640]


def test_a_diverged_run_has_no_final_numbers_but_the_steps_that_it_took():
    runs = {"a": losses([2.0, 0.4]), "b": losses([2.0, 0.4, 50.0], finished=False)}
    found = learning.metrics(identified(learning, runs, reach=(0.5,)))
    np.testing.assert_equal(found["train_loss.one_sg.hidden3"], [0.4, np.nan])
    np.testing.assert_equal(found["test_loss.one_sg.hidden3"], [0.3, np.nan])
    assert found["steps_to_loss_0.5.one_sg.hidden3"] == [10, 10]


def test_restricted_times_have_a_geometric_mean_over_the_losses():
    runs = {"slow": losses([8.0, 4.0, 1.0]), "lost": losses([8.0, 9.0], finished=False)}
    found = learning.metrics(identified(learning, runs, reach=(2.0, 0.1)))
    assert found["time_to_loss_2.one_sg.hidden3"] == pytest.approx([15, 20])
    assert found["time_to_losses.one_sg.hidden3"] == pytest.approx([np.sqrt(15 * 20), 20])
    assert found["time_to_losses.one_sg.hidden3"].outcomes == ["censored", "diverged"]


# Norms


def weights(end, distance, *, start=(4.0, 4.0, 4.0, 2.0), finished=True):
    first = [(0, layer, "weight_norm", norm) for layer, norm in enumerate(start, 1)]
    first += [(0, layer, "distance_from_start", 0.0) for layer in range(1, len(start) + 1)]
    middle = [(50, layer, "weight_norm", 99.0) for layer in range(1, len(start) + 1)]
    last = [(100, layer, "weight_norm", norm) for layer, norm in enumerate(end, 1)]
    last += [(100, layer, "distance_from_start", far) for layer, far in enumerate(distance, 1)]
    return history(*first, *middle, *last, tested_at=100 if finished else None)


def test_norms_at_start_and_end_and_relative_to_the_start():
    table = norms.analyse({"a": weights([5.0, 6.0, 8.0, 3.0], [1.0, 2.0, 6.0, 1.0])}, generator=RNG)
    at = {"norm_start": 4.0, "norm_end": 8.0, "distance": 6.0, "norm_growth": 2.0, "distance_relative": 1.5}
    assert {quantity: value(table, layer=3, quantity=quantity) for quantity in at} == at
    assert value(table, layer=4, quantity="norm_growth") == 1.5
    assert len(table) == 4 * len(at) + 1
    assert value(table, layer=0, quantity="cut") == 2


def test_norms_of_a_diverged_run_have_a_start_and_no_end():
    runs = {"a": weights([5.0] * 4, [1.0] * 4), "b": weights([1e9] * 4, [1e9] * 4, finished=False)}
    table = norms.analyse(runs, generator=RNG)
    of_b = table[table["run"] == "b"].set_index(["layer", "quantity"])["value"]
    assert of_b[1, "norm_start"] == 4
    assert of_b[:, "norm_end"].isna().all()
    assert of_b[:, "norm_growth"].isna().all()
    assert of_b[:, "distance_relative"].isna().all()
    found = norms.metrics(identified(norms, {"a": weights([5.0, 6.0, 7.0, 0.0], [1.0] * 4), "b": runs["b"]}))
    assert found["norm_trend.one_sg.hidden3"] == pytest.approx([1, np.nan], nan_ok=True)


def test_norm_trends_are_over_the_hidden_layers_alone():
    rising = weights([5.0, 6.0, 7.0, 0.1], [1.0] * 4)
    assert norms.metrics(identified(norms, {"a": rising}))["norm_trend.one_sg.hidden3"] == [pytest.approx(1)]
    falling = weights([7.0, 6.0, 5.0, 9.0], [1.0] * 4)
    assert norms.metrics(identified(norms, {"a": falling}))["norm_trend.one_sg.hidden3"] == [pytest.approx(-1)]


def test_the_trend_of_the_growth_doesnt_see_the_initial_scale():
    runs = {"a": weights([8.0, 6.0, 5.0, 1.0], [1.0] * 4, start=(8.0, 4.0, 2.0, 1.0))}
    found = norms.metrics(identified(norms, runs))
    assert found["norm_trend.one_sg.hidden3"] == [pytest.approx(-1)]
    assert found["growth_trend.one_sg.hidden3"] == [pytest.approx(1)]


def by_block(end, *, distance=None, hidden, start=None, cut=0):
    """The numbers of one net by name, without method and depth; the output layer is far off."""
    layers = [*end, 1e6]
    run = weights(layers, [*(distance or end), 1e6], start=start or [1.0] * len(layers))
    found = norms.metrics(identified(norms, {"a": run}, hidden=hidden, cut=cut))
    return {name.removesuffix(f".one_sg.hidden{hidden}"): values[0] for name, values in found.items()}


def test_norms_that_rise_in_both_blocks_and_drop_between_them_rise_by_block():
    found = by_block([7.0, 8.0, 9.0, 1.0, 3.0, 5.0], hidden=6)
    assert found["norm_trend"] < 0, "Simpson's paradox"
    assert (found["norm_slope_below"], found["norm_slope_above"]) == pytest.approx((1, 2))
    assert (found["norm_trend_below"], found["norm_trend_above"]) == pytest.approx((1, 1))
    assert found["norm_step"] == pytest.approx((1 - 2 / 2) - (9 + 1 / 2)), "both lines at 3.5"


def test_a_straight_line_has_no_step_at_any_cut():
    for cut in (2, 3, 4):
        found = by_block([1.0, 1.5, 2.0, 2.5, 3.0, 3.5], hidden=6, cut=cut)
        assert found["norm_step"] == pytest.approx(0)
        assert found["norm_slope_below"] == pytest.approx(0.5)


def test_the_cut_decides_which_layers_are_below():
    norm = [1.0, 2.0, 3.0, 3.0, 2.0, 1.0]
    assert by_block(norm, hidden=6, cut=2)["norm_trend_below"] == pytest.approx(1)
    assert by_block(norm, hidden=6, cut=2)["norm_slope_above"] == pytest.approx(-0.7)  # of 3, 3, 2, 1
    assert by_block(norm, hidden=6)["norm_slope_above"] == pytest.approx(-1)


def test_norm_growth_and_distance_have_numbers_of_their_own():
    end, start, far = [8.0, 6.0, 5.0, 5.0], [8.0, 4.0, 2.0, 1.0, 1.0], [8.0, 8.0, 2.0, 3.0]
    found = by_block(end, start=start, distance=far, hidden=4)
    assert found["norm_slope_below"] == pytest.approx(-2)
    assert found["growth_slope_below"] == pytest.approx(0.5)  # 1 and 1.5
    assert found["growth_slope_above"] == pytest.approx(2.5)  # 2.5 and 5
    assert found["distance_slope_below"] == pytest.approx(1)  # 1 and 2
    assert found["distance_slope_above"] == pytest.approx(2)  # 1 and 3


def test_a_block_of_one_layer_has_no_slope_and_a_diverged_run_says_so():
    found = by_block([1.0, 2.0, 3.0], hidden=3)
    assert found["norm_slope_below"] == pytest.approx(1)
    assert np.isnan([found["norm_slope_above"], found["norm_trend_above"], found["norm_step"]]).all()
    runs = {"a": weights([5.0, 6.0, 7.0, 8.0, 1.0], [1.0] * 5, start=[1.0] * 5)}
    runs["b"] = weights([5.0] * 5, [1.0] * 5, start=[1.0] * 5, finished=False)
    one = norms.metrics(identified(norms, runs, hidden=4))["norm_slope_below.one_sg.hidden4"]
    assert list(one[:1]) == pytest.approx([1])
    assert one.outcomes == ["measured", "diverged"]


def test_a_drop_at_the_middle_is_told_from_a_fall():
    """Growth rises within both blocks (layers 1 to 3 and 4 to 6), and drops between them: over all layers it falls."""
    growth = [7.0, 8.0, 9.0, 1.0, 2.0, 3.0]
    runs = {"a": weights([*growth, 1.0], [1.0] * 7, start=[1.0] * 7)}
    found = norms.metrics(identified(norms, runs, hidden=6))
    assert found["growth_trend.one_sg.hidden6"][0] < -0.5
    assert found["growth_trend_within.one_sg.hidden6"] == pytest.approx([1.0])
    assert found["log_growth_drop.one_sg.hidden6"] == pytest.approx([np.log(9)])
    assert found["log_norm_drop.one_sg.hidden6"] == pytest.approx([np.log(9)])
    mixed = {"a": weights([3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 1.0], [1.0] * 7, start=[1.0] * 7)}
    assert norms.metrics(identified(norms, mixed, hidden=6))["norm_trend_within.one_sg.hidden6"] == pytest.approx([0.0])


# Quality of the synthetic gradients


def gates(cosines, *, ratio=0.5, finished=True, every=10):
    """`cosines`: by layer, one a logged step."""
    rows = []
    for layer, along in cosines.items():
        for i, cosine in enumerate(along):
            rows += [(every * i, layer, "cosine", cosine), (every * i, layer, "norm_ratio", ratio * layer)]
            rows += [(every * i, layer, "sg_loss", 1.0)]
    last = max(row[0] for row in rows)
    return history(*rows, (last, layer, "weight_norm", 3.0), tested_at=last if finished else None)


def test_sg_quality_has_the_gated_layers_alone():
    logged = gates({2: [0.0, 0.4], 5: [0.0, -0.6]})
    table = sg_quality.analyse({"sg": logged, "backprop": losses([2.0, 1.0])}, generator=RNG)
    assert set(table["run"]) == {"sg"}
    assert set(table["quantity"]) == {"cosine", "norm_ratio", "sg_loss"}
    assert value(table, layer=5, step=10, quantity="cosine") == -0.6, "estimates against the truth stay so"
    assert value(table, layer=2, step=10, quantity="norm_ratio") == 1.0
    assert len(table) == 2 * 2 * 3


def test_sg_metrics_are_means_over_the_gated_layers_at_the_end():
    runs = {"a": gates({1: [0.0, 0.9, 0.2], 3: [0.0, 0.9, 0.4]}), "b": gates({1: [0.0, 0.1, 0.7], 3: [0.0, 0.1, 0.1]})}
    found = sg_quality.metrics(identified(sg_quality, runs))
    assert found["cosine.one_sg.hidden3"] == pytest.approx([0.3, 0.4])
    assert found["norm_ratio.one_sg.hidden3"] == pytest.approx([1.0, 1.0])
    assert found["cosine_trend.one_sg.hidden3"] == pytest.approx([1, -1])


def test_the_change_of_the_cosine_is_second_half_less_first_without_the_start():
    falling = gates({2: [0.0, 0.8, 0.6, 0.4, 0.2]})  # steps 0…40; the first half is steps 10 and 20
    found = sg_quality.metrics(identified(sg_quality, {"a": falling}))
    assert found["cosine_change.one_sg.hidden3"] == pytest.approx([-0.4])


def test_one_gate_has_no_trend_over_layers():
    found = sg_quality.metrics(identified(sg_quality, {"a": gates({2: [0.0, 0.5]})}))
    assert not [name for name in found if name.startswith("cosine_trend")]


def test_estimates_of_a_diverged_run_count_for_nothing():
    good, bad = {1: [0.0, 0.5, 0.5], 2: [0.0, 0.6, 0.7]}, {1: [0.0, -1.0, 0.0], 2: [0.0, 1.0, 1.0]}
    runs = {"a": gates(good), "b": gates(bad, finished=False)}
    for name, values in sg_quality.metrics(identified(sg_quality, runs)).items():
        known = not name.startswith("cosine_since_peak")  # there is no other run to show a peak
        assert np.isfinite(values).tolist() == [known, False]
        assert values.outcomes == ["measured" if known else "undefined", "diverged"]


def test_the_trend_of_the_mean_is_over_all_of_training_without_the_start():
    """At the end the lower layer is the better one, and at the start too; over training it is the upper one."""
    run = gates({1: [1.0, 0.1, 0.1, 0.9], 2: [0.0, 0.9, 0.9, 0.2]})
    found = sg_quality.metrics(identified(sg_quality, {"a": run}))
    assert found["cosine_trend.one_sg.hidden3"] == pytest.approx([-1])
    assert found["trend_of_mean_cosine.one_sg.hidden3"] == pytest.approx([1])


def test_each_gate_has_its_own_peak():
    falls, rises = [0.0, 0.8, 0.6, 0.4, 0.2, 0.1], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    found = sg_quality.metrics(identified(sg_quality, {"a": gates({1: falls, 2: rises}), "b": gates({1: rises})}))
    assert found["cosine_peak_time.one_sg.hidden3"] == pytest.approx([(0.2 + 1) / 2, 1])


def test_the_fall_of_the_cosine_is_from_the_peak_that_other_runs_show():
    """Means over the layers; the peak of both is at step 10, the last fifth are steps 40 and 50."""
    one = gates({1: [0.0, 0.6, 0.5, 0.9, 0.2, 0.1], 2: [0.0, 0.8, 0.5, 0.9, 0.2, 0.3]})
    two = gates({1: [0.0, 0.9, 0.5, 0.1, 0.2, 0.2], 2: [0.0, 0.9, 0.5, 0.1, 0.2, 0.2]})
    found = sg_quality.metrics(identified(sg_quality, {"a": one, "b": two}))
    assert found["cosine_since_peak.one_sg.hidden3"] == pytest.approx([0.2 - 0.7, 0.2 - 0.1])


# All


@pytest.mark.parametrize("module", ANALYSES)
@pytest.mark.parametrize("histories", [{}, {"a": history()}, {"a": pd.DataFrame()}])
def test_histories_without_rows_give_a_table_without_rows(module, histories):
    table = module.analyse(histories, generator=RNG)
    assert table.empty
    assert {"run", "quantity", "value"} <= set(table.columns)
    who = pd.DataFrame([{"run": "a", "method": "backprop", "seed": 0, "hidden": 3, "varied": ""}])
    assert module.metrics(who.merge(table, on="run", how="inner")) == {}


@pytest.mark.parametrize("module", ANALYSES)
def test_tables_survive_being_stored(module, tmp_path):
    runs = {"a": pd.concat([gates({1: [0.0, 0.5]}), weights([5.0] * 4, [1.0] * 4, finished=False), losses([2.0, 1.0])])}
    table = module.analyse(runs, generator=RNG)
    store.write_table(tmp_path / "t.parquet", table, {})
    pd.testing.assert_frame_equal(store.read_table(tmp_path / "t.parquet"), table)


@pytest.mark.parametrize("module", ANALYSES)
def test_inputs_are_left_alone(module):
    logged = gates({1: [0.0, 0.5]})
    before = logged.copy()
    module.analyse({"a": logged}, generator=RNG)
    pd.testing.assert_frame_equal(logged, before)
