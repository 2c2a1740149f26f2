"""A block's runs have the same bits however many are trained at once, alone or together, and after a stop."""

import numpy as np
import pytest
import torch
import yaml
from sessions import StopError, clouds

from pipeline.results import activations
from pipeline.runs.block import Block
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan

STEPS = 20


@pytest.fixture(scope="module")
def data():
    return clouds(120, 60, 60)


@pytest.fixture
def runs(root):
    """Makes runs that differ in their seeds."""
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())

    def make(method="every_sg", seeds=(0, 1, 2), **changes):
        content["analyses"] = content["figures"] = {}
        content["training"]["optimiser"]["drops"] = content["training"]["gates"]["optimiser"]["drops"] = []
        content["training"] |= {
            "steps": STEPS,
            "batch": 20,
            "log_every": 5,
            "log_points": 50,
            "log_early": {"every": 2, "until": 4},
        }
        content["sweeps"] = {
            "s": {"methods": [method], "seeds": list(seeds), "set": {}, "vary": {"network.hidden": [2]}}
        }
        content["methods"] = {method: content["methods"][method]}
        content["methods"][method] |= {"sweeps": ["s"], "set": {k.replace("__", "."): v for k, v in changes.items()}}
        (block,) = Plan(parse_study(yaml.safe_dump(content), source="x"), "small").blocks.values()
        return block

    return make


def block(runs, data, at_once):
    return Block(runs, data, torch.device("cpu"), lambda name, rows: None, at_once=at_once)


def whole(runs, data, at_once):
    made = block(runs, data, at_once)
    made.train(lambda: None)
    return made


def same(one, other):
    """Both blocks have the same histories, models and ends, to the bit."""
    assert one.history().equals(other.history())
    a, b = one.models(), other.models()
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)
    ends = [[(r.run.name, r.status, r.step, r.message) for r in each.records] for each in (one, other)]
    assert ends[0] == ends[1]


CHANGES = ({}, {"log_tracking": True}, {"gates__update": "sequential"})


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("at_once", [2, 3, 5])
def test_how_many_are_trained_at_once_changes_no_bit(runs, data, at_once, changes):
    made = runs(**changes)
    same(whole(made, data, at_once), whole(made, data, 1))


def test_a_run_is_the_same_alone_as_in_a_block(runs, data):
    together = whole(runs(), data, 3)
    table, models = together.history(), together.models()
    for run in runs():
        alone = whole([run], data, 1)
        mine = table[table["run"] == run.name].reset_index(drop=True)
        assert alone.history().equals(mine)
        prefix = activations.run_prefix(run.name)
        found = {name: array for name, array in models.items() if name.startswith(prefix)}
        assert alone.models().keys() == found.keys()
        assert all(np.array_equal(found[name], array) for name, array in alone.models().items())


def stopped(made, steps):
    """Train until `steps` steps were made in all groups together; the state there."""
    count = 0

    def end():
        nonlocal count
        count += 1
        if count == steps:
            raise StopError

    with pytest.raises(StopError):
        made.train(end)
    return made.state()


@pytest.mark.parametrize("stop", [1, 7, STEPS, STEPS + 3, 2 * STEPS - 1])
def test_a_stopped_block_ends_with_the_same_bits(runs, data, stop):
    """Also if as many as before aren't wanted at once any more."""
    made = runs()
    state = stopped(block(made, data, 2), stop)
    again = block(made, data, 3)
    again.restore(state)
    again.train(lambda: None)
    same(again, whole(made, data, 2))


def test_a_run_that_diverges_ends_alone(runs, data):
    """At a rate at which some runs diverge and others don't; each as it does alone."""
    made = runs(
        "backprop", seeds=(0, 1, 2, 3, 4), network__batch_norm=False, optimiser__name="sgd", optimiser__rate=300.0
    )
    together = whole(made, data, 5)
    ends = {record.run.name: (record.status, record.step, record.message) for record in together.records}
    assert {status for status, _, _ in ends.values()} == {"finished", "diverged"}
    for run in made:
        (alone,) = whole([run], data, 1).records
        assert (alone.status, alone.step, alone.message) == ends[run.name]
    same(together, whole(made, data, 2))
    state = stopped(block(made, data, 5), STEPS)
    again = block(made, data, 5)
    again.restore(state)
    again.train(lambda: None)
    same(again, together)
