"""`make` and `make help` list every target and variable, and install nothing."""

import contextlib
import io
import re
import shutil
import subprocess

import pytest

from pipeline.__main__ import main

TOOLS = ("make", "awk")  # and bash, by its path


@pytest.fixture
def listing(root, tmp_path):
    """Calls make in a folder with nothing but the Makefile and a PATH with nothing but `TOOLS`; returns its output."""
    tools, folder = tmp_path / "tools", tmp_path / "folder"
    tools.mkdir()
    folder.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool))
    shutil.copy(root / "Makefile", folder)

    def call(*words):
        command = [str(tools / "make"), *words]
        done = subprocess.run(command, cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert [path.name for path in folder.iterdir()] == ["Makefile"], "no .venv, and no other file"
        return done.stdout

    return call


def targets(root):
    """The phony targets that are meant to be called."""
    lines = re.findall(r"^\.PHONY: (.*)", (root / "Makefile").read_text(), re.MULTILINE)
    return {word for line in lines for word in line.split()} - {"always"}


def listed(text):
    """What `make help` prints of each target: what it does and what it takes."""
    found = re.findall(r"^  ([a-z-]+) +(\S.*)\n +\((.*)\)$", text, re.MULTILINE)
    return {target: (what, takes) for target, what, takes in found}


def test_bare_make_is_help(listing):
    assert listing() == listing("help")


def test_every_target_is_listed_with_what_it_does_and_takes(root, listing):
    found = listed(listing())
    assert set(found) == targets(root)
    assert all(len(what) > 10 and takes for what, takes in found.values())


def test_every_target_of_the_makefile_is_phony(root):
    rules = set(re.findall(r"^([a-z-]+):(?!=)", (root / "Makefile").read_text(), re.MULTILINE))
    assert rules == targets(root)


def test_every_variable_is_explained(root, listing):
    explained = set(re.findall(r"^  ([A-Z_]+)=", listing().partition("\nVariables\n")[2], re.MULTILINE))
    assert {"STUDY", "TORCH", "PYTHON", "OPTIONS"} <= explained
    assert set(re.findall(r"^([A-Z_]+) \?=", (root / "Makefile").read_text(), re.MULTILINE)) <= explained


def test_help_and_docs_state_the_same_times(root, listing):
    rows = dict(re.findall(r"^\| `make ([a-z-]+)` \| (.*)", (root / "docs" / "running.md").read_text(), re.MULTILINE))
    times = {
        target: re.match(r"under [a-z ]*(?:minutes|hour)", takes) for target, (_, takes) in listed(listing()).items()
    }
    assert sum(map(bool, times.values())) >= 4
    for target, time in times.items():
        if time:
            assert time[0] in rows[target], target


@pytest.mark.parametrize("target", ["reproduce", "smoke"])
def test_the_last_commands_of_a_study_have_the_arguments_they_need(root, target, tmp_path, monkeypatch, capsys):
    """They come after all jobs: a fault in them is met when everything else is done."""
    recipe = re.search(rf"^{target}: .*\n((?:[\t ].*\n)+)", (root / "Makefile").read_text(), re.MULTILINE)[1]
    commands = re.findall(r"python -m pipeline (.*)", recipe)
    assert [each.split()[0] for each in commands] == ["progress", "found"]
    shutil.copytree(root / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for command in commands:
        with contextlib.suppress(SystemExit):
            main(command.split())
        assert "usage" not in capsys.readouterr().err
