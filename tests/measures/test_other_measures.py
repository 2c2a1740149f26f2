"""CKA, Procrustes and RDM correlation by known values, and against slow or independent implementations."""

import numpy as np
import pytest
from made_up_layers import orthonormal, rotation
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr

from pipeline.measures import cka, procrustes, rdm_correlation

# CKA


def unbiased_hsic(k, l):  # noqa: E741
    """The estimator of Song et al. (2012) as it stands there, with n x n matrices."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    middle = (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ l) + middle - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def slow_cka(x, y):
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))


@pytest.mark.parametrize("n", [4, 7, 90])
def test_cka_agrees_with_the_quadratic_estimator(generator, n):
    x = generator.standard_normal((n, 6)) * np.arange(1, 7) + 2
    y = x[:, :3] @ generator.standard_normal((3, 5)) + generator.standard_normal((n, 5))
    assert cka.measure(x, y) == pytest.approx(slow_cka(x, y), abs=1e-10)


def test_cka_of_rank_deficient_layers(layers):
    x, y = layers
    more = np.column_stack([x, x[:, :2], np.zeros(90)])
    assert cka.measure(more, y) == pytest.approx(slow_cka(more, y), abs=1e-12)


def test_cka_of_unrelated_layers_has_no_bias(generator):
    values = [cka.measure(generator.standard_normal((50, 40)), generator.standard_normal((50, 40))) for _ in range(40)]
    assert np.mean(values) == pytest.approx(0, abs=0.01)  # with bias it is .45
    assert min(values) < 0 < max(values)


def test_cka_of_a_single_outlier_is_undefined(layers, generator):
    # Without its diagonal the kernel is zero: what is left of HSIC is rounding, of either sign.
    for row in range(90):
        alone = np.zeros((90, 3))
        alone[row] = generator.standard_normal(3)
        assert np.isnan(cka.measure(alone, layers[1]))


def test_cka_needs_four_samples(generator):
    with pytest.raises(ValueError, match="found 3 samples; expected at least 4"):
        cka.prepare(generator.standard_normal((3, 2)))


# Procrustes


def test_procrustes_similarity_belongs_to_the_distance_after_the_best_rotation(generator):
    x, y = generator.standard_normal((30, 5)) + 1, generator.standard_normal((30, 5))
    x, y = (z - z.mean(axis=0) for z in (x, y))
    p, q = x / np.linalg.norm(x), y / np.linalg.norm(y)
    turn, _ = orthogonal_procrustes(p, q)
    distance = np.sum((p @ turn - q) ** 2)
    assert 2 - 2 * procrustes.measure(x + 3, 2 * y) == pytest.approx(distance, abs=1e-12)


def test_procrustes_of_known_layers(generator):
    q = orthonormal(generator, 30, 4)
    # Common directions of sizes (3, 4) and (4, 3), in other units.
    x, y = q[:, :2] * [3, 4] @ rotation(generator, 2), q[:, :3] * [4, 3, 0] @ rotation(generator, 3)
    assert procrustes.measure(x, y) == pytest.approx(24 / 25, abs=1e-12)
    assert procrustes.measure(x, q[:, 2:]) == pytest.approx(0, abs=1e-12)


# RDM correlation


@pytest.mark.parametrize(("method", "oracle"), [("spearman", spearmanr), ("pearson", pearsonr)])
def test_rdm_correlation_agrees_with_scipy(layers, method, oracle):
    x, y = layers
    expected = oracle(pdist(x, "correlation"), pdist(y, "correlation"))[0]
    assert rdm_correlation.measure(x, y, method=method) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("method", "oracle"), [("spearman", spearmanr), ("pearson", pearsonr)])
def test_samples_without_dissimilarity_are_left_out(layers, method, oracle):
    x, y = layers
    x[3], x[8], y[50] = 0, 0.1, 2
    kept = np.delete(np.arange(90), [3, 8, 50])
    expected = oracle(pdist(x[kept], "correlation"), pdist(y[kept], "correlation"))[0]
    assert rdm_correlation.measure(x, y, method=method) == pytest.approx(expected, abs=1e-12)
    assert rdm_correlation.prepare(x).rank == 88


def test_permuting_samples_without_dissimilarity(layers, generator):
    x, y = layers
    x[3] = 0
    rows = generator.permutation(90)
    permuted = rdm_correlation.prepare(x).permuted(rows)
    expected = rdm_correlation.measure(x[rows], y)
    assert rdm_correlation.compare(permuted, rdm_correlation.prepare(y)) == pytest.approx(expected, abs=1e-12)


def test_rdm_correlation_sees_order_not_size(layers):
    x, _ = layers
    a = rdm_correlation.prepare(x)
    assert rdm_correlation.compare(a, a) == pytest.approx(1)
    assert rdm_correlation.measure(x, -x) == pytest.approx(1)  # every vector turned round: the same correlations


def test_equal_dissimilarities_have_no_order():
    one_hot = np.eye(6)
    assert np.isnan(rdm_correlation.measure(one_hot, one_hot))


def test_rdm_correlation_may_be_negative():
    """Samples that are near in one layer are far apart in the other: on three samples, orders 1 2 3 and 3 2 1."""
    angles = np.deg2rad([0, 20, 70])
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])  # activations with mean 0 over units
    near = np.column_stack([np.cos(angles), np.sin(angles)]) @ plane
    turned = np.deg2rad([0, 70, 20])  # 0-1 is now far, 0-2 near, 1-2 as before
    far = np.column_stack([np.cos(turned), np.sin(turned)]) @ plane
    expected = spearmanr(pdist(near, "correlation"), pdist(far, "correlation")).statistic
    assert expected < 0
    assert rdm_correlation.measure(near, far) == pytest.approx(expected)
