"""How far results can be trusted, in the report's sentences."""

import made_up_study as made_up
import pytest

from pipeline.pages import limits
from pipeline.results import paths, store


@pytest.fixture
def plan(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return made_up.make(root, tmp_path)


def test_choices_of_rates_at_the_edge_are_counted(plan):
    assert not [said for said in limits.sentences(plan, {}, []) if "Best rates" in said]
    for number, cell in enumerate(plan.cells):
        choice = {"at_edge": number == 0, "rungs": [{"steps": 10}, {"steps": 30}]}
        store.write_json(paths.choice(made_up.NAME, cell), choice)
    (said,) = [said for said in limits.sentences(plan, {}, []) if "Best rates" in said]
    steps = next(iter(plan.cells.values()))[0].training.steps
    assert said == (
        f"Best rates are those of trials of at most 30 updates, for trainings of {steps}; of {len(plan.cells)} choices, "
        "1 lie at the edge of what was tried."
    )
