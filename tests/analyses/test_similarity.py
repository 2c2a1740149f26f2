"""The analyses of similarity: all pairs of layers, and layers over time."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from made_up_activations import WIDTH, N, activations

from pipeline.analyses import similarity, similarity_over_time
from pipeline.measures import cca, pwcca
from pipeline.results.activations import Activations, key

MEASURES = ["cca", "pwcca"]


@pytest.fixture
def generator():
    return np.random.default_rng(11)


# Pairs of networks


def compare(a, b, *, generator, **settings):
    table = similarity.analyse({"a": a, "b": b}, {("a", "b"): generator}, **settings)
    assert set(table["run_a"]) <= {"a"}
    assert set(table["run_b"]) <= {"b"}
    return table


def test_every_pair_of_layers_is_compared(generator):
    a, b = activations(3, seed=1), activations(2, seed=2)
    table = compare(a, b, generator=generator, measures=MEASURES, permutations=2)
    assert list(table) == list(similarity.COLUMNS)
    found = table.set_index(["measure", "layer_a", "layer_b"])["value"]
    assert len(found) == len(MEASURES) * 3 * 2
    for i in range(1, 4):
        for j in range(1, 3):
            x, y = a.layer("cca", i), b.layer("cca", j)
            assert found["cca", i, j] == pytest.approx(cca.measure(x, y), abs=1e-12)
            assert found["pwcca", i, j] == pytest.approx(pwcca.measure(x, y), abs=1e-12)


def test_the_end_of_training_is_compared_and_rank_cut_and_n_are_recorded(generator):
    steps = (0, 9)
    dead = np.random.default_rng(0).standard_normal((N, WIDTH)).astype(np.float32)
    dead[:, 3:] = 0
    a, b = activations(2, steps, cca2=dead), activations(2, steps, seed=4)
    table = compare(a, b, generator=generator, measures=["cca"])
    assert dict(zip(table["layer_a"], table["rank_a"], strict=True)) == {1: 5, 2: 3}
    assert (table["rank_b"] == 5).all()
    assert (table["n"] == N).all()
    np.testing.assert_allclose(table["cut"], N * np.finfo(float).eps)
    assert table["value"].iloc[0] == pytest.approx(cca.measure(a.layer("cca", 1, step=9), b.layer("cca", 1, step=9)))


def test_the_null_is_that_of_permuted_samples():
    a, b = activations(2, seed=1), activations(2, seed=2)
    table = compare(a, b, generator=np.random.default_rng(8), measures=["cca"], permutations=4)
    again = np.random.default_rng(8)
    orders = [again.permutation(N) for _ in range(4)]
    for row in table.to_dict("records"):
        x, y = a.layer("cca", row["layer_a"]), b.layer("cca", row["layer_b"])
        null = [cca.measure(x[order], y) for order in orders]
        assert row["null_mean"] == pytest.approx(np.mean(null), abs=1e-12)
        assert row["null_high"] == pytest.approx(max(null), abs=1e-12)


def test_what_is_alike_stands_out_from_the_null(generator):
    x = generator.standard_normal((N, WIDTH)).astype(np.float32)
    y = x @ generator.standard_normal((WIDTH, WIDTH)).astype(np.float32)
    a, b = activations(1, seed=1, cca1=x), activations(1, seed=2, cca1=y)
    row = compare(a, b, generator=generator, measures=["cca"]).iloc[0]
    assert row["value"] == pytest.approx(1, abs=1e-5)
    assert row["null_mean"] <= row["null_high"] < 0.6


def test_a_constant_layer_gives_rows_without_value(generator):
    a = activations(2, cca2=np.zeros((N, WIDTH), dtype=np.float32))
    for name in ("cca", "svcca", "pwcca", "cka", "procrustes", "rdm_correlation"):
        table = compare(a, activations(1, seed=3), generator=generator, measures=[name])
        assert np.isfinite(table.loc[table["layer_a"] == 1, ["value", "null_mean", "null_high"]]).all(axis=None)
        assert table.loc[table["layer_a"] == 2, ["value", "null_mean", "null_high"]].isna().all(axis=None)
        assert (table.loc[table["layer_a"] == 2, "rank_a"] == 0).all()


def test_no_hidden_layer_gives_no_row(generator):
    table = compare(activations(0), activations(0), generator=generator, measures=MEASURES)
    assert table.empty
    assert list(table) == list(similarity.COLUMNS)


def test_unknown_measures_are_refused(generator):
    with pytest.raises(ValueError, match="did you mean 'cca'"):
        compare(activations(1), activations(1), generator=generator, measures=["ccca"])


def test_without_a_null_nothing_is_compared(generator):
    for analyse, runs in ((compare, 2), (similarity_over_time.analyse, 1)):
        with pytest.raises(ValueError, match="found permutations=0; expected at least 1"):
            analyse(*[activations(1)] * runs, generator=generator, measures=["cca"], permutations=0)


def test_each_layer_is_factorised_once_if_memory_allows(monkeypatch):
    runs = {name: activations(2, seed=seed) for seed, name in enumerate("abc")}
    names = [("a", "b"), ("a", "c"), ("b", "c")]

    def table():
        return similarity.analyse(
            runs, {pair: np.random.default_rng(number) for number, pair in enumerate(names)}, measures=["cca"]
        )

    prepared, prepare = [], cca.prepare
    monkeypatch.setattr(cca, "prepare", lambda x: prepared.append(x.shape) or prepare(x))
    whole, count = table(), len(prepared)
    assert count == 1 + 3 * 2, "one to see how large it is"
    monkeypatch.setattr(similarity, "KEPT", 1)
    pd.testing.assert_frame_equal(table(), whole)
    assert len(prepared) - count == 1 + 4 * 2, "two runs are kept; one is factorised again"
    for number, (a, b) in enumerate(names):
        alone = compare(runs[a], runs[b], generator=np.random.default_rng(number), measures=["cca"])
        mine = whole[(whole["run_a"] == a) & (whole["run_b"] == b)].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine.iloc[:, 2:], alone.iloc[:, 2:])


def pairs(values, null=0.1):
    """A table of two-layer networks: `values[run_a, run_b]` are the similarities of layers 1 and 2."""
    rows = []
    for (run_a, run_b), diagonal in values.items():
        (method_a, seed_a), (method_b, seed_b) = run_a.split("-"), run_b.split("-")
        for i in (1, 2):
            for j in (1, 2):
                rows.append(
                    {
                        "run_a": run_a,
                        "method_a": method_a,
                        "seed_a": int(seed_a),
                        "run_b": run_b,
                        "method_b": method_b,
                        "seed_b": int(seed_b),
                        "hidden": 2,
                        "kind": "seeds" if method_a == method_b else "methods",
                        "measure": "cca",
                        "layer_a": i,
                        "layer_b": j,
                        "value": diagonal[i - 1] if i == j else 9.0,
                        "null_mean": null,
                        "null_high": 0.2,
                        "rank_a": 5,
                        "rank_b": 5,
                        "cut": 1e-14,
                        "n": 60,
                    }
                )
    return pd.DataFrame(rows)


def test_similarity_metrics():
    table = pairs(
        {
            ("bp-0", "bp-1"): (0.5, 0.7),
            ("bp-0", "bp-2"): (0.7, 0.7),
            ("bp-1", "bp-2"): (0.9, 0.9),
            ("bp-0", "sg-0"): (0.5, 0.9),
            ("bp-1", "sg-1"): (0.4, 0.2),
            ("bp-0", "sg-1"): (0.1, 0.3),
            ("bp-0", "sg-2"): (0.3, 0.9),
            ("bp-1", "sg-0"): (0.8, 0.8),
        }
    )
    # Seed 0 of bp is like other seeds by (.6, .7), seed 1 by (.7, .8), before the null of .1 is taken off.
    found = similarity.metrics(table)
    assert {name: values for name, values in found.items() if not re.match("cca_(difference|rank)", name)} == {
        "cca_between_seeds.bp.hidden2": pytest.approx([0.5, 0.6, 0.8]),
        "cca_between_methods_same_seed.bp.sg.hidden2": pytest.approx([0.6, 0.2]),
        "cca_gap_same_seed.bp.sg.hidden2": pytest.approx([-0.05, 0.45]),
        "cca_lower_share_same_seed.bp.sg.hidden2": [0.5, 1.0],
        "cca_between_methods.bp.sg.hidden2": pytest.approx([0.3, 0.7]),
        "cca_gap.bp.sg.hidden2": pytest.approx([0.25, -0.05]),
        "cca_lower_share.bp.sg.hidden2": [1.0, 0.0],
    }
    assert similarity.metrics(pd.DataFrame()) == {}


def test_similarity_metrics_without_other_seeds():
    found = similarity.metrics(pairs({("bp-0", "sg-0"): (0.5, 0.9)}))
    assert found["cca_between_methods_same_seed.bp.sg.hidden2"] == pytest.approx([0.6])
    assert np.isnan(found["cca_gap_same_seed.bp.sg.hidden2"]).all()
    assert np.isnan(found["cca_lower_share_same_seed.bp.sg.hidden2"]).all()


def test_similarity_metrics_of_a_sweep_that_varies_more():
    table = pairs({("bp-0", "bp-1"): (0.5, 0.7)}).assign(varied="network.hidden=2; optimiser.rate=0.1")
    assert similarity.metrics(table) == {
        "cca_between_seeds.bp.hidden2.rate0.1": pytest.approx([0.5]),
        "cca_rank.bp.hidden2.rate0.1": [5.0, 5.0],
    }


def everywhere(value, *, seeds=3, methods=("bp", "sg")):
    """All pairs of networks, each with a similarity of (`value(a, b)`, twice that) in its two layers."""
    runs = [f"{method}-{seed}" for method in methods for seed in range(seeds)]
    return pairs({(a, b): (value(a, b), 2 * value(a, b)) for a, b in itertools.combinations(runs, 2)})


def test_the_difference_is_that_of_means_over_pairs_of_other_seeds():
    """Alike by .9 within a method, by .4 across, and by 7 at the same seed, which must not count."""

    def value(a, b):
        return 0.9 if a[:2] == b[:2] else 7.0 if a[-1] == b[-1] else 0.4

    found = similarity.metrics(everywhere(value))
    assert found["cca_difference.bp.sg.hidden2"] == pytest.approx([0.75] * 3)  # (.5 + 1) / 2
    assert found["cca_difference_below.bp.sg.hidden2"] == pytest.approx([0.5] * 3)
    assert found["cca_difference_above.bp.sg.hidden2"] == pytest.approx([1.0] * 3)
    assert found["cca_difference_layer2.bp.sg.hidden2"] == pytest.approx([1.0] * 3)
    assert found["cca_difference.bp.sg.hidden2"].seeds == [0, 1, 2]


def test_pseudo_values_of_three_seeds_by_hand():
    within = {("bp-0", "bp-1"): 0.6, ("bp-0", "bp-2"): 0.9, ("bp-1", "bp-2"): 0.3}
    found = similarity.metrics(everywhere(lambda a, b: within.get((a, b), 0.2), seeds=3))
    # D = .6 - .2; without seed 0 it is .3 - .2, without seed 1 .9 - .2, without seed 2 .6 - .2.
    assert found["cca_difference_layer1.bp.sg.hidden2"] == pytest.approx([3 * 0.4 - 2 * d for d in (0.1, 0.7, 0.4)])


def test_pseudo_values_have_the_differences_mean_and_the_jackknifes_error(generator):
    values = {}
    found = similarity.metrics(everywhere(lambda a, b: values.setdefault((a, b), generator.uniform()), seeds=6))
    pseudo = np.array(found["cca_difference_layer1.bp.sg.hidden2"])

    def difference(seeds):
        within = [v for (a, b), v in values.items() if a[:2] == b[:2] == "bp" and {a[3:], b[3:]} <= seeds]
        across = [v for (a, b), v in values.items() if a[:2] != b[:2] and a[3:] != b[3:] and {a[3:], b[3:]} <= seeds]
        return np.mean(within) - np.mean(across)

    seeds = set("012345")
    assert pseudo.mean() == pytest.approx(difference(seeds))
    without = np.array([difference(seeds - {seed}) for seed in sorted(seeds)])
    error = np.sqrt(5 / 6 * np.square(without - without.mean()).sum())
    assert pseudo.std(ddof=1) / np.sqrt(6) == pytest.approx(error)


def test_either_method_may_be_the_first_of_a_pair_and_backprop_is_the_reference():
    def value(a, b):
        return 0.9 if a[:-2] == b[:-2] else 0.4 if a.startswith("sg") else 0.2

    names = ["sg-0", "backprop-0", "sg-1", "backprop-1", "backprop-2", "sg-2"]
    table = pairs({(a, b): (value(a, b), value(a, b)) for a, b in itertools.combinations(names, 2)})
    found = similarity.metrics(table)
    assert np.mean(found["cca_difference.backprop.sg.hidden2"]) == pytest.approx(0.9 - 0.3)
    assert "cca_difference.sg.backprop.hidden2" not in found


def test_a_seed_whose_network_diverged_or_is_missing_is_in_no_mean():
    table = everywhere(lambda a, b: 0.9 if a[:2] == b[:2] else 0.1 + int(b[-1]) / 10, seeds=5)
    alone = table["run_b"] != "sg-4"
    lost = table[["run_a", "run_b"]].isin(["bp-0"]).any(axis=1)
    marked = table.assign(measure=np.where(lost, "diverged", table["measure"])).assign(
        value=table["value"].where(~lost),
        layer_a=table["layer_a"].where(~lost, 0),
        layer_b=table["layer_b"].where(~lost, 0),
    )
    found = similarity.metrics(marked[alone])["cca_difference_layer1.bp.sg.hidden2"]
    assert found.outcomes == ["diverged", "measured", "measured", "measured", "unpaired"]
    kept = table[alone & ~table[["run_a", "run_b"]].isin(["bp-0", "sg-0", "bp-4"]).any(axis=1)]
    assert list(found)[1:4] == pytest.approx(similarity.metrics(kept)["cca_difference_layer1.bp.sg.hidden2"])


def test_two_seeds_are_too_few_for_a_difference():
    found = similarity.metrics(everywhere(lambda a, b: 0.5, seeds=2))["cca_difference.bp.sg.hidden2"]
    assert np.isnan(list(found)).all()
    assert found.outcomes == ["undefined", "undefined"]


def test_the_rank_is_a_mean_over_layers_of_either_side():
    table = everywhere(lambda a, b: 0.5, seeds=2)
    first = table["run_a"].eq("bp-0")
    table.loc[first & (table["layer_a"] == 1), "rank_a"] = 2
    table.loc[table["run_b"] == "sg-1", "rank_b"] = 3
    found = similarity.metrics(table)
    assert found["cca_rank.bp.hidden2"] == [3.5, 5.0]
    assert found["cca_rank.sg.hidden2"] == [5.0, 3.0]


# Over time


def test_every_step_is_compared_with_the_end(generator):
    run = activations(2)
    table = similarity_over_time.analyse(run, generator=generator, measures=MEASURES, permutations=2)
    assert list(table) == list(similarity_over_time.COLUMNS)
    found = table.set_index(["measure", "layer", "step"])["value"]
    assert len(found) == len(MEASURES) * 2 * 3
    for layer in (1, 2):
        end = run.layer("cca", layer)
        for step in (0, 4):
            now = run.layer("cca", layer, step=step)
            assert found["cca", layer, step] == pytest.approx(cca.measure(end, now), abs=1e-12)
            assert found["pwcca", layer, step] == pytest.approx(pwcca.measure(end, now), abs=1e-12)
        assert found["cca", layer, 9] == pytest.approx(1, abs=1e-12)
    assert (table["null_mean"] <= table["null_high"]).all()
    assert (table["null_high"] < 0.9).all()


def test_ranks_now_and_at_the_end(generator):
    run = activations(1, steps=(0, 9))
    dead = run.read(key("cca", 1, 0)).copy()
    dead[:, 0] = 0
    stored = {name: run.read(name) for name in ("cca/labels", key("cca", 1, 9))} | {key("cca", 1, 0): dead}
    table = similarity_over_time.analyse(
        Activations(1, (0, 9), stored.__getitem__), generator=generator, measures=["cca"]
    )
    assert table["rank_now"].tolist() == [4, 5]
    assert table["rank_end"].tolist() == [5, 5]


def over_time(values, run="r-0", seed=0):
    """`values[layer - 1]` are a layer's similarities at steps 0, 1, 2, ..."""
    rows = [
        {
            "run": run,
            "method": "bp",
            "seed": seed,
            "hidden": len(values),
            "varied": "",
            "measure": "cca",
            "layer": layer,
            "step": step,
            "value": value,
            "null_mean": 0.1 if value < 1 else 9.0 - layer,
            "null_high": 9.0,
        }
        for layer, curve in enumerate(values, start=1)
        for step, value in enumerate(curve)
    ]
    return pd.DataFrame(rows)


def test_over_time_metrics():
    # Seed 0: the lower, the more alike, but the smaller is the share of the way gone (.25, .5, .6).
    # Seed 1: the lower, the less has been gained (.1, .2, .25), but the greater is the share of the way (.5, .33, .25).
    first = over_time([(0.8, 0.85, 1), (0.6, 0.8, 1), (0.4, 0.76, 1)])
    second = over_time([(0.8, 0.9, 1), (0.4, 0.6, 1), (0, 0.25, 1)], run="r-1", seed=1)
    found = similarity_over_time.metrics(pd.concat([second, first], ignore_index=True))
    assert found == {
        "cca_order.bp.hidden3": pytest.approx([-1, -1]),
        "cca_progress_order.bp.hidden3": pytest.approx([1, -1]),
        "cca_halfway_order.bp.hidden3": pytest.approx([-1, 1]),
    }
    assert similarity_over_time.metrics(pd.DataFrame()) == {}


def test_over_time_metrics_without_steps_between():
    found = similarity_over_time.metrics(over_time([(0.5, 1), (0.2, 1)]))
    assert np.isnan(found["cca_order.bp.hidden2"]).all()
    assert np.isnan(found["cca_halfway_order.bp.hidden2"]).all()


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ([0, 0.5, 1], 9.0),  # exactly at a step
        ([0, 0.25, 0.75], np.sqrt(10 * 100) - 1),  # midway between the logarithms of 10 and 100
        ([0, 1, 1], np.sqrt(10) - 1),
        ([0, 0.8, 0.2], 10 ** (0.5 / 0.8) - 1),  # the first time counts
        ([0, 0.1, 0.2], np.nan),
        ([np.nan] * 3, np.nan),
    ],
)
def test_the_time_at_which_a_layer_is_halfway(covered, expected):
    found = similarity_over_time.time_to(0.5, np.array([0.0, 9.0, 99.0]), np.array(covered, dtype=float))
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_order_is_corrected_by_where_a_layer_starts():
    """The upper layers begin and stay closer to their end, and yet cover their way later."""
    values = [(0.0, 0.6, 0.9, 1), (0.8, 0.85, 0.95, 1), (0.9, 0.91, 0.92, 1)]
    found = similarity_over_time.metrics(over_time(values))
    assert found["cca_halfway_order.bp.hidden3"] == pytest.approx([1.0])


def test_a_layer_that_training_leaves_alone_has_no_time():
    still = (1 - 1e-12, 1 - 3e-12, 1 - 2e-12, 1)  # rounding would say that it comes last
    found = similarity_over_time.metrics(over_time([still, (0.2, 0.7, 0.9, 1), (0.2, 0.3, 0.9, 1)]))
    assert found["cca_halfway_order.bp.hidden3"] == pytest.approx([1.0])
    assert found["cca_progress_order.bp.hidden3"] == pytest.approx([-1.0])


def test_a_run_that_diverged_has_no_order_and_says_so():
    gone = over_time([(0.0, 0.5, 1)], run="r-1", seed=1).iloc[:1].assign(measure="diverged", value=np.nan, layer=0)
    found = similarity_over_time.metrics(
        pd.concat([over_time([(0.0, 0.6, 1), (0.0, 0.4, 1)]), gone.assign(hidden=2)], ignore_index=True)
    )
    assert set(found) == {f"cca_{name}order.bp.hidden2" for name in ("", "progress_", "halfway_")}
    assert found["cca_halfway_order.bp.hidden2"].outcomes == ["measured", "diverged"]


def test_like_layers_alone_are_the_same_numbers():
    a, b = activations(3, seed=1), activations(2, seed=2)
    whole = compare(a, b, generator=np.random.default_rng(5), measures=MEASURES, permutations=2)
    like = compare(a, b, generator=np.random.default_rng(5), measures=MEASURES, permutations=2, like=True)
    diagonal = whole[whole["layer_a"] == whole["layer_b"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(like, diagonal)
    assert set(like["layer_a"]) == {1, 2}
