"""The published primaries come out the same from what travels, worked out a second time by other code."""

import json
import math
import shutil
from pathlib import Path

import independent
import numpy as np
import published_results
import pytest

from pipeline.verdicts import criteria

NEEDED = ("analyse", "train", "verdicts.json")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published results."""
    place = tmp_path_factory.mktemp("published")
    published_results.lay_out(place, NEEDED)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def rows(published):
    """The published verdicts by id."""
    found = json.loads((published / "verdicts.json").read_text())
    if any(row.get("criteria") != criteria.VERSION for row in found):
        pytest.skip(f"the published verdicts are older than criteria version {criteria.VERSION}")
    return {row["id"]: row for row in found}


@pytest.fixture(scope="module")
def again(published, rows):
    """The primaries by claim, worked out again."""
    return independent.primaries(independent.Results(published))


def test_every_claim_is_worked_out_again(rows, again):
    assert set(again) == {name for name in rows if "." not in name}


def test_the_numbers_of_the_primaries_are_the_published_ones(rows, again):
    differ = {}
    for claim, (values, scale) in again.items():
        row = rows[claim]
        if row["statistic"] is None:
            continue
        found = values[0] if scale is None else independent.interval(values, scale)[0]
        if not math.isclose(found, row["statistic"], rel_tol=1e-9, abs_tol=1e-12):
            differ[claim] = (found, row["statistic"])
    assert differ == {}


def test_their_intervals_are_the_published_ones(rows, again):
    """Shares have Wilson's interval, and numbers of which a run is missing another: those are left out here."""
    checked, differ = 0, {}
    for claim, (values, scale) in again.items():
        row = rows[claim]
        spread = np.ptp(values) > 0 and np.isfinite(values).all()
        if scale in (None, "share") or row["interval"][0] is None or row["missing"] or not spread:
            continue
        found = independent.interval(values, scale)[1:]
        checked += 1
        if not np.allclose(found, row["interval"], rtol=1e-6, atol=1e-9):
            differ[claim] = (found, row["interval"])
    assert differ == {}
    assert checked >= 10


def test_none_of_the_projects_code_is_used():
    text = Path(independent.__file__).read_text()
    assert "import pipeline" not in text
    assert "from pipeline" not in text
