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
    monkeypatch.setattr(module, "KEPT", tmp_path / "kept" / "sources.json")
    monkeypatch.setattr(module.atexit, "register", lambda write: None)

    for cached in (module._kept, module._source, module._imports):
        cached.cache_clear()

    def take():
        for cached in (module._kept, module._source, module._imports):
            cached.cache_clear()
        return module.fingerprint("pipeline.stage")

    yield tmp_path / "pipeline", take
    for cached in (module._kept, module._source, module._imports):
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
    for cached in (module._kept, module._source, module._imports):
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


SOURCE = b'"""About."""\nimport pipeline.x\nfrom pipeline import y\nfrom elsewhere import z\nA = 1\n'


def written(path):
    kept = module.Kept(path)
    found = kept.source(SOURCE)
    kept._write()
    return found


def test_sources_are_parsed_once(tmp_path, monkeypatch):
    path = tmp_path / "new" / "sources.json"
    found = written(path)
    assert found.names == ("pipeline", "pipeline.x", "pipeline.y")
    monkeypatch.setattr(module, "_parsed", None)
    assert module.Kept(path).source(SOURCE) == found
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 1, "sources": {}}', '{"version": "V", "sources": {"K": 1}}']
)
def test_a_file_of_something_else_is_made_anew(tmp_path, content):
    path = tmp_path / "sources.json"
    right = written(path)
    before = path.read_bytes()
    version = module.Kept(path).version
    key = module.hashlib.sha256(SOURCE).hexdigest()
    path.write_text(content.replace("V", version).replace("K", key))
    assert written(path) == right
    assert path.read_bytes() == before


def test_of_too_many_sources_those_in_use_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "sources.json"
    monkeypatch.setattr(module, "MOST", 1)
    written(path)
    kept = module.Kept(path)
    kept.source(b"B = 2\n")
    kept._write()
    assert list(module.Kept(path).found) == [module.hashlib.sha256(b"B = 2\n").hexdigest()]


def test_where_nothing_can_be_written_nothing_is(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert written(tmp_path / "file" / "sources.json").hash
