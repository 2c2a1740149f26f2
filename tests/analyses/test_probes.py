"""Linear probes on hand-made activations."""

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses import probes
from pipeline.analyses.probes import linear_probe
from pipeline.results.activations import Activations, key

RNG = np.random.default_rng(0)  # handed in, never asked
CLASSES, UNITS = 4, 6
SETTINGS = {"c": 1.0, "max_iter": 1000}


def labels(n):
    return np.sort(np.arange(n) % CLASSES)


def blobs(n, *, apart, seed=0):
    """A cloud around each class's centre; `apart` in units of the clouds' deviation."""
    centres = np.random.default_rng(99).normal(size=(CLASSES, UNITS))
    return apart * centres[labels(n)] + np.random.default_rng(seed).normal(size=(n, UNITS))


def activations(layers, *, n=120, m=80, end=7, wrong=0):
    """`layers`: a pair (probe sample, held-out sample) a hidden layer. Other steps hold noise.

    The network tells the class of all training points but `wrong`.
    """
    kept = {"probe/labels": labels(n), "cca/labels": labels(m)}
    kept["probe/predicted"] = (labels(n) + (np.arange(n) < wrong)) % CLASSES
    for layer, (train, test) in enumerate(layers, 1):
        kept[key("probe", layer, end)] = train.astype(np.float32)
        kept[key("cca", layer, end)] = test.astype(np.float32)
        kept[key("cca", layer, 0)] = np.full_like(test, np.nan, dtype=np.float32)
    return Activations(layers=len(layers), steps=(0, end), read=kept.__getitem__)


def accuracies(found, quantity):
    return found.loc[found["quantity"] == quantity].sort_values("layer")["value"].tolist()


def test_activations_that_a_plane_separates_are_told_apart_wholly():
    train, test = blobs(120, apart=20), blobs(80, apart=20, seed=1)
    assert linear_probe(train, labels(120), test, labels(80), **SETTINGS) == (1.0, 1.0, True)


def test_activations_without_the_class_are_told_apart_by_chance_on_held_out_points():
    rng = np.random.default_rng(0)
    n = 2000
    found = linear_probe(rng.normal(size=(n, UNITS)), labels(n), rng.normal(size=(n, UNITS)), labels(n), **SETTINGS)
    assert found.test_accuracy == pytest.approx(1 / CLASSES, abs=0.04)  # four standard errors
    assert found.train_accuracy < 0.4


def test_a_probe_is_linear():
    """The exclusive or of two signs is nothing that a plane can tell."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(800, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    x += 0.01 * rng.normal(size=x.shape)
    assert linear_probe(x, y, x, y, **SETTINGS).train_accuracy < 0.8


def test_held_out_points_are_held_out():
    """A probe that had seen the second sample would know that its classes are another's."""
    train, test = blobs(120, apart=20), blobs(80, apart=20, seed=1)
    shifted = (labels(80) + 1) % CLASSES
    found = linear_probe(train, labels(120), test, shifted, **SETTINGS)
    assert (found.train_accuracy, found.test_accuracy) == (1.0, 0.0)


def test_units_may_be_permuted_scaled_and_moved():
    train, test = blobs(400, apart=0.7), blobs(200, apart=0.7, seed=1)
    base = linear_probe(train, labels(400), test, labels(200), **SETTINGS)
    assert 0.5 < base.test_accuracy < 0.95, "or this test would say nothing"
    order, scale = np.random.default_rng(2).permutation(UNITS), np.geomspace(1e-3, 1e3, UNITS)
    for change in (lambda h: h[:, order], lambda h: 5 - h * scale):
        found = linear_probe(change(train), labels(400), change(test), labels(200), **SETTINGS)
        assert found == pytest.approx(base, abs=0.006)  # one point may stand on the border


def test_units_that_never_change_are_fine():
    train, test = blobs(120, apart=20), blobs(80, apart=20, seed=1)
    dead, woken = np.zeros((120, 3)), np.full((80, 3), 50.0)
    found = linear_probe(np.hstack([train, dead]), labels(120), np.hstack([test, woken]), labels(80), **SETTINGS)
    assert found == (1.0, 1.0, True), "what never varied in training has no say"
    all_dead = linear_probe(dead, labels(120), np.zeros((80, 3)), labels(80), **SETTINGS)
    assert (all_dead.train_accuracy, all_dead.test_accuracy) == (0.25, 0.25)


def test_a_weaker_penalty_fits_the_training_points_better():
    train, test = blobs(60, apart=0.3), blobs(60, apart=0.3, seed=1)
    fits = [linear_probe(train, labels(60), test, labels(60), c=c, max_iter=1000).train_accuracy for c in (1e-6, 100.0)]
    assert fits[0] < fits[1]


def test_a_solver_that_was_stopped_is_on_record_and_silent():
    train = blobs(400, apart=0.5)
    assert not linear_probe(train, labels(400), train, labels(400), c=1.0, max_iter=2).converged
    found = probes.analyse(activations([(blobs(120, apart=0.5), blobs(80, apart=0.5))]), generator=RNG, max_iter=1)
    assert not found.loc[found["layer"] > 0, "converged"].any()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_activations_that_are_no_numbers_have_no_accuracy(wrong):
    broken = blobs(120, apart=20)
    broken[3, 2] = wrong
    found = linear_probe(broken, labels(120), blobs(80, apart=20), labels(80), **SETTINGS)
    assert np.isnan([found.train_accuracy, found.test_accuracy]).all()
    assert not found.converged


def test_every_hidden_layer_is_probed_at_the_end():
    clear = (blobs(120, apart=20), blobs(80, apart=20, seed=1))
    blind = (np.zeros((120, UNITS)), np.zeros((80, UNITS)))
    found = probes.analyse(activations([blind, clear, blind]), generator=np.random.default_rng(0))
    assert list(found.columns) == list(probes.COLUMNS)
    assert accuracies(found, "train_accuracy") == [0.25, 1.0, 0.25]
    assert accuracies(found, "test_accuracy") == [0.25, 1.0, 0.25]
    assert found["chance"].tolist() == [0.25] * (3 * 4 + 1)
    assert accuracies(found, "free_train_accuracy") == [0.25, 1.0, 0.25]
    assert accuracies(found, "network_accuracy") == [1.0]


def test_chance_is_the_most_frequent_class():
    kept = activations([(blobs(4, apart=1), blobs(80, apart=1))], n=4)
    uneven = Activations(
        1, kept.steps, lambda name: np.array([0, 1, 1, 2]) if name == "probe/labels" else kept.read(name)
    )
    found = probes.analyse(uneven, generator=RNG).set_index("quantity")["chance"]
    assert (found["train_accuracy"], found["test_accuracy"]) == (0.5, 0.25)


def test_metrics_are_the_worst_layer_from_the_second_on():
    clear = (blobs(120, apart=20), blobs(80, apart=20, seed=1))
    blind = (np.zeros((120, UNITS)), np.zeros((80, UNITS)))
    table = probes.analyse(activations([blind, clear, clear]), generator=RNG)
    who = {"run": "a", "method": "one_sg", "seed": 0, "hidden": 3, "varied": "network.hidden=3"}
    assert probes.metrics(table.assign(**who)) == {
        "probe_train_min.one_sg.hidden3": [1.0],
        "probe_test_min.one_sg.hidden3": [1.0],
        "free_probe_train_min.one_sg.hidden3": [1.0],
        "free_probe_test_min.one_sg.hidden3": [1.0],
        "free_probe_converged_share.one_sg.hidden3": [1.0],
        "probed_network_accuracy.one_sg.hidden3": [1.0],
        "free_probe_minus_network.one_sg.hidden3": [0.0],
    }
    worse = probes.analyse(activations([clear, clear, blind], wrong=12), generator=RNG)
    found = probes.metrics(worse.assign(**who))
    assert found["probe_train_min.one_sg.hidden3"] == [0.25]
    assert found["probed_network_accuracy.one_sg.hidden3"] == [0.9]
    assert found["free_probe_minus_network.one_sg.hidden3"] == pytest.approx([-0.65])


def test_a_free_probe_fits_what_a_penalty_hides():
    """Two classes in a direction of little variance: a plane tells them all, and needs a large weight for it."""
    rng = np.random.default_rng(0)
    y = labels(200) % 2
    h = np.column_stack([rng.normal(size=200), rng.normal(size=200)])
    h[:, 1] = h[:, 0] + 0.02 * np.where(y, 1, -1) * rng.uniform(0.2, 1, size=200)
    fits = {c: linear_probe(h, y, h, y, c=c, max_iter=20_000) for c in (1.0, 1e4)}
    assert fits[1.0].train_accuracy < 0.9
    assert fits[1e4] == (1.0, 1.0, True)


def test_both_probes_are_fitted_with_their_own_penalty():
    layer = (blobs(60, apart=0.3), blobs(60, apart=0.3, seed=1))
    run = activations([layer], n=60, m=60)
    found = probes.analyse(run, generator=RNG, c=1e-6, free_c=100.0)
    for kind, c in (("", 1e-6), ("free_", 100.0)):
        h = [run.layer(sample, 1) for sample in ("probe", "cca")]
        one = linear_probe(h[0], labels(60), h[1], labels(60), c=c, max_iter=1000)
        assert accuracies(found, f"{kind}train_accuracy") == [one.train_accuracy]
        assert accuracies(found, f"{kind}test_accuracy") == [one.test_accuracy]
    assert accuracies(found, "train_accuracy") < accuracies(found, "free_train_accuracy")


def of_runs(*rows):
    """A table of two-layer networks; rows are (method, seed, lowest free accuracy, own accuracy)."""
    parts = []
    for method, seed, free, own in rows:
        who = {"run": f"{method}{seed}", "method": method, "seed": seed, "hidden": 2, "varied": "", "chance": 0.1}
        values = [(0, "network_accuracy", own), (1, "free_train_accuracy", 0.0), (2, "free_train_accuracy", free)]
        values += [(2, "train_accuracy", free - 0.1)]
        if np.isnan(own):
            values = [(0, "diverged", np.nan)]
        parts += [{**who, "layer": a, "quantity": b, "value": c, "converged": seed > 0} for a, b, c in values]
    return pd.DataFrame(parts)


def test_differences_of_probes_are_paired_by_seed():
    table = of_runs(
        ("sg", 1, 0.9, 0.95),
        ("sg", 0, 0.8, 0.8),
        ("sg", 2, np.nan, np.nan),
        ("backprop", 0, 0.7, 0.9),
        ("backprop", 1, 1.0, 1.0),
        ("backprop", 2, 1.0, 1.0),
    )
    found = probes.metrics(table)
    one = found["versus_backprop_free_probe_train_min.sg.hidden2"]
    assert list(one)[:2] == pytest.approx([0.1, -0.1])
    assert (one.seeds, one.outcomes) == ([0, 1, 2], ["measured", "measured", "diverged"])
    assert found["free_probe_minus_network.sg.hidden2"][:2] == pytest.approx([0.0, -0.05])
    assert found["free_probe_converged_share.sg.hidden2"][:2] == [0.0, 1.0]
    assert found["free_probe_train_min.sg.hidden2"].outcomes[2] == "diverged"
