"""The analysis of RDMs: class structure, pictures and headline numbers."""

import numpy as np
import pandas as pd
import pytest
from made_up_activations import WIDTH, N, activations
from scipy.spatial.distance import pdist, squareform

from pipeline.analyses import rdm


@pytest.fixture
def generator():
    return np.random.default_rng(11)


def ideal(labels):
    return np.not_equal.outer(labels, labels).astype(float)


def test_ideal_class_structure():
    labels = np.repeat([0, 1, 2], 4)
    found = rdm.class_structure(ideal(labels), labels)
    assert found == {"class_correlation": pytest.approx(1), "within": 0, "between": 1, "constant_points": 0}


def test_class_structure_of_known_dissimilarities():
    labels = np.array([0, 0, 1])
    matrix = np.array([[0, 0.2, 0.9], [0.2, 0, 0.5], [0.9, 0.5, 0]])
    found = rdm.class_structure(matrix, labels)
    assert found["within"] == pytest.approx(0.2)
    assert found["between"] == pytest.approx(0.7)
    assert found["class_correlation"] == pytest.approx(np.corrcoef([0.2, 0.9, 0.5], [0, 1, 1])[0, 1])
    assert rdm.class_structure(2 - matrix, labels)["class_correlation"] == pytest.approx(-found["class_correlation"])


def test_class_structure_leaves_undefined_points_out():
    labels = np.repeat([0, 1], 4)
    matrix = ideal(labels)
    matrix[2] = matrix[:, 2] = np.nan
    found = rdm.class_structure(matrix, labels)
    assert found == {"class_correlation": pytest.approx(1), "within": 0, "between": 1, "constant_points": 1}


@pytest.mark.parametrize("matrix", [np.full((4, 4), np.nan), np.zeros((4, 4))])
def test_class_structure_without_variation(matrix):
    assert np.isnan(rdm.class_structure(matrix, np.array([0, 0, 1, 1]))["class_correlation"])
    assert np.isnan(rdm.class_structure(ideal(np.arange(4)), np.zeros(4, dtype=int))["class_correlation"])


def test_block_means_without_the_diagonal():
    matrix = np.arange(36.0).reshape(6, 6)
    found = rdm.block_means(matrix, 3)
    assert found[0, 1] == pytest.approx(np.mean([2, 3, 8, 9]))
    assert found[2, 0] == pytest.approx(np.mean([24, 25, 30, 31]))
    assert found[1, 1] == pytest.approx(np.mean([15, 20]))  # 14 and 21 are on the diagonal


def test_block_means_of_unequal_blocks_and_undefined_points():
    matrix = squareform(np.arange(1.0, 11))
    matrix[4] = matrix[:, 4] = np.nan
    found = rdm.block_means(matrix, 3)  # blocks of 1, 2, 2
    assert found.shape == (3, 3)
    assert found[0, 0] == 0
    assert found[0, 1] == pytest.approx(np.mean(matrix[0, 1:3]))
    assert found[1, 2] == pytest.approx(np.mean(matrix[1:3, 3]))
    assert np.isnan(found[2, 2])  # of points 3 and 4, the second is undefined
    np.testing.assert_array_equal(rdm.block_means(matrix, 5), matrix)
    np.testing.assert_array_equal(rdm.block_means(matrix, 40), matrix)


def test_rdm_table(generator):
    labels = np.repeat([0, 1, 2, 3], [2, 4, 4, 2])
    run = activations(3, labels=labels)
    table = rdm.analyse(run, generator=generator, show=[2, 7], pixels=6)
    assert list(table) == list(rdm.COLUMNS)
    starts = table[table["quantity"] == "class_start"]
    assert starts["value"].tolist() == [0, 1, 3, 5]
    assert starts["i"].tolist() == [0, 1, 2, 3]
    for layer in (1, 2, 3):
        matrix = squareform(pdist(run.layer("rdm", layer), "correlation"))
        numbers = table[(table["layer"] == layer) & (table["quantity"] != "rdm")].set_index("quantity")["value"]
        last = squareform(pdist(run.layer("rdm", 3), "correlation"))
        expected = rdm.class_structure(matrix, labels) | rdm.distances(matrix, last, labels)
        assert numbers.to_dict() == pytest.approx(expected, abs=1e-12)
    pictures = table[table["quantity"] == "rdm"]
    assert set(pictures["layer"]) == {2}
    matrix = squareform(pdist(run.layer("rdm", 2), "correlation"))
    picture = pictures.pivot(index="i", columns="j", values="value")
    np.testing.assert_allclose(picture, rdm.block_means(matrix, 6), atol=1e-12)


@pytest.mark.parametrize(("layers", "expected"), [(0, set()), (1, {1}), (2, {1, 2}), (20, {1, 6, 10, 15, 20})])
def test_pictures_are_spread_over_the_depth(generator, layers, expected):
    table = rdm.analyse(activations(layers, steps=(0,)), generator=generator, pixels=2)
    assert set(table.loc[table["quantity"] == "rdm", "layer"]) == expected


def test_constant_points_are_counted(generator):
    h = generator.standard_normal((N, WIDTH)).astype(np.float32)
    h[[4, 9]] = 0
    table = rdm.analyse(activations(1, rdm1=h), generator=generator)
    assert table.loc[table["quantity"] == "constant_points", "value"].tolist() == [2]
    assert np.isfinite(table.loc[table["quantity"] == "class_correlation", "value"]).all()


LABELS = np.array([0, 0, 1, 1])
LAST = squareform([0.2, 0.9, 0.5, 0.7, 0.8, 0.4])  # pairs 01, 02, 03, 12, 13, 23


def test_the_distance_is_the_l2_norm_over_pairs_each_once():
    other = squareform([0.5, 0.9, 0.5, 0.7, 0.8, 0.0])
    assert rdm.distances(other, LAST, LABELS) == {
        "distance_to_last": pytest.approx(0.5),  # 3-4-5
        "block_distance_to_last": pytest.approx(0.5),
    }
    between = squareform([0.2, 1.0, 0.5, 0.7, 0.8, 0.4])
    assert rdm.distances(between, LAST, LABELS) == {
        "distance_to_last": pytest.approx(0.1),
        "block_distance_to_last": 0,
    }
    assert rdm.distances(LAST, LAST, LABELS)["distance_to_last"] == 0


def test_the_distance_is_the_same_in_any_order_of_the_points(generator):
    a, b = (squareform(generator.uniform(size=28)) for _ in range(2))
    labels, order = np.repeat([0, 1, 2, 3], 2), generator.permutation(8)
    shuffled = rdm.distances(a[np.ix_(order, order)], b[np.ix_(order, order)], labels[order])
    assert shuffled == pytest.approx(rdm.distances(a, b, labels))
    assert shuffled == pytest.approx(rdm.distances(b, a, labels))


def test_a_distance_without_some_pairs_keeps_their_mean_square():
    a, b = np.array([1.0, np.nan, 2.0, 2.0]), np.array([0.0, 5.0, 0.0, np.nan])
    assert rdm.distance(a, b) == pytest.approx(np.sqrt(4 * (1 + 4) / 2))
    assert np.isnan(rdm.distance(a[1:2], b[1:2]))
    assert np.isnan(rdm.distance(a[:0], b[:0]))


@pytest.mark.parametrize(("cut", "stands"), [(0, 3), (2, 2), (4, 4), (5, 3), (9, 3)])
def test_the_cut_is_the_middle_unless_it_is_given_and_leaves_a_layer_above(generator, cut, stands):
    table = rdm.analyse(activations(5, steps=(0,)), generator=generator, cut=cut)
    assert table.loc[table["quantity"] == "cut", "value"].tolist() == [stands]


def distances_by_layer(method, seed, values, cut=2):
    """Rows of a run whose layers have these distances to the last, and a tenth of them in the diagonal blocks."""
    who = {"run": f"{method}{seed}", "method": method, "seed": seed, "hidden": len(values), "varied": ""}
    rows = [(0, "cut", cut)]
    for layer, value in enumerate(values, start=1):
        rows += [(layer, "distance_to_last", value), (layer, "block_distance_to_last", value / 10)]
    return pd.DataFrame([{**who, "layer": a, "quantity": b, "value": float(c), "i": -1, "j": -1} for a, b, c in rows])


def test_distances_are_averaged_below_the_cut_and_paired_by_seed():
    parts = [
        distances_by_layer("sg", 0, [8, 6, 4, 2, 0]),
        distances_by_layer("backprop", 1, [4, 2, 1, 1, 0]),
        distances_by_layer("backprop", 0, [3, 1, 2, 2, 0]),
        distances_by_layer("backprop", 2, [9, 9, 9, 9, 0]),
        distances_by_layer("sg", 2, []).assign(quantity="diverged", layer=0, value=np.nan, hidden=5),
    ]
    found = rdm.metrics(pd.concat(parts, ignore_index=True))
    assert found["rdm_distance_below.backprop.hidden5"] == [2, 3, 9]
    assert found["rdm_distance_middle.backprop.hidden5"] == [1, 2, 9]
    assert found["rdm_distance_mean.backprop.hidden5"] == [2, 2, 9], "the last layer has no distance to itself"
    assert found["rdm_block_distance_below.backprop.hidden5"] == pytest.approx([0.2, 0.3, 0.9])
    one = found["versus_backprop_rdm_distance_below.sg.hidden5"]
    np.testing.assert_equal(list(one), [5.0, np.nan])
    assert (one.seeds, one.outcomes) == ([0, 2], ["measured", "diverged"])


def test_rdm_metrics():
    rows = [
        {
            "run": f"r{seed}",
            "method": "bp",
            "seed": seed,
            "hidden": 5,
            "varied": "",
            "layer": layer,
            "quantity": quantity,
            "value": value + seed / 100,
            "i": -1,
            "j": -1,
        }
        for seed in (1, 0)
        for quantity in ("class_correlation", "within")
        for layer, value in enumerate((0.1, 0.2, 0.47, 0.46, 0.5), start=1)
    ]
    found = rdm.metrics(pd.DataFrame(rows))
    assert {name: values for name, values in found.items() if name.startswith("class")} == {
        "class_structure_low.bp.hidden5": pytest.approx([0.2, 0.21]),  # layer ceil(5 / 4)
        "class_structure_middle.bp.hidden5": pytest.approx([0.47, 0.48]),  # layer ceil(5 / 2)
        "class_structure_last.bp.hidden5": pytest.approx([0.5, 0.51]),
        "class_structure_settles.bp.hidden5": pytest.approx([0.6, 0.6]),  # .9 * .5 is reached in layer 3
    }
    assert rdm.metrics(pd.DataFrame()) == {}
