"""How rates are chosen is refused with the config where it would choose nothing, or cost too much."""

import pytest
import yaml

from pipeline.study.errors import ConfigError
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan


@pytest.fixture
def smoke(root):
    return yaml.safe_load((root / "configs" / "smoke.yaml").read_text())


@pytest.fixture
def plan(root):
    return Plan.load("smoke", root)


def refused(settings):
    with pytest.raises(ConfigError) as caught:
        parse_study(yaml.safe_dump(settings), source="x.yaml")
    return str(caught.value)


def test_every_method_gets_the_same_trials_at_every_setting(plan):
    plans = [plan.job("tune", cell=cell).settings["tuning"] for cell in plan.cells]
    assert all(each == plans[0] for each in plans)
    assert "share" not in plans[0], "a bound on the cost makes no result out of date"


def test_a_cell_has_all_its_seeds(plan):
    tuned = [run for run in plan.runs.values() if run.tuned]
    assert sorted(run.name for group in plan.cells.values() for run in group) == sorted(run.name for run in tuned)
    for group in plan.cells.values():
        assert len({(run.method, str(run.varied)) for run in group}) == 1
        assert len({run.seed for run in group}) == len(group)
    assert max(map(len, plan.cells.values())) == 2, "seeds of two sweeps share one choice"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": [0, 100]}, "tuning.seeds: [0] are reported by a sweep"),
        ({"rates": []}, "tuning.rates: expected at least one, each once; found []"),
        ({"rates": [0.1, 0.1]}, "tuning.rates: expected at least one, each once"),
        ({"rates": [-0.1]}, "tuning.rates.0: found -0.1"),
        ({"rates": [0.1, 0.01]}, "tuning.rates: found [0.1, 0.01], expected ascending rates, each at least"),
        ({"rates": [0.1, 0.2]}, "tuning.rates: found [0.1, 0.2], expected ascending rates, each at least"),
        ({"rates": [3.4e38]}, "tuning.rates: found [3.4e+38] with tuning.gate_factors [0.333, 1.0], expected rates that"),
        ({"gate_factors": []}, "tuning.gate_factors: expected at least one, each once; found []"),
        ({"gate_factors": [1.0, 1.0]}, "tuning.gate_factors: expected at least one, each once"),
        ({"gate_factors": [1.0, 1.0001]}, "tuning.rates: found [0.001, 0.003] with tuning.gate_factors [1.0, 1.0001]"),
        ({"halving": {"rungs": 6, "factor": 2}}, "tuning.steps: found 20, expected at least 32, so that a trial of the"),
        ({"widening": {"factor": 1.0, "most": 1}}, "tuning.widening.factor: found 1.0"),
        ({"widening": {"factor": 3.0}}, "tuning.widening.most: missing"),
        ({"share": 0.12}, "tuning.share: found 0.12, expected at least 0.152: trials have 900 updates, trainings 5040"),
        ({"chosen_by": "test_loss"}, 'tuning.chosen_by: found "test_loss"'),
        ({"rate": [0.1]}, "tuning.rate: unknown key (did you mean 'rates'?"),
    ],
)  # fmt: skip
def test_a_wrong_tuning_is_refused(smoke, change, said):
    smoke["tuning"] |= change
    assert said in refused(smoke)


@pytest.mark.parametrize(
    "change", [{"rates": [0.001, 0.003, 0.01]}, {"share": 0.152}, {"halving": {"rungs": 5, "factor": 2}}]
)
def test_what_fits_is_accepted(smoke, change):
    smoke["tuning"] |= change
    parse_study(yaml.safe_dump(smoke), source="x.yaml")


def test_settings_of_an_earlier_version_name_what_is_missing(smoke):
    smoke["tuning"] = {"rates": [0.001, 0.003], "seeds": [100], "steps": 30, "chosen_by": "validation_loss"}
    said = refused(smoke)
    for key in ("gate_factors", "widening", "halving", "share"):
        assert f"tuning.{key}: missing; every study has the same keys, see configs/README.md" in said


def test_a_tuned_sweep_needs_a_tuning(smoke):
    del smoke["tuning"]
    assert "sweeps.tuned.tuned: there is no `tuning`" in refused(smoke)


def test_trials_of_given_rates_are_refused(smoke):
    smoke["analyses"]["rates"]["sweep"] = ["tuned", "depth"]
    said = refused(smoke)
    assert "analyses.rates.sweep: " in said
    assert "expected tuned sweeps only" in said
