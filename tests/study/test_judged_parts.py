"""Which primaries a figure shows, what a draw job then depends on, and what its caption says."""

import pytest

from pipeline.study import judged_parts
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import Part, load_claims


@pytest.fixture(scope="module")
def plan():
    return Plan.load("study")


def test_every_primary_with_a_figure_stands_on_it(plan):
    expected = {claim.primary: claim.deciding.figure or claim.figure for claim in load_claims().claims}
    expected = {part: figure for part, figure in expected.items() if figure}
    found = {part["id"]: name for name in plan.study.figures for part in judged_parts.primaries(plan, name)}
    assert found == expected
    assert len(found) >= 15


def test_a_primary_says_what_the_ledger_says(plan):
    ledger = {claim.primary: claim.deciding for claim in load_claims().claims}
    for name in plan.study.figures:
        for raw in judged_parts.primaries(plan, name):
            part = Part.model_validate(raw, strict=False)
            assert part.criterion == ledger[part.id].criterion
            assert part.metrics == ledger[part.id].metrics
            assert (part.better, part.resolution) == (ledger[part.id].better, ledger[part.id].resolution)


def test_a_figure_reads_what_its_primaries_compare(plan):
    part = judged_parts.primaries(plan, "paired_differences")[0]
    assert judged_parts.analyses(part) == {"tuned_learning"}
    job = plan.job("draw", figure="paired_differences")
    assert {*plan.tables("depth_learning"), *plan.tables("tuned_learning")} <= set(job.inputs)
    assert part in job.settings["criteria"]


def test_another_bound_is_another_figure(plan, monkeypatch):
    before, other = plan.job("draw", figure="probes").settings_hash, Plan.load("study")
    claims = judged_parts.read()
    claim = next(each for each in claims if each["id"] == "C14")
    next(part for part in claim["parts"] if part["id"] == claim["primary"])["above"] = -0.5
    monkeypatch.setitem(other.__dict__, "claims", claims)
    assert other.job("draw", figure="probes").settings_hash != before


def test_the_caption_tells_what_the_rows_mean_where_there_are_some(plan):
    assert judged_parts.MEANING in plan.caption("probes")
    assert judged_parts.MEANING not in plan.caption("rdm_grid")


def test_a_study_without_the_analyses_has_no_rows(root, monkeypatch):
    monkeypatch.chdir(root)
    smoke = Plan.load("smoke")
    analyses = {
        each
        for name in smoke.study.figures
        for part in judged_parts.primaries(smoke, name)
        for each in judged_parts.analyses(part)
    }
    assert analyses <= smoke.study.analyses.keys()
    assert not judged_parts.primaries(smoke, "norms")


def test_without_a_ledger_there_are_no_claims(tmp_path):
    assert judged_parts.read(tmp_path / "claims.yaml") == []
