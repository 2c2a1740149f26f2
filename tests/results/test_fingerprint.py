"""The fingerprint changes with what code does, and with nothing else."""

import pytest

from pipeline.results import fingerprint as module


@pytest.fixture
def package(tmp_path, monkeypatch):
    files = {
        "__init__.py": '"""The package."""\n',
        "stage.py": '"""A stage."""\nfrom pipeline import science\n\n\ndef main():\n    """Run."""\n    return science.value()\n',
        "science.py": "from pipeline.ground import ONE\n\ndef value():\n    return ONE\n",
        "ground.py": "ONE = 1\n",
        "other.py": "TWO = 2\n",
    }
    (tmp_path / "pipeline").mkdir()
    for name, text in files.items():
        (tmp_path / "pipeline" / name).write_text(text)
    monkeypatch.setattr(module, "ROOT", tmp_path)

    for cached in (module._parse, module._tree_hash, module._imports):
        cached.cache_clear()

    def take():
        for cached in (module._parse, module._tree_hash, module._imports):
            cached.cache_clear()
        return module.fingerprint("pipeline.stage")

    yield tmp_path / "pipeline", take
    for cached in (module._parse, module._tree_hash, module._imports):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("stage.py", '"""A stage."""', '"""Another text."""', False),
        ("stage.py", '    """Run."""\n', "    # a comment\n", False),
        ("stage.py", "return science.value()", "return (science\n        .value())", False),
        ("stage.py", "return science.value()", "return -science.value()", True),
        ("science.py", "return ONE", "return ONE + 1", True),
        ("ground.py", "ONE = 1", "ONE = 2", True),
        ("ground.py", "ONE = 1", "ONE = 1.0", True),
        ("other.py", "TWO = 2", "TWO = 3", False),
        ("__init__.py", '"""The package."""\n', "import os\n", True),
    ],
)
def test_what_changes_it(package, file, old, new, changes):
    folder, take = package
    before = take()
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    assert (take() != before) == changes


def test_it_is_the_same_in_every_version_of_python(package):
    """Syntax trees differ: 3.12 adds fields and, in formats, empty texts; 3.13 leaves empty fields out of a dump."""
    folder, take = package
    (folder / "science.py").write_text(
        "class Empty:\n    pass\n\n\n"
        "def value(*, width=3):\n    return f'{value:<{width}} {width!r:>4}' + f'{width:{width}}'\n"
    )
    assert take() == "807fa0e65923c06e"


def test_a_missing_module_is_named():
    with pytest.raises(FileNotFoundError, match="no_such_module"):
        module.fingerprint("pipeline.no_such_module")


def test_stages_depend_on_the_science_that_they_use():
    assert "pipeline.learning.gate" in _reached("pipeline.stages.train")
    assert "pipeline.learning.gate" not in _reached("pipeline.stages.draw")


def _reached(name):
    todo, seen = [name], set()
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += module._imports(here)
    return seen


def test_plumbing_is_left_out(package):
    folder, _ = package
    leave = frozenset({"pipeline.science"})
    before = module.fingerprint("pipeline.stage", without=leave)
    (folder / "science.py").write_text("def value():\n    return 3\n")
    (folder / "ground.py").write_text("ONE = 3\n")
    for cached in (module._parse, module._tree_hash, module._imports):
        cached.cache_clear()
    assert module.fingerprint("pipeline.stage", without=leave) == before


def test_modules_that_decide_numbers_are_not_plumbing():
    from pipeline.study.jobs import PLUMBING

    reached = set().union(
        *(_reached(f"pipeline.stages.{stage}") for stage in ("train", "represent", "analyse", "draw"))
    )
    decide = (
        "learning.gate", "learning.placement", "learning.build", "learning.network", "learning.losses", "learning.optimisers",
        "learning.trainer", "learning.blockwise", "learning.batches", "learning.measurements", "learning.error_bound",
        "results.activations", "results.store", "random_streams", "datasets.shared.splits", "runs.build", "runs.session", "runs.extract", "runs.tuning",
    )  # fmt: skip
    for science in decide:
        name = f"pipeline.{science}"
        assert name in reached
        assert not any(name == each or name.startswith(f"{each}.") for each in PLUMBING)
