"""The rows of criteria on the published study's figures have the ledger's numbers."""

import json
import math

import pytest
from published_results import ROOT, STUDY, lay_out

from pipeline.stages import draw
from pipeline.study.plan import Plan


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The project's configs with the published tables and verdicts."""
    place = tmp_path_factory.mktemp("published")
    for name in ("configs", "pipeline", "data", "workflow"):
        (place / name).symlink_to(ROOT / name)
    lay_out(place / "results" / STUDY, {"analyse", "verdicts.json"})
    return place


def test_each_row_is_the_number_that_was_judged(place, monkeypatch):
    monkeypatch.chdir(place)
    plan = Plan.load(STUDY)
    rows = {row["id"]: row for row in json.loads((place / "results" / STUDY / "verdicts.json").read_text())}
    seen = []
    for figure in plan.study.figures:
        parts = plan.job("draw", figure=figure).settings.get("criteria", [])
        judged = draw.judged(plan, parts)
        assert len(judged) == len(parts)
        for part, row in zip(parts, judged, strict=True):
            verdict = rows[part["id"]]
            assert row.mean == pytest.approx(verdict["statistic"], rel=1e-12, abs=1e-300)
            if not verdict["exact"]:
                assert [row.low, row.high] == pytest.approx(verdict["interval"], rel=1e-12, abs=1e-300)
            bounds = verdict["claimed"]
            assert row.least == (-math.inf if bounds["low"] is None else bounds["low"])
            assert row.most == (math.inf if bounds["high"] is None else bounds["high"])
            assert len(row.values) == verdict["n"] - verdict["missing"]
            seen.append(part["id"])
    assert len(seen) == len(set(seen)) >= 15
