"""Runs that diverged stay in the tables and the headline numbers of analyses of activations, and say so."""

import contextlib
import importlib
import io
import warnings

import pytest
import small_study

from pipeline.results import paths, store
from pipeline.study.jobs import STAGES
from pipeline.study.plan import Plan

ANALYSES = {
    "rdm": {"pixels": 4},
    "probes": {},
    "similarity": {"measures": ["cca"], "permutations": 1},
    "similarity_over_time": {"measures": ["cca"], "permutations": 1},
}
FIGURES = (
    "probes",
    "rdm_grid",
    "rdm_structure",
    "similarity_by_layer",
    "similarity_maps",
    "similarity_over_time",
)
RULES = ("train", "represent", "analyse", "draw", "summarise")


def study(*, lost):
    """Two layers, three seeds; the methods in `lost` diverge at once."""
    made = small_study.content()
    made["training"]["network"]["hidden"] = 2
    for method in lost:
        made["methods"][method]["set"] = {"optimiser.name": "sgd", "optimiser.rate": 1e30}
    made["sweeps"] = {"depth": {"methods": "all", "seeds": [0, 1, 2], "set": {}, "vary": {}}}
    made["analyses"] = {name: {"sweep": "depth", "settings": settings} for name, settings in ANALYSES.items()}
    made["figures"] = {name: {"settings": {}} for name in FIGURES}
    return made


def numbers(place, monkeypatch, **how):
    """The headline numbers of the study, all of whose jobs ran."""
    small_study.write(place, study(**how))
    for name in ("pipeline", "workflow"):
        (place / name).symlink_to(small_study.ROOT / name)
    monkeypatch.chdir(place)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    plan = Plan.load(small_study.STUDY)
    for rule in RULES:
        stage = STAGES[rule]
        for asked in stage.every(plan):
            named = zip(stage.wildcards, asked, strict=True)
            words = ["--study", small_study.STUDY, *(word for name, value in named for word in (f"--{name}", value))]
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # overflows of a training that diverges
                importlib.import_module(f"pipeline.stages.{rule}").main(words)
    return store.read_json(paths.metrics(small_study.STUDY))["metrics"]


DIVERGED = {"0": "diverged", "1": "diverged", "2": "diverged"}


def test_a_method_of_which_every_run_diverged_keeps_its_seeds(tmp_path, monkeypatch):
    found = numbers(tmp_path / "place", monkeypatch, lost=["one_sg"])
    for analysis in ("rdm", "probes", "similarity_over_time"):
        mine, others = ({n: v for n, v in found[analysis].items() if f".{who}." in n} for who in ("one_sg", "backprop"))
        assert len(mine) >= len(others) > 0
        for number in mine.values():
            assert (number["values"], number["seeds"], number["outcomes"]) == ([None] * 3, [0, 1, 2], DIVERGED)
        assert not any("diverged" in number["outcomes"].values() for number in others.values())
    ranks = found["similarity"]
    assert ranks["cca_rank.one_sg.hidden2"]["outcomes"] == DIVERGED
    assert ranks["cca_rank.backprop.hidden2"]["n"] == 3


def test_a_study_of_which_every_run_diverged_is_drawn_and_has_no_value(tmp_path, monkeypatch):
    found = numbers(tmp_path / "place", monkeypatch, lost=["backprop", "one_sg"])
    every = [number for analysis in found.values() for number in analysis.values()]
    assert every
    assert all(number["n"] == 0 for number in every)


@pytest.mark.parametrize("name", ANALYSES)
def test_the_row_of_a_diverged_run_has_the_types_of_the_others(name):
    from pipeline.stages import analyse

    module = importlib.import_module(f"pipeline.analyses.{name}")
    row = analyse._diverged(module)
    assert {column: str(kind) for column, kind in row.dtypes.items()} == module.COLUMNS
    assert len(row) == 1
