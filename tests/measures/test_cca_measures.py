"""CCA and its relatives by known values, and against another library and the textbook."""

import warnings

import numpy as np
import pytest
from made_up_layers import orthonormal, rotation, with_spectrum
from scipy.linalg import inv, sqrtm
from scipy.stats import pearsonr

from pipeline.measures import cca, cca_held_out, procrustes, pwcca, svcca


@pytest.mark.parametrize("module", [cca, svcca, pwcca, procrustes])
def test_one_unit_each_gives_the_absolute_correlation(module, generator):
    x = generator.standard_normal((50, 1))
    y = generator.standard_normal((50, 1)) - 0.7 * x
    expected = pearsonr(x[:, 0], y[:, 0])[0]
    assert expected < -0.2
    assert module.measure(x, y) == pytest.approx(-expected, abs=1e-12)


def test_cca_finds_a_known_spectrum(generator):
    rho = [0.95, 0.6, 0.3, 0.05]
    x, y = with_spectrum(generator, rho)
    f, g = generator.standard_normal((4, 4)), generator.standard_normal((4, 4))
    assert cca.measure(x @ f, y @ g) == pytest.approx(np.mean(rho), abs=1e-10)


def test_cca_divides_by_the_smaller_rank(generator):
    x, _ = with_spectrum(generator, [0.5] * 6)
    assert cca.measure(x, x[:, :2]) == pytest.approx(1, abs=1e-12)
    assert cca.measure(x[:, :2], x) == pytest.approx(1, abs=1e-12)


def test_a_small_direction_counts_as_much_as_a_large_one(generator):
    x, y = with_spectrum(generator, [0.9, 0.1])
    assert cca.measure(x * [1, 1e-6], y) == pytest.approx(0.5, abs=1e-6)
    assert cca.prepare(x * [1, 1e-6]).rank == 2
    assert cca.measure(x * [1, 1e-6], y, cut=1e-4) == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("deficient", [False, True])
def test_cca_agrees_with_another_library(layers, deficient):
    oracle = pytest.importorskip("cca_zoo.linear", reason="cca-zoo is an optional oracle")
    x, y = layers
    more = np.column_stack([x, x[:, :3], np.zeros(90)]) if deficient else x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = oracle.CCA(n_components=5).fit([more, y])
        p, q = model.transform([more, y])
    expected = [pearsonr(p[:, i], q[:, i])[0] for i in range(5)]
    assert cca.measure(more, y) == pytest.approx(np.mean(expected), abs=1e-10)


def test_svcca_is_cca_of_the_principal_components(layers):
    def components(x):
        values, vectors = np.linalg.eigh(np.cov(x.T))
        values, vectors = values[::-1], vectors[:, ::-1]
        count = next(k for k in range(1, 9) if values[:k].sum() >= 0.9 * values.sum())
        return (x - x.mean(axis=0)) @ vectors[:, :count]

    x, y = layers
    p, q = components(x), components(y)
    assert (p.shape[1], q.shape[1]) != (6, 5)
    assert svcca.prepare(x, variance=0.9).rank == p.shape[1]
    assert svcca.measure(x, y, variance=0.9) == pytest.approx(cca.measure(p, q), abs=1e-12)
    assert svcca.measure(x, y, variance=1.0) == pytest.approx(cca.measure(x, y), abs=1e-12)


@pytest.mark.parametrize(("variance", "rank"), [(0.5, 1), (0.8, 1), (0.95, 2), (0.985, 2), (0.995, 3), (1.0, 4)])
def test_svcca_counts_squared_singular_values(generator, variance, rank):
    # Shares of the variance .81, .18, .0081, .0019; of the sum of singular values .62, .29, .06, .03.
    scales = np.sqrt([0.81, 0.18, 0.0081, 0.0019])
    x = orthonormal(generator, 40, 4) * scales @ rotation(generator, 4)
    assert svcca.prepare(x, variance=variance).rank == rank


def test_svcca_keeps_99_per_cent_by_default(generator):
    x = orthonormal(generator, 40, 3) * np.sqrt([0.95, 0.0405, 0.0095])
    assert svcca.prepare(x).rank == 2


@pytest.mark.parametrize("variance", [0.0, -1.0, 1.5])
def test_svcca_refuses_what_is_no_share(layers, variance):
    with pytest.raises(ValueError, match=r"expected a share in \(0, 1\]"):
        svcca.prepare(layers[0], variance=variance)


def textbook_pwcca(x, y):
    """Morcos et al. 2018 word by word, from covariance matrices of full rank."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    root_x, root_y = np.real(sqrtm(inv(x.T @ x))), np.real(sqrtm(inv(y.T @ y)))
    left, rho, _ = np.linalg.svd(root_x @ x.T @ y @ root_y, full_matrices=False)
    variates = x @ root_x @ left
    alpha = [sum(abs(variates[:, i] @ x[:, j]) for j in range(x.shape[1])) for i in range(len(rho))]
    return float(np.dot(alpha, rho) / np.sum(alpha))


def test_pwcca_agrees_with_the_textbook(layers):
    x, y = layers
    assert pwcca.measure(x, y) == pytest.approx(textbook_pwcca(x, y), abs=1e-10)
    assert pwcca.measure(y, x) == pytest.approx(textbook_pwcca(y, x), abs=1e-10)
    assert abs(pwcca.measure(x, y) - pwcca.measure(y, x)) > 0.01


def test_pwcca_of_a_rank_deficient_layer(layers):
    x, y = layers
    doubled = np.column_stack([x, x])  # each unit twice: twice each weight, so the same average
    assert pwcca.measure(doubled, y) == pytest.approx(textbook_pwcca(x, y), abs=1e-10)


def test_pwcca_weights_come_from_the_first_layer(generator):
    x, y = with_spectrum(generator, [0.9, 0.2])
    # Units along the canonical variates, so a variate's weight is its unit's size.
    assert pwcca.measure(x * [3, 1], y * [1, 50]) == pytest.approx((3 * 0.9 + 0.2) / 4, abs=1e-12)


def test_held_out_cca_follows_the_definition(layers):
    x, y = layers
    p, q = x[0::2] - x[0::2].mean(axis=0), y[0::2] - y[0::2].mean(axis=0)
    root_x, root_y = np.real(sqrtm(inv(p.T @ p))), np.real(sqrtm(inv(q.T @ q)))
    left, _, right = np.linalg.svd(root_x @ p.T @ q @ root_y, full_matrices=False)
    u, v = x[1::2] @ root_x @ left, y[1::2] @ root_y @ right.T
    expected = np.mean([pearsonr(u[:, i], v[:, i])[0] for i in range(5)])
    assert cca_held_out.measure(x, y) == pytest.approx(expected, abs=1e-10)


def test_only_held_out_cca_is_zero_for_unrelated_layers(generator):
    pairs = [(generator.standard_normal((100, 20)), generator.standard_normal((100, 20))) for _ in range(20)]
    assert np.mean([cca_held_out.measure(x, y) for x, y in pairs]) == pytest.approx(0, abs=0.03)
    assert np.mean([cca.measure(x, y) for x, y in pairs]) > 0.3


def test_held_out_cca_with_a_unit_that_is_dead_on_the_other_half(layers):
    x, y = layers
    alone = np.full((90, 1), 0.1)
    alone[0] = 1
    assert cca_held_out.measure(alone, y) == 0
    assert np.isfinite(cca_held_out.measure(np.column_stack([x, alone]), y))
