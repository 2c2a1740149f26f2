"""The loss that a linear SG implies: exact where it must be, and the numbers by which it is compared."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch.nn.functional import one_hot

from pipeline.analyses import implied_loss
from pipeline.analyses.shared import implied_loss_training
from pipeline.datasets import grid
from pipeline.estimators import linear_sg
from pipeline.learning import losses
from pipeline.learning.gate import Gate
from pipeline.learning.measurements import checkpoint_steps
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.trainer import Trainer

UNITS, CLASSES, POINTS = 6, 3, 40
SMALL = {"side": 6, "hidden": 3, "width": 8, "steps": 60, "looks": 6}  # the first look after 0 is at 10


def exact(**wrong):
    """A net with the closed-form SG under MSE after its last hidden layer, in double; a wrong sign where asked for."""
    generator = torch.Generator().manual_seed(4)
    net = Network(Shape(2, CLASSES, hidden=2, width=UNITS, shift=0.1), generator=generator).double()
    x = torch.randn(POINTS, 2, generator=generator, dtype=torch.float64)
    y = one_hot(torch.randint(CLASSES, (POINTS,), generator=generator), CLASSES).double()
    gate = Gate(linear_sg.LinearSG(UNITS, CLASSES).double())
    with torch.no_grad():
        net.bias += torch.tensor([0.5, -1.0, 2.0])
        V, b = net.weight.T, net.bias  # p = h V + b
        gate.estimator.A += wrong.get("A", 1) * 2 * V @ V.T / CLASSES
        gate.estimator.B += wrong.get("B", 1) * -2 * V.T / CLASSES
        gate.estimator.c += wrong.get("c", 1) * 2 * b @ V.T / CLASSES
    return net, gate, x, y


def compared(net, gate, x, y, name="mse"):
    look = implied_loss_training.look(net, {2: gate}, x, y, name, step=7)
    module = look.modules[2]
    model = implied_loss.implied(module.h, y.numpy(), module.A, module.B, module.c)
    return look, model, implied_loss.compare(look.losses, model, y.argmax(dim=1).numpy())


def test_the_exact_sg_implies_the_true_loss_but_for_a_constant_of_each_target():
    """||hV + b - y||² / k = h (VVᵀ/k) hᵀ + 2 (b - y) Vᵀ hᵀ / k + ||b - y||² / k: the last term is no function of h."""
    net, gate, x, y = exact()
    look, model, numbers = compared(net, gate, x, y)
    constant = (net.bias - y).square().sum(dim=1).detach().numpy() / CLASSES
    np.testing.assert_allclose(model + constant, look.losses, rtol=1e-12)
    assert np.ptp(constant) > 0.1
    assert numbers["r2_within"] == pytest.approx(1, abs=1e-12)
    assert numbers["rank_within"] == pytest.approx(1)
    assert numbers["r2"] < 0.999
    assert look.modules[2].cosine == pytest.approx(1)
    assert implied_loss.antisymmetric_share(look.modules[2].A) == pytest.approx(0, abs=1e-15)
    assert look.step == 7


@pytest.mark.parametrize("wrong", [{"A": -1}, {"A": 2}, {"B": -1}, {"c": -1}])
def test_a_wrong_sign_or_factor_is_not_the_true_loss(wrong):
    _, _, numbers = compared(*exact(**wrong))
    assert numbers["r2_within"] < 0.99


def test_under_log_loss_the_same_sg_is_not_exact():
    _, _, numbers = compared(*exact(), name="cross_entropy")
    assert numbers["r2_within"] < 0.99


def made(generator, *, symmetric):
    A = generator.normal(size=(UNITS, UNITS))
    A = A + A.T if symmetric else A
    return A, generator.normal(size=(CLASSES, UNITS)), generator.normal(size=UNITS)


def slope(h, y, A, B, c):
    """Central differences, which are exact for a quadratic."""
    steps = np.eye(UNITS)
    pairs = [(implied_loss.implied(h + e, y, A, B, c), implied_loss.implied(h - e, y, A, B, c)) for e in steps]
    return np.stack([(up - down) / 2 for up, down in pairs], axis=1)


def said(h, y, A, B, c):
    module = linear_sg.LinearSG(UNITS, CLASSES).double()
    module.load_state_dict({"A": torch.tensor(A), "B": torch.tensor(B), "c": torch.tensor(c)})
    return module(torch.tensor(h), torch.tensor(y)).detach().numpy()


def test_a_symmetric_sg_is_the_gradient_of_its_implied_loss(generator):
    h, y = generator.normal(size=(POINTS, UNITS)), np.eye(CLASSES)[generator.integers(CLASSES, size=POINTS)]
    A, B, c = made(generator, symmetric=True)
    np.testing.assert_allclose(slope(h, y, A, B, c), said(h, y, A, B, c), atol=1e-10)
    assert implied_loss.implied(0 * h, y, A, B, c) == pytest.approx(np.zeros(POINTS))


def test_the_antisymmetric_part_is_no_part_of_the_implied_loss(generator):
    h, y = generator.normal(size=(POINTS, UNITS)), np.eye(CLASSES)[generator.integers(CLASSES, size=POINTS)]
    A, B, c = made(generator, symmetric=False)
    np.testing.assert_allclose(slope(h, y, A, B, c), said(h, y, (A + A.T) / 2, B, c), atol=1e-10)
    assert np.abs(slope(h, y, A, B, c) - said(h, y, A, B, c)).max() > 0.5


@pytest.mark.parametrize(
    ("matrix", "share"),
    [
        ([[0, 1], [-1, 0]], 1),
        ([[2, 1], [1, -3]], 0),
        ([[0, 1], [0, 0]], np.sqrt(0.5)),
        ([[3, 2], [0, 0]], np.sqrt(2 / 13)),
    ],
)
def test_antisymmetric_share_of_known_matrices(matrix, share):
    A = np.array(matrix, dtype=float)
    assert implied_loss.antisymmetric_share(A) == pytest.approx(share)
    assert implied_loss.antisymmetric_share(-5 * A.T) == pytest.approx(share)


def test_a_zero_matrix_has_no_antisymmetric_share():
    assert np.isnan(implied_loss.antisymmetric_share(np.zeros((3, 3))))


def test_r2_is_that_of_the_best_affine_fit(generator):
    true, model = generator.normal(size=30), generator.normal(size=30)
    model += true
    left = np.polynomial.Polynomial.fit(model, true, 1)(model) - true
    assert implied_loss.r2(true, model) == pytest.approx(1 - left.var() / true.var())
    assert implied_loss.r2(true, 3 - 2 * true) == pytest.approx(1)


@pytest.mark.parametrize("model", [np.ones(4), np.array([1.0, 2.0, np.nan, 3.0]), np.array([1.0, np.inf, 0.0, 3.0])])
def test_r2_of_a_constant_or_diverged_surface_is_undefined(model):
    true = np.arange(4.0)
    assert np.isnan(implied_loss.r2(true, model))
    assert np.isnan(implied_loss.r2(model, true))


def test_within_classes_is_the_mean_over_classes_and_leaves_out_undefined_ones(generator):
    labels = np.repeat([0, 1, 2], 10)
    true, model = generator.normal(size=30), generator.normal(size=30)
    parts = [(true[labels == k], model[labels == k]) for k in (0, 1)]
    model[labels == 2] = 5.0
    found = implied_loss.compare(true, model, labels)
    assert found["r2_within"] == pytest.approx(np.mean([np.corrcoef(*part)[0, 1] ** 2 for part in parts]))
    assert found["rank_within"] == pytest.approx(np.mean([stats.spearmanr(*part).statistic for part in parts]))
    assert found["rank"] == pytest.approx(stats.spearmanr(true, model).statistic)
    assert found["r2"] == pytest.approx(np.corrcoef(true, model)[0, 1] ** 2)


def test_a_constant_between_classes_is_no_matter_within_them(generator):
    labels = np.repeat([0, 1], 20)
    true = generator.normal(size=40)
    found = implied_loss.compare(true, true + 10.0 * labels, labels)
    assert found["r2_within"] == pytest.approx(1)
    assert found["rank_within"] == pytest.approx(1)
    assert found["r2"] < 0.5


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_samples_loss_is_what_the_mean_is_of(name):
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(POINTS, CLASSES, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (POINTS,), generator=generator)
    y = one_hot(labels, CLASSES).double()
    each = implied_loss_training.each_loss(name, p, y)
    assert each.mean().item() == pytest.approx(losses.loss(name, p, y).item())
    chosen = p[range(POINTS), labels]
    by_hand = (p - y).square().sum(dim=1) / CLASSES if name == "mse" else p.exp().sum(dim=1).log() - chosen
    torch.testing.assert_close(each, by_hand)


def stack(net, layers):
    return {layer: Gate(linear_sg.LinearSG(8, 2)) for layer in layers}


@pytest.fixture
def setting():
    return implied_loss_training.TrainingSettings(
        "linear_sg", 3, 8, "every", steps=30, looks=5, rate=0.01, gate_rate=0.01
    )


@pytest.fixture
def points():
    return grid.draw(6, labels="random", generator=np.random.default_rng(0))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_what_is_followed_is_plain_training_on_all_points(setting, points, name):
    net = Network(Shape(2, 2, hidden=3, width=8), generator=torch.Generator().manual_seed(5))
    adam, gates = OptimiserSettings("adam", 0.01), stack(net, (1, 2, 3))
    trainer = Trainer(net, gates, loss=name, optimiser=adam, gate_optimiser=adam, update="simultaneous")
    x, y = torch.from_numpy(points.inputs), one_hot(torch.from_numpy(points.labels), 2).float()
    batch_losses = [trainer.update(x, y) for _ in range(31)]
    case = implied_loss_training.Case(points, name, 5)
    looks = [look for _, look in implied_loss_training.follow([case], setting, classes=2)]
    assert [look.step for look in looks] == checkpoint_steps(30, count=5)
    assert [look.losses.mean() for look in looks] == pytest.approx(
        [batch_losses[look.step] for look in looks], rel=1e-5
    )
    assert not looks[0].modules[3].A.any()
    assert all(looks[-1].modules[layer].A.any() for layer in (1, 2, 3))


def test_a_look_changes_nothing_and_sees_each_layers_output(setting, points):
    net = Network(Shape(2, 2, hidden=3, width=8), generator=torch.Generator().manual_seed(5))
    gates = stack(net, (1, 3))
    x, y = torch.from_numpy(points.inputs), one_hot(torch.from_numpy(points.labels), 2).float()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    look = implied_loss_training.look(net, gates, x, y, "mse", step=0)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(p.grad is None for module in (net, *gates.values()) for p in module.parameters())
    for layer, module in look.modules.items():
        h = net.span(x, range(1, layer + 1), mode="measure").detach()
        np.testing.assert_allclose(module.h, h, rtol=1e-5, atol=1e-6)
        p = net.output(net.span(h, range(layer + 1, 4), mode="measure"))
        np.testing.assert_allclose((p - y).square().mean(dim=1).detach(), look.losses, rtol=1e-4, atol=1e-6)
    right = (p.argmax(dim=1).numpy() == points.labels).mean()
    assert look.accuracy == pytest.approx(right)


@pytest.fixture(scope="module")
def table():
    return implied_loss.analyse(generator=np.random.default_rng(1), seeds=2, pictured=(0.3, 1.0), **SMALL)


def pick(table, **values):
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def test_the_same_stream_gives_the_same_table(table):
    again = implied_loss.analyse(generator=np.random.default_rng(1), seeds=2, pictured=(0.3, 1.0), **SMALL)
    pd.testing.assert_frame_equal(table, again, check_exact=True)


def test_the_table_has_every_layer_look_and_case(table):
    numbers = table[table["x1"].isna()]
    steps = checkpoint_steps(60, count=6)
    assert len(numbers) == 2 * 2 * 2 * len(steps) * (3 * 6 + 2)
    assert list(table.columns) == implied_loss.COLUMNS
    assert pick(numbers, step=0, quantity="r2")["value"].isna().all()
    assert pick(numbers, step=60, quantity="r2")["value"].between(0, 1).all()
    start = pick(numbers, step=0, quantity="accuracy").pivot(index=["seed", "labels"], columns="loss", values="value")
    assert (start["mse"] == start["cross_entropy"]).all(), "both losses begin with the same weights and labels"
    assert start["mse"].nunique() > 1


def test_the_numbers_are_those_of_the_surfaces(table):
    surfaces = table[table["x1"].notna()]
    assert set(surfaces["seed"]) == {0}
    near = min(checkpoint_steps(60, count=6), key=lambda step: abs(step - 18))
    assert set(surfaces["step"]) == {near, 60}
    for loss in losses.LOSSES:
        case = pick(table, loss=loss, labels="random", seed=0, step=60)
        true, model = pick(case, quantity="true_loss"), pick(case, quantity="implied_loss", layer=3)
        assert len(true) == len(model) == 36
        assert true[["x1", "x2"]].to_numpy() == pytest.approx(model[["x1", "x2"]].to_numpy())
        found = implied_loss.r2(true["value"].to_numpy(), model["value"].to_numpy())
        assert pick(case, quantity="r2", layer=3)["value"].item() == pytest.approx(found)
        assert pick(case, quantity="loss")["value"].item() == pytest.approx(true["value"].mean())


def test_one_sg_in_the_middle():
    found = implied_loss.analyse(generator=np.random.default_rng(1), seeds=1, placement="middle", **SMALL)
    assert set(found["layer"]) == {0, 2}
    numbers = implied_loss.metrics(found)
    assert not [name for name in numbers if "_trend" in name]
    assert numbers["r2_top_late.mse.random"] == numbers["r2_late.mse.random"]


def by_hand():
    """Two seeds of one case: r2 by (step, layer), and twice that less 1 as rank."""
    r2 = {
        0: (0.9, 0.8, 0.7),
        10: (0.1, 0.2, 0.6),
        20: (0.3, np.nan, 0.4),
        21: (0, 0, 0),
        80: (0.2, 0.1, 0.5),
        100: (0.3, 0.1, 0.4),
    }
    rows = []
    for seed in (0, 1):
        for step, values in r2.items():
            for layer, value in enumerate(values, start=1):
                numbers = {"r2": value / (1 + seed), "rank": 2 * value - 1, "r2_within": value, "rank_within": value}
                numbers["antisymmetric_share"] = layer / 10 * step / 100
                rows += [
                    ("mse", "random", seed, layer, step, key, each, np.nan, np.nan) for key, each in numbers.items()
                ]
    rows.append(("mse", "random", 0, 3, 100, "implied_loss", 99.0, 0.0, 0.0))
    return pd.DataFrame(rows, columns=implied_loss.COLUMNS)


def test_metrics_by_hand():
    found = implied_loss.metrics(by_hand())
    assert found["r2_trend.mse.random"] == pytest.approx([0.5, 0.5])
    assert found["r2_early.mse.random"] == pytest.approx([0.32, 0.16])
    assert found["r2_late.mse.random"] == pytest.approx([1.6 / 6, 0.8 / 6])
    assert found["rank_early.mse.random"] == pytest.approx([-0.36] * 2)
    assert found["rank_late.mse.random"] == pytest.approx([2 * 1.6 / 6 - 1] * 2)
    assert found["rank_trend.mse.random"] == pytest.approx([0.5, 0.5])
    assert found["r2_top_late.mse.random"] == pytest.approx([0.45, 0.225])
    assert found["antisymmetric_share.mse.random"] == pytest.approx([0.2, 0.2])
    assert all(name.endswith(".mse.random") for name in found if name != "trend_of_mean_r2")


def test_the_fall_is_from_the_peak_that_the_other_seed_shows():
    """Means over the layers are .3, .35, 0, .8/3 and .8/3 of the first seed, half of that of the second."""
    found = implied_loss.metrics(by_hand())
    assert found["r2_since_peak.mse.random"] == pytest.approx([0.8 / 3 - 0.35, (0.8 / 3 - 0.35) / 2])
    assert np.isnan(implied_loss.metrics(by_hand()[lambda table: table["seed"] == 0])["r2_since_peak.mse.random"]).all()


def test_numbers_over_training_by_hand():
    found = {name.removesuffix(".mse.random"): values[0] for name, values in implied_loss.metrics(by_hand()).items()}
    # After step 0, layer 1 has .1 .3 0 .2 .3, layer 2 has .2 - 0 .1 .1, layer 3 has .6 .4 0 .5 .4.
    assert found["mean_of_r2"] == pytest.approx((0.9 + 0.4 + 1.9) / 14)
    # Without step 20 the sums are .6, .4, 1.5.
    assert found["trend_of_mean_r2"] == pytest.approx(0.5)
    assert found["peak_time_r2"] == pytest.approx((0.2 + 0.1 + 0.1) / 3), "of two highest states, the first"


def test_the_trend_over_all_cases_is_a_mean_seed_by_seed():
    other = by_hand().assign(loss="cross_entropy")
    other["layer"] = 4 - other["layer"]  # the trend is the other way round
    other.loc[(other["seed"] == 1) & (other["step"] > 0), "value"] = np.nan
    found = implied_loss.metrics(pd.concat([by_hand(), other], ignore_index=True))
    assert found["trend_of_mean_r2.cross_entropy.random"][0] == pytest.approx(-0.5)
    assert found["trend_of_mean_r2"] == pytest.approx([0, np.nan], nan_ok=True)
    assert found["trend_of_mean_r2"].outcomes == ["measured", "undefined"]


def test_layers_are_compared_over_the_states_that_all_of_them_have():
    r2 = {1: (0.2, 0.9), 2: (0.3, np.nan)}
    rows = [
        ("mse", "random", 0, layer, step, quantity, value, np.nan, np.nan)
        for layer, values in r2.items()
        for step, value in zip((10, 20), values, strict=True)
        for quantity in (*implied_loss.COMPARED, "antisymmetric_share")
    ]
    found = implied_loss.metrics(pd.DataFrame(rows, columns=implied_loss.COLUMNS))
    assert found["trend_of_mean_r2.mse.random"] == pytest.approx([1])
    assert found["mean_of_r2.mse.random"] == pytest.approx([1.4 / 3])


def test_a_training_that_diverged_says_so_and_keeps_its_seed():
    rows = by_hand()
    lost = rows["seed"] == 1
    rows.loc[lost & (rows["step"] > 0), "value"] = np.nan
    loss = [("mse", "random", seed, 0, 100, "loss", [0.1, np.nan][seed], np.nan, np.nan) for seed in (0, 1)]
    rows = pd.concat([rows, pd.DataFrame(loss, columns=list(rows))], ignore_index=True)
    for name, values in implied_loss.metrics(rows).items():
        alone = "since_peak" in name  # there is no other seed to show a peak
        assert (values.seeds, values.outcomes) == ([0, 1], ["undefined" if alone else "measured", "diverged"])
        assert np.isfinite(values).tolist() == [not alone, False]


def test_metrics_have_a_value_per_seed_and_case(table):
    found = implied_loss.metrics(table)
    assert all(len(values) == 2 for values in found.values())
    for name in ("mean_of_r2", "trend_of_mean_r2", "peak_time_r2"):
        assert np.isfinite(found[f"{name}.mse.random"]).all()
    for loss in losses.LOSSES:
        for kind in grid.LABELS:
            for number in ("r2_trend", "rank_trend", "r2_early", "r2_late", "rank_early", "rank_late", "r2_top_late"):
                assert np.isfinite(found[f"{number}.{loss}.{kind}"]).all()
    assert implied_loss.metrics(pd.DataFrame()) == {}
