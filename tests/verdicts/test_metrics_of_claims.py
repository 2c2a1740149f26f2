"""Every number that the ledger or README speaks of is one that the default study makes, and lies in the range that it is to have.

The analyses of the study's config are called as their stage calls them, with few seeds. Those of runs read made-up
histories and activations; those that train models of their own train tiny ones.
"""

import numpy as np
import pandas as pd
import pytest
from made_up_activations import activations

from pipeline import members
from pipeline.metrics.summary import summarise
from pipeline.pages import readme
from pipeline.results.activations import Activations
from pipeline.stages import analyse
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import PATH, load_claims

SEEDS, LAYERS, STEPS = 2, 2, (0, 10, 40, 60, 90, 100)
TINY = {
    "artificial_data": {"seeds": 1, "samples": 40, "inputs": (2,), "width": 3, "steps": (3, 3)},
    "capacity": {"seeds": 1, "samples": 20, "inputs": 3, "width": 4, "steps": 2, "look_every": 1},
    "counter_example": {"cells": 10, "steps": 5},
    "deep_linear_convergence": {
        "seeds": 1,
        "samples": 30,
        "inputs": (4,),
        "iterations": 20,
        "points": 4,
        "halvings": 0,
    },
    "identities": {"nets": 1, "hidden": (1,), "activations": ("relu",), "steps": 20},
    "implied_loss": {"seeds": 1, "side": 5, "hidden": 2, "width": 4, "steps": 12, "looks": 5},
    "linear_convergence": {"seeds": 1, "samples": 30, "inputs": (2,), "iterations": 20, "points": 4, "halvings": 0},
}
WHOLE = {
    "train_loss": 1.0,
    "train_accuracy": 0.5,
    "validation_loss": 1.1,
    "validation_accuracy": 0.5,
    "tracking_falls": 1.0,
}
LAYERED = {"weight_norm": 2.0, "distance_from_start": 1.0}
GATED = {
    **{"cosine": 0.5, "norm_ratio": 1.0, "sg_loss": 0.1, "tracking_error": 0.1, "tracking_jacobian": 1.0},
    **{"tracking_gradient": 1.0, "tracking_parameter_error": 0.1, "tracking_cosine": 0.9},
}  # fmt: skip


def history(plan, run):
    """A run whose losses fall and which finishes; only a method with gates has numbers of gates."""
    gates = LAYERED | (GATED if plan.study.methods[run.method].placement != "none" else {})
    noise = np.random.default_rng(run.seed)
    rows = []
    for step in STEPS:
        rows += [(step, 0, "samples", 32.0 * step)]
        rows += [(step, 0, name, value * np.exp(-step / 50)) for name, value in WHOLE.items()]
        rows += [
            (step, layer, name, value * noise.uniform(0.5, 1))
            for layer in range(1, LAYERS + 1)
            for name, value in gates.items()
        ]
    rows += [(0, 0, "update_flops", 1e3), (STEPS[-1], 0, "test_loss", 0.3), (STEPS[-1], 0, "test_accuracy", 0.9)]
    table = pd.DataFrame(rows, columns=["step", "layer", "quantity", "value"])
    return table.astype({"step": "int64", "layer": "int64", "quantity": "str", "value": "float64"})


def extracted(_plan, run):
    """A run's activations at the points of all samples, of which the network tells every class."""
    made = activations(LAYERS, seed=run.seed)

    def read(name):
        sample, _, rest = name.partition("/")
        if rest == "predicted":
            return made.labels("cca")
        return made.read(f"cca/{rest}" if sample == "probe" else name)

    return Activations(LAYERS, made.steps, read)


@pytest.fixture
def plan(monkeypatch):
    plan = Plan.load("study")
    entries = {
        name: entry.model_copy(update={"settings": {**entry.settings, **TINY.get(plan.member(name), {})}})
        for name, entry in plan.study.analyses.items()
    }
    object.__setattr__(plan, "study", plan.study.model_copy(update={"analyses": entries}))
    monkeypatch.setattr(analyse, "_histories", lambda plan, runs: {run.name: history(plan, run) for run in runs})
    monkeypatch.setattr(analyse, "_activations", extracted)
    monkeypatch.setattr(analyse, "_finished", lambda _plan, _run: True)
    return plan


def produced(plan, analysis):
    """The summarised numbers of one analysis."""
    module = members.load("analyses", plan.member(analysis))
    chosen = sorted({run.seed for runs in plan.groups(analysis).values() for run in runs})[:SEEDS]
    tables = []
    for part, runs in plan.groups(analysis).items():
        few = [run for run in runs if run.seed in chosen]
        if few or module.SCOPE == "study":
            tables.append(analyse._analyse(plan, analysis, part, few))
    numbers = module.metrics(pd.concat(tables, ignore_index=True))
    return summarise(numbers, members.constants("analyses", plan.member(analysis)).get("RANGES"))


def test_the_study_makes_every_number_that_the_ledger_speaks_of(plan, root):
    wanted = {}
    for claim in load_claims(root / PATH).claims:
        for name in claim.metrics:
            wanted.setdefault(name.partition("/")[0], set()).add(name.partition("/")[2])
    made = {analysis: produced(plan, analysis) for analysis in {*wanted, *readme.HEADLINES}}
    absent = {analysis: sorted(names - made[analysis].keys()) for analysis, names in wanted.items()}
    assert {analysis: names for analysis, names in absent.items() if names} == {}
    for analysis, chosen in readme.HEADLINES.items():
        for parts in chosen:
            assert any(readme._among(name, [parts]) for name in made[analysis]), f"README has no {parts} of {analysis}"
