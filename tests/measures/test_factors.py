"""Factorisation, ranks, canonical correlations and dissimilarities by closed forms, invariances and degenerate input."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.spatial.distance import pdist, squareform

from pipeline.measures.shared import factors


@pytest.fixture
def generator():
    return np.random.default_rng(5)


def test_factors_give_the_centred_layer_back(generator):
    x = generator.standard_normal((40, 6)) + 3
    f = factors.factorise(x)
    assert (f.n, f.rank) == (40, 6)
    np.testing.assert_allclose(f.basis * f.scales @ f.directions, x - x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(f.basis.T @ f.basis, np.eye(6), atol=1e-12)
    assert np.all(np.diff(f.scales) <= 0)


def test_dead_constant_duplicate_and_dependent_units_lower_the_rank(generator):
    x = generator.standard_normal((50, 4))
    copies = np.column_stack([x, x[:, :2], x[:, 0] - 2 * x[:, 1], np.zeros(50), np.full(50, 0.1), np.full(50, 7e6)])
    f = factors.factorise(copies)
    assert f.rank == 4
    centred = copies[:, :9] - copies[:, :9].mean(axis=0)
    np.testing.assert_allclose((f.basis * f.scales @ f.directions)[:, :9], centred, atol=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e12, 1e-12])
def test_a_constant_layer_has_rank_zero(constant):
    f = factors.factorise(np.full((33, 5), constant))
    assert (f.rank, f.n, f.basis.shape) == (0, 33, (33, 0))


@pytest.mark.parametrize("scale", [1e-12, 1e-5, 1, 1e5])
def test_the_cut_is_relative(generator, scale):
    # The smallest direction of a trained layer: a millionth of the largest.
    x = generator.standard_normal((60, 5)) * np.geomspace(1, 1e-6, 5)
    assert factors.factorise(scale * x).rank == 5
    assert factors.factorise(scale * x, cut=1e-4).rank == 3
    assert factors.factorise(scale * x).cut == 60 * np.finfo(float).eps


def test_leading_keeps_the_largest_components(generator):
    f = factors.factorise(generator.standard_normal((30, 5)))
    part = f.leading(2)
    np.testing.assert_array_equal(part.scales, f.scales[:2])
    np.testing.assert_array_equal(part.basis, f.basis[:, :2])
    np.testing.assert_array_equal(part.directions, f.directions[:2])


def test_permuted_factors_are_those_of_the_permuted_layer(generator):
    x, rows = generator.standard_normal((30, 5)), generator.permutation(30)
    f = factors.factorise(x).permuted(rows)
    np.testing.assert_allclose(f.basis * f.scales @ f.directions, (x - x.mean(axis=0))[rows], atol=1e-12)


def test_canonical_correlations_are_cosines_of_principal_angles(generator):
    x, y = generator.standard_normal((40, 6)), generator.standard_normal((40, 3))
    found = factors.canonical_correlations(factors.factorise(x), factors.factorise(y))
    angles = subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))
    np.testing.assert_allclose(found, np.sort(np.cos(angles))[::-1], atol=1e-12)


def test_mean_squared_correlation_of_independent_layers(generator):
    # For Gaussians the expectation is max(p, q) / (n - 1), exactly: Muirhead (1982), section 11.3.
    p, q, n = 7, 4, 60
    draws = [
        factors.canonical_correlations(*(factors.factorise(generator.standard_normal((n, d))) for d in (p, q)))
        for _ in range(600)
    ]
    assert np.mean(np.square(draws)) == pytest.approx(p / (n - 1), rel=0.03)


def test_largest_correlation_of_independent_layers_is_at_the_edge(generator):
    n, d = 3000, 150
    x, y = (factors.factorise(generator.standard_normal((n, d))) for _ in range(2))
    share = d / n
    edge = 2 * np.sqrt(share * (1 - share))  # Wachter (1980), both layers of d units
    assert factors.canonical_correlations(x, y)[0] == pytest.approx(edge, rel=0.04)


def test_no_correlations_with_a_constant_layer(generator):
    constant, other = factors.factorise(np.ones((20, 3))), factors.factorise(generator.standard_normal((20, 3)))
    assert len(factors.canonical_correlations(constant, other)) == 0
    assert len(factors.canonical_correlations(other, constant)) == 0


def test_layers_of_different_samples_are_refused(generator):
    a, b = (factors.factorise(generator.standard_normal((n, 3))) for n in (20, 21))
    with pytest.raises(ValueError, match="found 20 and 21 samples; expected the same samples"):
        factors.overlap(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("function", [factors.factorise, factors.dissimilarities])
def test_values_that_are_not_finite_are_refused(generator, function, bad):
    x = generator.standard_normal((20, 3))
    x[4, 1] = bad
    with pytest.raises(ValueError, match="1 of 60 activations not finite"):
        function(x)


@pytest.mark.parametrize("shape", [(1, 3), (5, 0)])
def test_too_small_a_layer_is_refused(shape):
    with pytest.raises(ValueError, match="expected at least 2 samples and 1 unit"):
        factors.factorise(np.zeros(shape))


@pytest.mark.parametrize(("n", "refused"), [(4, True), (5, True), (6, False)])
def test_more_samples_than_units_are_needed(n, refused):
    x = np.zeros((n, 5))
    if refused:
        with pytest.raises(ValueError, match=f"found {n} samples of 5 units; expected more samples than units"):
            factors.check_tall(x)
    else:
        factors.check_tall(x)


def test_dissimilarities_agree_with_scipy(generator):
    x = generator.standard_normal((30, 8)) + 5
    found = factors.dissimilarities(x)
    np.testing.assert_allclose(found, squareform(pdist(x, "correlation")), atol=1e-13)
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_allclose(factors.upper(found), pdist(x, "correlation"), atol=1e-13)


def test_dissimilarities_of_opposite_and_equal_samples():
    x = np.array([[1.0, 2, 4], [-1, -2, -4], [3, 5, 9]])  # the third is twice the first and one
    np.testing.assert_allclose(factors.dissimilarities(x), [[0, 2, 0], [2, 0, 2], [0, 2, 0]], atol=1e-15)


def test_small_dissimilarities_keep_their_digits(generator):
    # In the last layer of a trained net they go down to 1e-4, which float32 gets wrong by one per cent.
    angle = np.array([0, 1e-3, 2e-3])
    basis = np.linalg.qr(np.column_stack([np.ones(9), generator.standard_normal((9, 2))]))[0][:, 1:]
    found = factors.dissimilarities(np.column_stack([np.cos(angle), np.sin(angle)]) @ basis.T)
    np.testing.assert_allclose(factors.upper(found), 1 - np.cos([1e-3, 2e-3, 1e-3]), rtol=1e-8)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_sample_whose_units_agree_has_no_dissimilarity(generator, value):
    x = generator.standard_normal((10, 6))
    x[3] = value
    found = factors.dissimilarities(x)
    assert np.isnan(found[3]).all()
    assert np.isnan(found[:, 3]).all()
    kept = np.delete(np.arange(10), 3)
    np.testing.assert_allclose(found[np.ix_(kept, kept)], squareform(pdist(x[kept], "correlation")), atol=1e-13)


def test_permuted_values_are_those_of_permuted_samples(generator):
    a, *others = (factors.factorise(generator.standard_normal((20, 3))) for _ in range(4))
    rows = np.array([generator.permutation(20) for _ in range(2)])
    found = factors.permuted_values(lambda p, q: float(factors.overlap(p, q)[0, 1]), a, others, rows)
    expected = [[a.basis[order, 0] @ b.basis[:, 1] for b in others] for order in rows]
    np.testing.assert_allclose(found, expected, atol=1e-14)
