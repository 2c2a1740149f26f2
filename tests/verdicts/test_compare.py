"""The command that compares a run with reference values: its output and exit codes."""

import json
import shutil

import pytest

from pipeline import __main__ as commands
from pipeline.metrics import formatting
from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.verdicts import compare, published

VALUES = [0.9, 0.92, 0.91]
NUMBERS = {"x": VALUES, "y": [1.0]}
VERDICTS = [{"id": "C1", "verdict": "partly"}, {"id": "C1.a", "verdict": "replicated"}]


def write(numbers, verdicts, *, settings=None, folder=None):
    """Write a run's metrics.json and verdicts.json."""
    folder = folder or paths.results("smoke")
    settings = settings or Plan.load("smoke").settings_hash()
    found = {name: {"values": values, "mean": sum(values) / len(values)} for name, values in numbers.items()}
    machine = {"cpu": "A CPU", "gpu": None, "system": "Linux"}
    origin = {"settings": settings, "hardware": machine, "versions": {}, "commit": "c" * 40, "dirty": False}
    store.write_json(folder / "metrics.json", {"study": "smoke", "metrics": {"a": found}, store.PROVENANCE: origin})
    store.write_json(folder / "verdicts.json", verdicts)


@pytest.fixture
def place(root, tmp_path, monkeypatch):
    """A folder with the studies and one finished run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "configs", "configs")
    write(NUMBERS, VERDICTS)
    return tmp_path


@pytest.fixture
def call(place, capsys):
    """A function that calls the command and returns its exit code and output."""

    def called(*more):
        code = 0
        try:
            commands.main(["verify", "--study", "smoke", *more])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out + said.err

    return called


def test_of_pulled_results_it_says_that_they_were_not_recomputed(call):
    call("--publish")
    assert "pulled, not recomputed" not in call()[1]
    paths.summary("smoke", "b").parent.mkdir(parents=True)
    assert "These results were pulled, not recomputed here" in call()[1]
    store.write_bytes(paths.checkpoints("smoke", "b"), b"models")
    assert "pulled, not recomputed" not in call()[1]


def test_what_was_published_is_identical(call):
    code, said = call("--publish")
    assert (code, said) == (0, "published/values/smoke.json: 2 numbers and 2 verdicts\n")
    code, said = call()
    assert code == 0
    assert "2 identical, 0 within tolerance, 0 new, 0 differs" in said
    assert said.index("Numbers:") < said.index("partly, the same")
    assert "number that differs" not in said


def test_what_differs_is_told_and_exits_with_one(call):
    call("--publish")
    write({**NUMBERS, "y": [1.5]}, VERDICTS)
    code, said = call()
    assert code == 1
    assert f"a/y 1.000 1.500 {formatting.MISSING} one seed" in " ".join(said.split())


def test_a_changed_verdict_alone_exits_with_one(call):
    call("--publish")
    write(NUMBERS, [VERDICTS[0], {"id": "C1.a", "verdict": "partly"}])
    code, said = call()
    assert code == 1
    assert "C1.a replicated, here partly" in " ".join(said.split())
    assert "0 differs" in said


def test_new_numbers_and_the_spread_of_seeds_are_no_difference(call):
    call("--publish")
    write({**NUMBERS, "x": [0.9, 0.93, 0.91], "z": [2.0]}, VERDICTS)
    code, said = call()
    assert code == 0
    assert "1 identical, 1 within tolerance, 1 new, 0 differs" in said


def test_forty_numbers_are_listed_and_the_rest_is_counted(call):
    call("--publish")
    write({f"n{i}": [1.0] for i in range(42)}, VERDICTS)
    call("--publish")
    write({f"n{i}": [2.0] for i in range(42)}, VERDICTS)
    _, said = call()
    assert said.count("one seed") == compare.SHOWN == 40
    assert "and 2 more" in said


def test_everything_as_json(call):
    call("--publish")
    write({**NUMBERS, "y": [1.5]}, VERDICTS)
    code, said = call("--json")
    found = json.loads(said)
    assert code == 1
    assert found["counts"] == {"identical": 1, "within tolerance": 0, "new": 0, "differs": 1}
    assert {each["name"]: each["ruling"] for each in found["numbers"]} == {"a/x": "identical", "a/y": "differs"}
    assert found["claims"][0]["id"] == "C1"


def test_another_run_can_be_compared_with(call, place):
    write({**NUMBERS, "y": [1.5]}, VERDICTS, folder=place / "other")
    code, said = call("--against", "other")
    assert code == 1
    assert "other/metrics.json" in said


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda: None, "publish this run's values"),
        (lambda: paths.metrics("smoke").unlink(), "run the study first"),
        (lambda: paths.verdicts("smoke").unlink(), "run the study first"),
        (lambda: paths.metrics("smoke").write_text("{"), "expected JSON"),
        (lambda: paths.metrics("smoke").write_text("{}"), "run `summarise` again"),
        (lambda: paths.verdicts("smoke").write_text("[1]"), "run `judge` again"),
        (lambda: write(NUMBERS, VERDICTS, settings="0" * 12), "was made with settings 000000000000"),
    ],
)
def test_what_cant_be_compared_exits_with_two_and_says_what_to_do(call, spoil, told):
    spoil()
    code, said = call()
    assert code == 2
    assert told in said


def test_published_values_of_other_settings_arent_compared(call):
    write(NUMBERS, VERDICTS, settings="0" * 12)
    published.write(published.gather(store.read_json(paths.metrics("smoke")), VERDICTS))
    write(NUMBERS, VERDICTS)
    code, said = call()
    assert code == 2
    assert "published/values/smoke.json was made with settings 000000000000" in said
    assert "--publish" in said


def test_a_study_that_isnt_there_exits_with_two(place, capsys):
    with pytest.raises(SystemExit) as end:
        commands.main(["verify", "--study", "no_such"])
    assert end.value.code == 2
    assert capsys.readouterr().err


def test_numbers_of_other_settings_arent_published(call):
    write(NUMBERS, VERDICTS, settings="0" * 12)
    assert call("--publish")[0] == 2
    assert not paths.published("smoke").exists()
