"""What the list of claims says in words of results that were found holds in the published ones."""

import json
import re

import published_results
import pytest

from pipeline.verdicts.claims import load_claims


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The published numbers and verdicts."""
    place = tmp_path_factory.mktemp("published")
    published_results.lay_out(place, {"metrics.json", "verdicts.json"})
    rows = json.loads((place / "verdicts.json").read_text())
    return json.loads((place / "metrics.json").read_text())["metrics"], {row["id"]: row for row in rows}


@pytest.fixture(scope="module")
def open_words(pytestconfig):
    """What the claims say that their tests don't show."""
    return {claim.id: claim.open for claim in load_claims(pytestconfig.rootpath / "configs" / "claims.yaml").claims}


def test_weights_grow_differently_on_the_two_sides_of_an_sg(found, open_words):
    words = (
        "growth falls towards the output below the SG and rises above it, where the true gradient arrives; so it does"
    )
    assert words in open_words["C15"]
    metrics, _ = found
    for method in ("one_sg", "backprop"):
        below, above = (metrics["tuned_norms"][f"growth_trend_{side}.{method}.hidden20"] for side in ("below", "above"))
        assert below["high"] < 0 < above["low"]
    assert "Over all layers it falls with one SG (C15.g) and rises with backprop." in open_words["C15"]
    whole = {method: metrics["tuned_norms"][f"growth_trend.{method}.hidden20"] for method in ("one_sg", "backprop")}
    assert whole["one_sg"]["high"] < 0 < whole["backprop"]["low"]


def test_one_sg_is_slower_to_the_highest_loss_and_faster_to_the_lowest(found, open_words):
    assert "one SG is slower to the highest loss (C12.e) and faster to the lowest (C12.f)" in open_words["C12"]
    _, rows = found
    assert rows["C12.e"]["interval"][0] > 1 > rows["C12.f"]["interval"][1]


def test_a_difference_that_counts_as_none_need_not_be_zero(found, open_words):
    assert "its interval may leave out zero and still count as none" in open_words["C16"]
    _, rows = found
    assert rows["C16.a"]["verdict"] == "equivalent"
    assert rows["C16.a"]["interval"][0] > 0


def test_the_number_that_is_checked_by_hand_is_the_ledgers(found, pytestconfig, tmp_path, monkeypatch, capsys):
    """The code in docs/results.md, as it stands there."""
    published_results.lay_out(tmp_path / "results" / "study", {"analyse"})
    monkeypatch.chdir(tmp_path)
    page = (pytestconfig.rootpath / "docs" / "results.md").read_text()
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "scipy" in each]
    exec(compile(code, "docs/results.md", "exec"), {})
    _, rows = found
    row = rows["C11.a"]
    low, high = row["interval"]
    assert capsys.readouterr().out == f"{row['statistic']:.4f} [{low:.4f}, {high:.4f}], n = {row['n']}\n"
