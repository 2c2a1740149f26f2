"""Contracts of the families: every member is found automatically and must keep what its family promises."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import one_hot

from pipeline import members
from pipeline.learning.gate import Gate
from pipeline.learning.losses import loss
from pipeline.learning.network import Network, Shape

ALL = [(family, name) for family in members.FAMILIES for name in members.members(family)]
N, WIDTH, CLASSES = 12, 5, 3


@pytest.mark.parametrize(("family", "name"), ALL)
def test_members_are_named_and_documented(family, name):
    module = members.load(family, name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert module.__doc__
    assert len(module.__doc__.strip()) > 20


@pytest.mark.parametrize("name", members.members("estimators"))
def test_estimators(name):
    module = members.load("estimators", name)
    assert isinstance(module.LABEL, str)
    assert isinstance(module.IMPLIED_LOSS, str)
    assert set(module.WAITS_FOR) <= {"h", "y", "error", "above", "arrived"}
    built = [module.build(WIDTH, CLASSES, above=WIDTH, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    assert bool(list(built[0].parameters())) == module.LEARNED
    for one, two in zip(built[0].state_dict().values(), built[1].state_dict().values(), strict=True):
        assert torch.equal(one, two), "the same generator must give the same module"
    net = Network(Shape(4, CLASSES, hidden=2, width=WIDTH), generator=torch.Generator().manual_seed(1))
    gate = Gate(built[0], waits_for=module.WAITS_FOR)
    y = one_hot(torch.arange(N) % CLASSES, CLASSES).float()
    x = torch.randn(N, 4, generator=torch.Generator().manual_seed(2))
    loss("cross_entropy", net(x, mode="train", gates={1: gate}, y=y), y).backward()
    assert gate.estimate.shape == (N, WIDTH)
    if module.LEARNED:
        first = built[1](**{**{key: gate.signals[key] for key in module.WAITS_FOR}, **passed_on(gate)})
        assert torch.count_nonzero(first) == 0, "a learned estimator must start with an estimate of zero"
        gate.loss().backward()
        assert any(p.grad.abs().sum() > 0 for p in gate.parameters())


def passed_on(gate):
    """Gradients from above, which a learned estimator may pass on from the start, as zeros."""
    return {key: torch.zeros_like(gate.signals[key]) for key in ("above", "arrived") if key in gate.waits_for}


@pytest.mark.parametrize("name", members.members("datasets"))
def test_datasets(name):
    module = members.load("datasets", name)
    assert isinstance(module.LICENCE, str)
    assert isinstance(module.SOURCE, str)
    assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for _, checksum in module.FILES)
    assert isinstance(module.SOURCES, tuple)
    assert callable(module.load)


@pytest.mark.parametrize("name", members.members("measures"))
def test_a_measure_is_1_for_equal_layers_and_low_for_noise(name):
    module = members.load("measures", name)
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(300, 4)) @ np.diag([3.0, 2.0, 1.0, 0.5]), rng.normal(size=(300, 4))
    assert module.measure(x, x) == pytest.approx(1, abs=1e-6)
    assert module.measure(x, other) < 0.5


@pytest.mark.parametrize("name", members.members("analyses"))
def test_analyses(name):
    module = members.load("analyses", name)
    assert module.SCOPE in {"study", "runs", "run", "pairs"}
    wanted = {"study": {None}, "runs": {"history", "trials"}, "run": {"activations"}, "pairs": {"activations"}}
    assert module.READS in wanted[module.SCOPE]
    assert module.CLAIMS
    assert all(re.fullmatch(r"C\d{1,2}", claim) for claim in module.CLAIMS)
    inputs = [p for p in inspect.signature(module.analyse).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert len(inputs) == {"study": 0, "runs": 1, "run": 1, "pairs": 2}[module.SCOPE]
    if hasattr(module, "metrics"):
        assert module.metrics(pd.DataFrame()) == {}, "without rows (every run diverged) there are no headline numbers"


@pytest.mark.parametrize("name", members.members("figures"))
def test_figures(name, root):
    module = members.load("figures", name)
    assert module.TITLE
    assert module.CATEGORY in {"Learning", "Synthetic gradients", "Representations", "Convergence"}
    assert set(module.READS) <= set(members.members("analyses"))
    assert all(re.fullmatch(r"C\d{1,2}", claim) for claim in module.CLAIMS)
    caption = (root / "workflow" / "report" / f"{name}.rst").read_text()
    assert len(caption.split()) > 20
    assert not re.search(r"\.\. \w+::", caption)


def test_the_error_for_an_unknown_member_names_the_nearest():
    with pytest.raises(members.UnknownNameError, match="did you mean 'linear_sg'"):
        members.load("estimators", "linear_gs")


def test_a_member_outside_the_folder_is_unknown():
    with pytest.raises(members.UnknownNameError):
        members.load("estimators", "../config")
    with pytest.raises(members.UnknownNameError):
        members.load("estimators", "__init__")
