"""The artificial data sets are what their names promise, in any dimension."""

import numpy as np
import pytest
import torch
import yaml
from scipy.optimize import linprog
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from pipeline import members
from pipeline.datasets import linearly_separable, noisy_linear, random_labels, xor
from pipeline.datasets.shared import artificial
from pipeline.results import paths
from pipeline.runs import build
from pipeline.runs.session import Session
from pipeline.stages import prepare
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan

MEMBERS = (linearly_separable, noisy_linear, xor, random_labels)
NAMES = [member.__name__.rpartition(".")[2] for member in MEMBERS]


def drawn(member, inputs, samples=600, seed=0):
    points = member.draw(samples, inputs=inputs, generator=np.random.default_rng(seed))
    return points.inputs.astype(np.float64), points.labels


def separable(x, labels):
    """Whether some plane has the two classes on its two sides: a linear program knows."""
    signed = np.column_stack([x, np.ones(len(x))]) * (2 * labels - 1)[:, None]
    found = linprog(np.zeros(signed.shape[1]), A_ub=-signed, b_ub=-np.ones(len(x)), bounds=(None, None))
    return found.status == 0


def linear_accuracy(x, labels):
    """Of logistic regression, on points that it has not seen."""
    half = len(x) // 2
    return LogisticRegression(C=1e4, max_iter=1000).fit(x[:half], labels[:half]).score(x[half:], labels[half:])


@pytest.mark.parametrize("inputs", [2, 7, 100])
@pytest.mark.parametrize("member", MEMBERS, ids=NAMES)
def test_points_are_as_many_and_as_large_as_wanted_and_both_classes_are_there(member, inputs):
    points = member.draw(600, inputs=inputs, generator=np.random.default_rng(1))
    assert points.inputs.shape == (600, inputs)
    assert points.inputs.dtype == np.float32
    assert points.labels.dtype == np.int64
    assert set(points.labels) == {0, 1}
    assert 0.4 < points.labels.mean() < 0.6
    assert abs(points.inputs.std() - 1) < 0.3


@pytest.mark.parametrize("member", MEMBERS, ids=NAMES)
def test_the_same_generator_gives_the_same_points_and_another_one_others(member):
    one, same, other = (drawn(member, 5, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0], same[0])
    np.testing.assert_array_equal(one[1], same[1])
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("inputs", [2, 100])
def test_only_the_separable_classes_are_separable(inputs):
    assert [separable(*drawn(member, inputs)) for member in MEMBERS] == [True, False, False, False]


@pytest.mark.parametrize("inputs", [1, 2, 30])
def test_the_margin_is_kept_and_touched(inputs):
    generator = np.random.default_rng(4)
    normal = artificial.directions(1, inputs=inputs, generator=np.random.default_rng(4))[:, 0]
    points = linearly_separable.draw(2000, inputs=inputs, generator=generator)
    distance = (2 * points.labels - 1) * (points.inputs @ normal)
    assert distance.min() == pytest.approx(linearly_separable.MARGIN, abs=0.01)
    assert distance.min() > linearly_separable.MARGIN - 1e-5


def test_noisy_labels_are_flipped_with_the_stated_probability_on_both_sides_near_and_far():
    normal = artificial.directions(1, inputs=3, generator=np.random.default_rng(4))[:, 0]
    points = noisy_linear.draw(20_000, inputs=3, generator=np.random.default_rng(4))
    distance = points.inputs @ normal
    flipped = (distance > 0) != points.labels
    for part in (distance > 1, (distance > 0) & (distance < 0.3), distance < 0):
        assert abs(flipped[part].mean() - noisy_linear.FLIPPED) < 0.02
    assert linear_accuracy(points.inputs, points.labels) == pytest.approx(1 - noisy_linear.FLIPPED, abs=0.02)


def test_xor_is_told_by_the_product_of_two_directions_and_by_no_plane():
    both = artificial.directions(2, inputs=4, generator=np.random.default_rng(4))
    points = xor.draw(8000, inputs=4, generator=np.random.default_rng(4))
    np.testing.assert_array_equal(points.labels, np.prod(points.inputs @ both, axis=1) < 0)
    slope = (2 * points.labels - 1) @ points.inputs / len(points.labels)
    assert np.abs(slope).max() < 0.05, "no input alone tells anything, nor any direction"
    assert linear_accuracy(points.inputs, points.labels) < 0.6, "a plane off the origin tells a little"


def test_random_labels_are_a_fair_coin():
    x, labels = drawn(random_labels, 3, samples=20_000)
    assert binomtest(int(labels.sum()), len(labels)).pvalue > 1e-3
    assert linear_accuracy(x, labels) == pytest.approx(0.5, abs=0.02)
    quadrant = (x[:, 0] > 0) & (x[:, 1] > 0)
    assert labels[quadrant].mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_directions_are_unit_vectors_at_right_angles(count):
    found = artificial.directions(count, inputs=5, generator=np.random.default_rng(0))
    np.testing.assert_allclose(found.T @ found, np.eye(count), atol=1e-12)


def test_more_directions_than_inputs_are_refused():
    with pytest.raises(ValueError, match="inputs: found 1, expected at least 2"):
        xor.draw(10, inputs=1, generator=np.random.default_rng(0))


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_is_loaded_from_nothing_in_the_wanted_dimension(name, tmp_path):
    member = members.load("datasets", name)
    folder = tmp_path / "not there"
    one, again = member.load(folder, inputs=9), member.load(folder, inputs=9)
    assert one.train.inputs.shape == (artificial.TRAIN, 9)
    assert one.test.inputs.shape == (artificial.TEST, 9)
    assert one.classes == member.CLASSES == 2
    np.testing.assert_array_equal(one.test.inputs, again.test.inputs)
    np.testing.assert_array_equal(one.train.labels, again.train.labels)
    assert not np.isin(one.test.inputs[:, 0], one.train.inputs[:, 0]).any(), "a test point stands among training points"
    assert member.load(folder).train.inputs.shape[1] == 2
    assert members.settings("datasets", name)["inputs"].default == 2


@pytest.mark.parametrize(("name", "learned"), [("linearly_separable", 1.0), ("noisy_linear", 0.9)])
def test_training_and_test_part_have_the_same_plane(name, learned, tmp_path):
    data = members.load("datasets", name).load(tmp_path, inputs=5)
    fitted = LogisticRegression(C=1e4, max_iter=1000).fit(*data.train)
    assert fitted.score(*data.test) == pytest.approx(learned, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_the_stage_prepares_without_a_file(name, tmp_path, capsys):
    prepare.main(["--dataset", name, "--root", str(tmp_path / name)])
    said = capsys.readouterr().out
    assert "nothing to fetch" in said
    assert "4000 training and 2000 test points of 2 inputs in 2 classes" in said
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_learns_from_it_like_from_any_other(name, root):
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
    content["data"] |= {"dataset": name, "settings": {"inputs": 5}}
    content["analyses"] = content["figures"] = {}
    content["training"]["optimiser"]["drops"] = content["training"]["gates"]["optimiser"]["drops"] = []
    content["tuning"]["steps"] = 5
    content["training"] |= {"steps": 10, "log_every": 10, "log_points": 50}
    run = Plan(parse_study(yaml.safe_dump(content), source="x"), "small").runs["depth-one_sg-hidden2-s0"]
    assert paths.raw(name) == []
    data = build.load_data(run.data)
    assert data.train.inputs.shape == (content["data"]["train"], 5)
    session = Session([run], data, torch.device("cpu"), lambda name, rows: None)
    session.train(lambda: None)
    assert session.records[0].status == "finished"
    assert session.trainers[0].network.layers[0].weight.shape == (16, 5)
