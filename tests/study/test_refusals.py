"""What the user or the machine did wrong is told in a sentence; a bug shows its traceback."""

import ast
import errno
import importlib
import subprocess
import sys
import types

import numpy as np
import pytest
import small_study
import torch
from small_study import BLOCK, STUDY

from pipeline import __main__ as commands
from pipeline import errors
from pipeline.errors import ExplainedError
from pipeline.pages import rule_graph
from pipeline.results import store

INTERNAL = {"SourceError", "NotOnlineError"}  # caught where they are raised, and put into another message
HUGE = 1 << 60  # bytes


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the configs of a small study, without results."""
    monkeypatch.chdir(small_study.write(tmp_path / "place"))
    return tmp_path / "place"


def said(capsys, *words):
    """What a command that fails prints on stderr, with its exit code."""
    with pytest.raises(SystemExit) as end:
        commands.main(words)
    return end.value.code, capsys.readouterr().err


@pytest.fixture
def verb(monkeypatch):
    """A verb that raises an error."""

    def make(error, **constants):
        def main(_):
            raise error

        module = types.SimpleNamespace(main=main, **constants)
        monkeypatch.setattr(commands, "modules", lambda: {"fail": "failing"})
        monkeypatch.setitem(sys.modules, "failing", module)

    return make


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ExplainedError("a: found b, expected c"), "a: found b, expected c\n"),
        (PermissionError(errno.EACCES, "Permission denied", "x/y"), "x/y: permission denied; change the permissions"),
        (OSError(errno.EROFS, "Read-only file system", b"x/y"), "x/y: read-only file system; run the same command"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on the device; make room and run"),
        (store.FullDiskError(errno.EDQUOT, errors.REMEDIES[errno.EDQUOT], "x"), "x: the disk quota is used up; make"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: Is a directory\n"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "x", None, "y"), "x -> y: Invalid cross-device link\n"),
        (TimeoutError("not done within 3 s"), "not done within 3 s\n"),
        (ConnectionResetError(), "ConnectionResetError\n"),
        (MemoryError(), "not enough memory; take a smaller batch or network, or a machine with more memory\n"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0"), "(asked for 2.50 GiB)\n"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_sentence_and_no_traceback(verb, capsys, error, expected):
    verb(error)
    code, found = said(capsys, "fail")
    assert code == 1
    assert expected in found
    assert len(found.splitlines()) == 1


def test_a_verb_for_which_1_means_something_else_has_its_own_exit_code(verb, capsys):
    verb(ExplainedError("no"), REFUSED=2)
    assert said(capsys, "fail") == (2, "no\n")


@pytest.mark.parametrize(
    "error", [TypeError("x"), KeyError("x"), AssertionError(), ValueError("x"), RuntimeError("x"), ZeroDivisionError()]
)
def test_a_bug_shows_its_traceback(verb, error):
    verb(error)
    with pytest.raises(type(error)):
        commands.main(["fail"])


def test_memory_that_torch_or_numpy_can_t_get_is_told():
    for ask in (lambda: torch.empty(HUGE, dtype=torch.uint8), lambda: np.empty(HUGE, dtype=np.uint8)):
        with pytest.raises((RuntimeError, MemoryError)) as error:
            ask()
        told = errors.sentence(error.value)
        assert told is not None
        assert told.startswith(errors.MEMORY + " (asked for 1")


def test_every_class_of_errors_is_explained_or_caught_inside(root):
    """Found in the code: a new class that is forgotten fails here."""
    found = set()
    for path in (root / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                module = ".".join(path.relative_to(root).with_suffix("").parts)
                found.add(getattr(importlib.import_module(module), node.name))
    assert len(found) > 10
    for kind in found:
        assert issubclass(kind, ExplainedError | OSError) or kind.__name__ in INTERNAL, kind


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--study", STUDY, "--block", "nosuch"], "study 'small' has no block 'nosuch'"),
        (["train", "--study", "smal", "--block", BLOCK], "no study 'smal' (did you mean 'small'?)"),
        (["judge", "--study", STUDY], "results/small/metrics.json: no such file; run the workflow"),
        (
            ["represent", "--study", STUDY, "--block", BLOCK],
            f"results/small/checkpoints/{BLOCK}.safetensors: no such file",
        ),
        (["analyse", "--study", STUDY, "--analysis", "learning", "--job", "runs"], "history.parquet: no such file"),
        (["draw", "--study", STUDY, "--figure", "learning_curves"], "learning/runs.parquet: no such file"),
        (["summarise", "--study", STUDY], "learning/runs.parquet: no such file"),
        (["track", "--study", STUDY], "learning/runs.parquet: no such file"),
        (["verify", "--study", STUDY], "results/small/metrics.json is not there: run the study first"),
        (["archive", "--study", STUDY], "expected a git checkout with a commit"),
        (["prepare", "--dataset", "digts", "--root", "data/digits"], "did you mean 'digits'?"),
        (["pack", "--study", STUDY, "--dataset", "mnist"], "data/mnist/train-images-idx3-ubyte: No such file"),
        (["audit", "--study", STUDY], "found no results/small, expected the results of a study"),
        (["why", "--study", "smal"], "no study 'smal' (did you mean 'small'?)"),
        (["publish", "--study", STUDY], "results/small: expected the study's results, found none; run the workflow"),
        (["review", "--study", "smal"], "no study 'smal' (did you mean 'small'?)"),
        (["report", "--study", "smal"], "no study 'smal' (did you mean 'small'?)"),
        (["document"], "README.md: No such file or directory"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_every_verb_tells_what_is_missing(place, capsys, words, expected):
    code, found = said(capsys, *words)
    assert code in (1, 2)
    assert expected in found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("titel: x\n", "configs/small.yaml: titel: unknown key (did you mean 'title'?)"),
        ("title: [\n", "configs/small.yaml: not YAML: "),
        ("title: f\xfcr\n", "configs/small.yaml: found byte 0xfc in line 1, expected text in UTF-8"),
    ],
)
@pytest.mark.parametrize("verb", ["judge", "report", "verify", "review", "archive", "audit", "publish"])
def test_a_broken_config_is_told(place, capsys, verb, content, expected):
    (place / "configs" / "small.yaml").write_bytes(content.encode("latin-1"))
    code, found = said(capsys, verb, "--study", STUDY)
    assert code in (1, 2)
    assert expected in found
    assert "Traceback" not in found


def test_broken_documents_are_told(root, place, capsys, monkeypatch):
    """Of the list of claims, of the default study, and of README."""
    (place / "README.md").write_text("without marks")
    (place / "configs" / "study.yaml").write_text("titel: x\n")
    assert "configs/study.yaml: " in said(capsys, "document")[1]
    (place / "configs" / "study.yaml").write_bytes((root / "configs" / "study.yaml").read_bytes())
    monkeypatch.setattr(rule_graph, "ask", lambda: "")
    assert "README.md: expected the part <!-- begin " in said(capsys, "document")[1]
    store.write_json(place / "results" / "small" / "metrics.json", {"metrics": {}})
    (place / "configs" / "claims.yaml").write_bytes(b"claims: f\xfcr\n")
    assert "configs/claims.yaml: found byte 0xfc in line 1" in said(capsys, "judge", "--study", STUDY)[1]
    (place / "configs" / "claims.yaml").write_text("claims: [\n")
    assert "configs/claims.yaml: not YAML: " in said(capsys, "judge", "--study", STUDY)[1]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIPELINE_GPUS", "a b!"), ("PIPELINE_JOBS_PER_GPU", "none"), ("PIPELINE_CHECKPOINT_SECONDS", "soon")],
)
def test_a_variable_that_can_t_be_used_is_told(place, variable, value):
    variables = {variable: value, **({"PIPELINE_GPUS": "0"} if variable == "PIPELINE_JOBS_PER_GPU" else {})}
    process = small_study.stage(place, "train", "--study", STUDY, "--block", BLOCK, **variables)
    code, found = small_study.ended(process)
    assert code == 1
    assert f"{variable}: found {value!r}, expected" in found.splitlines()[-1]
    assert "Traceback" not in found


SNAKEMAKE = [sys.executable, "-m", "snakemake", "-n"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--config", "study=smal"], ["no study 'smal' (did you mean 'small'?); studies are files in configs/"]),
        (
            ["--config", "stduy=small"],
            ["--config: found the key 'stduy', expected study (did you mean 'study'?); such"],
        ),
        (["--config", "study=small", "--", "results/small/train/no/summary.json"], ["study 'small' has no block 'no'"]),
        (["--config", "study=folder"], ["configs/folder.yaml: Is a directory"]),
        (["--config", "study=faulty"], ["configs/faulty.yaml: title: missing", "configs/faulty.yaml: titel: unknown"]),
    ],
)
def test_snakemake_prints_the_sentence_and_no_code(tmp_path, words, expected):
    place = small_study.tree(tmp_path / "tree")
    (place / "configs" / "folder.yaml").mkdir()
    text = (place / "configs" / "small.yaml").read_text()
    (place / "configs" / "faulty.yaml").write_text(text.replace("title:", "titel:", 1))
    environment = small_study.environment(PYTHONPATH="")
    done = subprocess.run([*SNAKEMAKE, *words], cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    for line, begin in zip(lines[-len(expected) :], expected, strict=True):
        assert line.startswith(begin)
    assert not [line for line in lines if "File " in line or "Error" in line or "Traceback" in line]


def test_snakemake_names_a_caption_that_isn_t_utf_8(tmp_path):
    place = small_study.tree(tmp_path / "tree")
    (place / "workflow" / "report" / "learning_curves.rst").write_bytes(b"Kurven f\xfcr")
    environment = small_study.environment(PYTHONPATH="")
    command = [*SNAKEMAKE, "--config", f"study={STUDY}"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("workflow/report/learning_curves.rst: found byte 0xfc in line 1")
