"""Where a result comes from, in words; what git can't tell of this folder is not known, never clean."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.audit.code_versions import Origin
from pipeline.results import provenance

NOT_KNOWN = {"commit": None, "dirty": None}
OTHER_USER = 65534
GIT = shutil.which("git")


def git(*words, folder=None):
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words],
        cwd=folder, env=provenance.git_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def repository(folder):
    folder.mkdir(parents=True)
    git("init", "--quiet", folder=folder)
    (folder / "code.py").write_text("a = 1\n")
    git("add", ".", folder=folder)
    git("commit", "--quiet", "--message", "Begin", folder=folder)
    return folder


@pytest.fixture(autouse=True)
def _ask_anew():
    provenance.commit.cache_clear()
    yield
    provenance.commit.cache_clear()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The top of a clean repository, which is the folder where the commands run; the user has no settings of git."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = repository(tmp_path / "a place")
    monkeypatch.chdir(folder)
    return folder


def test_a_clean_tree_has_its_commit(place):
    assert provenance.commit() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (place / "new.txt").write_text("not tracked\n")
    provenance.commit.cache_clear()
    assert provenance.commit()["dirty"] is False


@pytest.mark.parametrize("stage", [False, True])
def test_changed_files_are_uncommitted_changes(place, stage):
    (place / "code.py").write_text("a = 2\n")
    if stage:
        git("add", "code.py")
    assert provenance.commit() == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_a_work_tree_of_its_own_has_its_commit(place, monkeypatch):
    git("worktree", "add", "--quiet", "../second")
    monkeypatch.chdir(place / "../second")
    assert provenance.commit() == {"commit": git("rev-parse", "HEAD"), "dirty": False}


def damage_index(place):
    (place / ".git" / "index").write_text("garbage")


def lose_objects(place):
    shutil.rmtree(place / ".git" / "objects")
    (place / ".git" / "objects").mkdir()


def damage_head(place):
    (place / ".git" / "HEAD").write_text("garbage\n")


def remove_git(place):
    shutil.rmtree(place / ".git")


def commit_nothing(place):
    remove_git(place)
    git("init", "--quiet", folder=place)


def point_nowhere(place):
    remove_git(place)
    (place / ".git").write_text("gitdir: /nowhere\n")


FAULTS = [damage_index, lose_objects, damage_head, remove_git, commit_nothing, point_nowhere]


@pytest.mark.parametrize("spoil", FAULTS, ids=[fault.__name__ for fault in FAULTS])
def test_a_repository_that_git_cannot_read_is_not_clean(place, spoil):
    spoil(place)
    assert provenance.commit() == NOT_KNOWN


def test_without_git_nothing_is_known(place, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit() == NOT_KNOWN


@pytest.mark.parametrize("question", ["rev-parse --show-prefix", "rev-parse --verify HEAD", "status"])
@pytest.mark.parametrize("answer", ["exit 1", "exec sleep 30"])
def test_each_question_that_fails_or_takes_too_long_leaves_it_unknown(place, tmp_path, monkeypatch, question, answer):
    """A git that fails at one of the questions, and answers the others."""
    assert GIT
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(f'#!/bin/sh\ncase "$*" in *"{question}"*) {answer};; esac\nexec {GIT} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    monkeypatch.setattr(provenance, "SECONDS", 0.5)
    assert provenance.commit() == NOT_KNOWN


def test_a_folder_of_another_user_is_not_asked(place):
    """Git calls that dubious ownership, and says nothing of such a repository."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    for path in (place, *place.rglob("*")):
        os.chown(path, OTHER_USER, OTHER_USER)
    done = subprocess.run(["git", "status"], env=provenance.git_environment(), capture_output=True, text=True)
    if "dubious ownership" not in done.stderr:
        pytest.skip("git trusts every folder on this machine")
    assert provenance.commit() == NOT_KNOWN


@pytest.mark.parametrize("tracked", [False, True])
def test_a_folder_inside_another_repository_has_not_its_commit(place, monkeypatch, tracked):
    unpacked = place / "sources"
    unpacked.mkdir()
    (unpacked / "pipeline.py").write_text("b = 1\n")
    if tracked:
        git("add", ".")
        git("commit", "--quiet", "--message", "Keep a copy")
    monkeypatch.chdir(unpacked)
    assert provenance.commit() == NOT_KNOWN


def test_the_users_variables_do_not_lead_git_elsewhere(place, tmp_path, monkeypatch):
    other = repository(tmp_path / "other")
    (other / "more.py").write_text("c = 1\n")
    git("add", ".", folder=other)
    git("commit", "--quiet", "--message", "Go on", folder=other)
    (place / "code.py").write_text("a = 2\n")
    expected = {"commit": git("rev-parse", "HEAD"), "dirty": True}
    for name, value in (
        ("GIT_DIR", other / ".git"),
        ("GIT_WORK_TREE", other),
        ("GIT_INDEX_FILE", other / ".git" / "index"),
        ("GIT_OBJECT_DIRECTORY", other / ".git" / "objects"),
        ("GIT_CEILING_DIRECTORIES", place.parent),
    ):
        monkeypatch.setenv(name, str(value))
    assert provenance.commit() == expected


def test_bytes_that_are_no_text_are_no_fault(place):
    git("config", "core.quotePath", "false")
    Path(os.fsdecode(b"caf\xe9.py")).write_text("d = 1\n")
    git("add", ".")
    assert provenance.commit()["dirty"] is True


@pytest.mark.parametrize(
    ("dirty", "said"),
    [
        (False, "0123456789ab"),
        (True, "0123456789ab with uncommitted changes"),
        (None, "0123456789ab (uncommitted changes: not known)"),
    ],
)
def test_what_is_known_of_changes_is_worded(dirty, said):
    origin = {"commit": "0123456789abcdef", "dirty": dirty}
    assert provenance.describe_commit(origin) == said
    assert Origin(None, Path("x"), origin).commit == f"commit {said}"
    assert Origin(None, Path("x"), NOT_KNOWN).commit == "no known commit"
    assert provenance.describe_commit(NOT_KNOWN) is provenance.describe_commit({}) is None


@pytest.mark.parametrize(
    ("each", "any_of_them"),
    [([False, False], False), ([False, None], None), ([None, True], True), ([], False)],
)
def test_one_that_does_not_know_makes_them_all_unknown(each, any_of_them):
    assert provenance.any_dirty({"dirty": dirty} for dirty in each) is any_of_them


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({}, None),
        ({"hardware": None}, None),
        ({"hardware": {"cpu": "A CPU", "cores": 2, "gpu": None}}, "A CPU, 2 cores, no GPU"),
        ({"hardware": {"cpu": "A CPU", "cores": 2, "gpu": "A GPU"}}, "A CPU, 2 cores, A GPU"),
    ],
)
def test_hardware_is_named_with_its_cores_and_graphics_card(origin, words):
    assert provenance.describe_hardware(origin) == words
