"""The whole rule, simulated: how often it is wrong without an effect, and how often it sees one."""

import pytest

from pipeline.verdicts import criteria, simulation

WITHOUT_LOSS = [kind.words for name, kind in simulation.KINDS.items() if name != "divergence"]


@pytest.fixture(scope="module")
def outcomes():
    found = simulation.simulate()
    print(simulation.table(found))
    return found


def test_every_kind_is_simulated_at_the_numbers_of_seeds_that_are_used(outcomes):
    assert {(each.kind, each.n) for each in outcomes} == {
        (kind.words, n) for kind in simulation.KINDS.values() for n in (12, 5)
    }


def test_without_an_effect_few_are_supported_or_contradicted(outcomes):
    for each in outcomes:
        assert each.supported <= 0.05, each
        assert each.contradicted <= 0.05, each
    assert any(each.contradicted > 0 for each in outcomes)


def test_twelve_seeds_show_an_effect_of_one_standard_deviation(outcomes):
    power = {each.kind: each.power for each in outcomes if each.n == 12}
    assert all(power[kind] >= 0.8 for kind in WITHOUT_LOSS)
    assert sum(power.values()) / len(power) >= 0.8, "with runs that diverge among them"


def test_five_seeds_dont(outcomes):
    assert all(each.power < 0.5 for each in outcomes if each.n == 5)


def test_few_families_of_secondaries_have_a_false_finding():
    assert simulation.secondaries() <= 0.05


def test_every_kind_of_comparison_in_the_ledger_is_simulated(pytestconfig):
    """Differences, ratios and plain numbers, above and below, with and without a run's value missing."""
    parts = [kind.part for kind in simulation.KINDS.values()]
    assert {how for each in parts for how in ("minus", "over") if how in each} == {"minus", "over"}
    assert {side for each in parts for side in ("above", "below") if side in each} == {"above", "below"}
    assert criteria.VERSION == 5


def test_the_documented_table_is_what_the_simulation_gives(outcomes, root):
    page = (root / "docs" / "criteria.md").read_text(encoding="utf-8")
    assert simulation.table(outcomes) in page, "run `make document`"
