"""What `python -m pipeline found` prints."""

import shutil

import pytest
import small_ledger as small
from small_ledger import claim, part

from pipeline.errors import ExplainedError
from pipeline.pages.found import main
from pipeline.results import paths, store
from pipeline.verdicts.judge import judge_claim


@pytest.fixture
def place(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    shutil.copy(root / "configs" / "smoke.yaml", tmp_path / "configs" / "mine.yaml")
    return tmp_path


def test_the_sentences_and_where_the_report_is(place, capsys):
    up = claim(part(), short="one is larger", topic="learning")
    store.write_json(paths.verdicts("mine"), judge_claim(up, small.METRICS, []))
    main(["--study", "mine"])
    first, second, last = capsys.readouterr().out.splitlines()
    assert (first[:2], second) == ("- ", "- On learning, it holds that one is larger (C1).")
    assert last == f"All figures, tables and runs: {(place / paths.report('mine')).as_uri()}"


def test_an_unknown_study_and_missing_verdicts_are_told(place):
    with pytest.raises(ExplainedError, match="did you mean 'mine'"):
        main(["--study", "mime"])
    with pytest.raises(ExplainedError, match=r"verdicts\.json: no such file"):
        main(["--study", "mine"])
