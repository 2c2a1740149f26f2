"""What every measure has to do, and the invariances that each promises (and the negative ones)."""

import numpy as np
import pytest
from made_up_layers import rotation

from pipeline import members
from pipeline.measures import cca, cca_held_out, cka, procrustes, pwcca, rdm_correlation, svcca

EVERY = [members.load("measures", name) for name in members.members("measures")]
UNITS = [cca, cca_held_out, cka, procrustes, svcca]  # treat units as coordinates of a space
TALL = [cca, cca_held_out, pwcca, svcca]


def named(modules):
    return [pytest.param(module, id=module.__name__.rpartition(".")[2]) for module in modules]


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
