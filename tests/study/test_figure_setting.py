"""The line on a figure names what the study really trains."""

import pytest

from pipeline.study import figure_setting
from pipeline.study.plan import Plan


@pytest.fixture(scope="module")
def plan():
    return Plan.load("study")


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("learning_curves", "MNIST; 3, 5, 10 and 20 hidden layers; rate 0.001 or each at its best rate; n = 5 to 12"),
        ("paired_differences", "each at its best rate"),
        ("similarity_over_time", "MNIST; 20 hidden layers; rate 0.001; n = 5 to 12"),
        ("robust_learning_curves", "Fashion-MNIST and MNIST; 20 and 50 hidden layers; ReLU units and sigmoid units"),
        ("robust_learning_curves", "offset 1 in batch normalisation"),
        ("capacity", "small models on drawn data; n = 12"),
        ("rates", "trials, n = 3"),
        ("phase_portrait", ""),
    ],
)
def test_what_a_figure_shows_runs_of(plan, figure, words):
    said = figure_setting.setting(plan, figure)
    assert words in said if words else said == ""


def test_every_figure_of_trained_networks_says_data_depth_and_n(plan):
    for figure in plan.study.figures:
        said = figure_setting.setting(plan, figure)
        scopes = {plan.declared(name)["SCOPE"] for name in plan.analyses_of(figure)}
        if figure_setting.BY_ITSELF not in scopes:
            assert "MNIST" in said
            assert "hidden layer" in said
            assert "n = " in said


def test_the_line_is_part_of_what_makes_a_drawing_stale(plan):
    assert plan.job("draw", figure="capacity").settings["shown"] == figure_setting.setting(plan, "capacity")
