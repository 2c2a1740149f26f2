"""Each measure by its promised invariances (and the negative ones), known values, degenerate input and oracles."""

import warnings

import numpy as np
import pytest
from scipy.linalg import inv, orthogonal_procrustes, sqrtm
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr

from pipeline import plugins
from pipeline.measures import cca, cca_held_out, cka, procrustes, pwcca, rdm_correlation, svcca

EVERY = [plugins.load("measures", name) for name in plugins.members("measures")]
UNITS = [cca, cca_held_out, cka, procrustes, svcca]  # treat units as coordinates of a space
TALL = [cca, cca_held_out, pwcca, svcca]


def named(modules):
    return [pytest.param(module, id=module.__name__.rpartition(".")[2]) for module in modules]


@pytest.fixture
def generator():
    return np.random.default_rng(3)


@pytest.fixture
def layers(generator):
    """Two layers of 6 and 5 units that have something in common, with unequal variances and means."""
    shared = generator.standard_normal((90, 4))
    x = np.column_stack([shared, generator.standard_normal((90, 2))]) @ generator.standard_normal((6, 6)) + 2
    y = shared @ generator.standard_normal((4, 5)) * 3 + generator.standard_normal((90, 5)) - 1
    return x, y


def rotation(generator, d):
    return np.linalg.qr(generator.standard_normal((d, d)))[0]


def orthonormal(generator, n, d):
    """Centred orthonormal columns."""
    return np.linalg.qr(np.column_stack([np.ones(n), generator.standard_normal((n, d))]))[0][:, 1:]


def with_spectrum(generator, rho, n=80):
    """Orthonormal layers with the canonical correlations `rho`."""
    rho = np.asarray(rho)
    q = orthonormal(generator, n, 2 * len(rho))
    x, rest = q[:, : len(rho)], q[:, len(rho) :]
    return x, x * rho + rest * np.sqrt(1 - rho**2)


# What every member of the family has to do


@pytest.mark.parametrize("module", named(EVERY))
def test_members_say_what_they_are(module):
    assert module.REFERENCE
    assert module.LABEL
    assert module.NULL == "permutation"
    assert module.DIRECTED in (True, False)


@pytest.mark.parametrize("module", named(EVERY))
def test_a_layer_is_wholly_similar_to_itself(module, layers):
    for x in layers:
        assert module.measure(x, x) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("module", named(EVERY))
def test_measure_compares_prepared_layers(module, layers):
    x, y = layers
    a, b = module.prepare(x), module.prepare(y)
    assert module.measure(x, y) == module.compare(a, b)
    assert (a.n, b.n) == (90, 90)
    assert 0 < a.rank <= 90
    assert 0 < a.cut < 1e-10


@pytest.mark.parametrize("module", named(EVERY))
def test_symmetric_unless_directed(module, layers):
    x, y = layers
    same = module.measure(x, y) == pytest.approx(module.measure(y, x), abs=1e-12)
    assert same != module.DIRECTED


@pytest.mark.parametrize("module", named(EVERY))
def test_permuted_layers_are_not_factorised_again(module, layers, generator):
    x, y = layers
    rows = np.empty(90, dtype=int)  # each half by itself, which holds for measures that split the samples too
    rows[0::2], rows[1::2] = 2 * generator.permutation(45), 2 * generator.permutation(45) + 1
    permuted = module.prepare(x).permuted(rows)
    assert module.compare(permuted, module.prepare(y)) == pytest.approx(module.measure(x[rows], y), abs=1e-12)
    assert module.compare(permuted, module.prepare(y)) < module.measure(x, y) - 0.1
    assert permuted.rank == module.prepare(x).rank


@pytest.mark.parametrize("module", named(EVERY))
def test_nothing_but_noise_and_scale_is_changed_by_units(module, layers, generator):
    x, y = layers
    order = generator.permutation(6)
    expected = module.measure(x, y)
    assert module.measure(x[:, order] * 7 + 4, y) == pytest.approx(expected, abs=1e-11)
    assert module.measure(1e-6 * x, 1e6 * y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("module", named(EVERY))
def test_a_constant_layer_is_similar_to_nothing(module, layers):
    x, y = layers
    for constant in (np.zeros((90, 5)), np.full((90, 5), 0.1)):
        assert module.prepare(constant).rank == 0
        assert np.isnan(module.measure(x, constant))
        assert np.isnan(module.measure(constant, y))
        assert np.isnan(module.measure(constant, constant))


@pytest.mark.parametrize("module", named(EVERY))
def test_unusable_layers_are_refused(module, layers):
    x, y = layers
    with pytest.raises(ValueError, match="same samples"):
        module.compare(module.prepare(x), module.prepare(y[:-1]))
    for row in (4, 5):
        broken = x.copy()
        broken[row, 1] = np.nan
        with pytest.raises(ValueError, match="not finite"):
            module.prepare(broken)


@pytest.mark.parametrize("module", named(TALL))
@pytest.mark.parametrize("n", [5, 8])
def test_too_few_samples_are_refused_though_the_value_would_be_one(module, generator, n):
    with pytest.raises(ValueError, match="expected more samples than units"):
        module.prepare(generator.standard_normal((n, 8)))


# Invariances


@pytest.mark.parametrize("module", named(UNITS))
def test_rotation_scale_and_shift_change_nothing(module, layers, generator):
    x, y = layers
    moved = x @ rotation(generator, 6) * 3 + generator.standard_normal(6)
    assert module.measure(moved, y) == pytest.approx(module.measure(x, y), abs=1e-12)
    assert module.measure(moved, x) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("module", named([cca, cca_held_out]))
def test_invertible_affine_maps_change_nothing(module, layers, generator):
    x, y = layers
    f, g = generator.standard_normal((6, 6)), generator.standard_normal((5, 5))
    assert module.measure(x @ f + 1, y @ g - 2) == pytest.approx(module.measure(x, y), abs=1e-11)


@pytest.mark.parametrize("module", named([cka, procrustes, rdm_correlation, svcca]))
def test_general_linear_maps_do_change_something(module, generator):
    x = generator.standard_normal((200, 6))
    assert module.measure(x * [30, 1, 1, 1, 1, 1], x * [1, 1, 1, 1, 1, 30]) < 0.7


def test_pwcca_is_affine_invariant_in_the_second_layer_only(layers, generator):
    x, y = layers
    value = pwcca.measure(x, y)
    assert pwcca.measure(x, y @ generator.standard_normal((5, 5)) + 1) == pytest.approx(value, abs=1e-12)
    assert abs(pwcca.measure(x * np.array([30, 1, 1, 1, 1, 1]), y) - value) > 0.01


@pytest.mark.parametrize("module", named([*UNITS, pwcca]))
def test_dead_and_constant_units_change_nothing(module, layers):
    x, y = layers
    more = np.column_stack([x, np.zeros((90, 3)), np.full(90, 0.3)])
    assert module.measure(more, y) == pytest.approx(module.measure(x, y), abs=1e-12)
    assert module.measure(y, more) == pytest.approx(module.measure(y, x), abs=1e-12)


@pytest.mark.parametrize("module", named([cca, cca_held_out]))
def test_duplicate_and_dependent_units_change_nothing(module, layers):
    x, y = layers
    more = np.column_stack([x, x[:, :2], x[:, 0] + x[:, 3]])
    assert module.prepare(more).rank == 6
    assert module.measure(more, y) == pytest.approx(module.measure(x, y), abs=1e-11)


# CCA and its relatives


@pytest.mark.parametrize("module", named([cca, svcca, pwcca, procrustes]))
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


def test_only_held_out_cca_is_nought_for_unrelated_layers(generator):
    pairs = [(generator.standard_normal((100, 20)), generator.standard_normal((100, 20))) for _ in range(20)]
    assert np.mean([cca_held_out.measure(x, y) for x, y in pairs]) == pytest.approx(0, abs=0.03)
    assert np.mean([cca.measure(x, y) for x, y in pairs]) > 0.3


def test_held_out_cca_with_a_unit_that_is_dead_on_the_other_half(layers):
    x, y = layers
    alone = np.zeros((90, 1))
    alone[0] = 1
    assert cca_held_out.measure(alone, y) == 0
    assert np.isfinite(cca_held_out.measure(np.column_stack([x, alone]), y))


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


def test_cka_of_a_single_outlier_is_undefined(layers):
    alone = np.zeros((90, 3))
    alone[5] = [1, 2, 3]
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
