"""The tutorials are true: what they let readers call exists, and what they let them write works when it is run."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tutorials
import yaml
from studies import call, ran

from docs.generator import commands

ROOT = Path(__file__).parents[2]
DRY = "snakemake reproduce all --config study={} --dry-run"
# Programs whose options aren't the project's; make and snakemake are looked at below.
OTHERS = {"cp", "dvc", "git", "mkdir", "rm", "source"}
CALLS = [(name, line) for name in tutorials.NAMES for line in tutorials.commands(name)]


def words_of(line):
    """The program and the words of a command, without variables before it."""
    words = shlex.split(line)
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return words[0], words[1:]


@pytest.mark.parametrize("name", tutorials.NAMES)
def test_a_tutorial_is_linked_has_commands_and_is_short(name):
    assert f"(tutorials/{name}.md)" in (ROOT / "docs" / "index.md").read_text()
    assert len(tutorials.commands(name)) >= 5
    assert len(tutorials.text(name).split()) < 1200


@pytest.mark.parametrize(("name", "line"), CALLS)
def test_a_command_of_a_tutorial_exists(name, line):
    program, words = words_of(line)
    checks = {"make": check_make, "python": check_python, "snakemake": check_snakemake}
    assert program in {*checks, *OTHERS}, line
    checks.get(program, lambda _: None)(words)


def check_make(words):
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, sign, _ = word.partition("=")
        assert re.search(rf"^## {name}=" if sign else rf"^{name}:", makefile, re.MULTILINE), word


def check_python(words):
    """A verb with its options, pytest on a file that exists or that the reader writes, or a script."""
    made = {path for name in tutorials.NAMES for path in tutorials.files(name)}
    if words[0] != "-m":
        assert words[0] in made
    elif words[1] == "pytest":
        assert words[2] in made or (ROOT / words[2]).is_file()
    else:
        assert words[1] == "pipeline"
        parser = commands.parser_of(words[2])
        parser.error = _refuse
        parser.parse_args(words[3:])


def _refuse(message):
    raise argparse.ArgumentTypeError(message)


def check_snakemake(words):
    from snakemake.cli import get_argument_parser

    options = {option for action in get_argument_parser()._actions for option in action.option_strings}
    assert {word for word in words if word.startswith("-")} <= options
    study = next((word.removeprefix("study=") for word in words if word.startswith("study=")), "study")
    assert study == "bars" or (ROOT / "configs" / f"{study}.yaml").is_file()


def test_the_first_hour_adds_a_seed_to_one_sweep_and_nothing_else():
    line = yaml.safe_load(tutorials.line_of_a_study("first_hour"))
    before = yaml.safe_load((ROOT / "configs" / "smoke.yaml").read_text())["sweeps"]["sigmoid"]
    assert line["sigmoid"].pop("seeds") == [*before.pop("seeds"), 1]
    assert line["sigmoid"] == before


def test_publishing_names_keys_of_dvc_yaml():
    (block,) = re.findall(r"```yaml\n(.*?)```", tutorials.text("publish"), re.DOTALL)
    shown, there = yaml.safe_load(block)["vars"], yaml.safe_load((ROOT / "dvc.yaml").read_text())["vars"]
    assert [set(each) for each in shown] == [set(each) for each in there]


def test_the_clusters_profile_has_the_files_that_are_copied():
    assert list((ROOT / "profiles" / "slurm").glob("*.yaml"))


@pytest.fixture
def place(finished, tmp_path):
    """A copy of the project with a finished smoke study, and with the tests."""
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy, symlinks=True, ignore=shutil.ignore_patterns("wandb", "resume"))
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def follow(name, place):
    """Call the commands of a tutorial that end within seconds; what each said, by its line.

    The others run the rest of a study, check the whole project, or remove what was just made.
    """
    said = {}
    for line in tutorials.commands(name):
        program, words = words_of(line)
        if program == "python" or "--dry-run" in words:
            variables = {
                key: value for key, _, value in (word.partition("=") for word in shlex.split(line)) if key.isupper()
            }
            if words[:2] == ["-m", "pytest"]:
                words = [*words, "-n", "0"]
            executable = sys.executable if program == "python" else program
            said[line] = call(place, executable, *words, **variables)
    return said


def edit(place, before, after):
    """Change a line of the smoke study."""
    config = place / "configs" / "smoke.yaml"
    text = config.read_text()
    assert len(re.findall(before, text, re.MULTILINE)) == 1
    config.write_text(re.sub(before, lambda _: after, text, flags=re.MULTILINE))


def passes_ruff(place, name):
    """What a tutorial lets readers write has the project's format and style."""
    shutil.copy(ROOT / "ruff.toml", place)
    written = [path for path in tutorials.files(name) if path.endswith(".py") and "/" in path]
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *written], cwd=place, check=True)


def test_a_reader_adds_the_estimator(place):
    tutorials.write_files("new_estimator", place)
    edit(place, r"^\nsweeps:", tutorials.line_of_a_study("new_estimator") + "\n\nsweeps:")
    said = follow("new_estimator", place)
    assert ran(said[DRY.format("smoke")])["train"] == 1
    block = "estimators-every_diagonal-hidden2-b0"
    summary = json.loads((place / "results" / "smoke" / "train" / block / "summary.json").read_text())
    assert "finished" in json.dumps(summary)
    assert sum("1 passed" in each or "2 passed" in each for each in said.values()) == 2
    passes_ruff(place, "new_estimator")


def test_a_reader_adds_the_measure(place):
    tutorials.write_files("new_measure", place)
    edit(place, r"^  similarity: .*$", tutorials.line_of_a_study("new_measure"))
    said = follow("new_measure", place)
    jobs = ran(said[DRY.format("smoke")])
    assert jobs["analyse"] == 1
    assert "train" not in jobs
    import pandas as pd

    table = pd.read_parquet(place / "results" / "smoke" / "analyse" / "similarity" / "hidden4.parquet")
    assert table[table["measure"] == "rv"]["value"].between(0, 1).all()
    assert len(table[table["measure"] == "rv"]) > 0
    passes_ruff(place, "new_measure")


def test_a_reader_brings_data(place):
    """And one block of the tutorial's study is trained on them."""
    tutorials.write_files("your_own_data", place)
    said = follow("your_own_data", place)
    printed = said["python make_bars.py"]
    assert printed.strip() in (place / "pipeline" / "datasets" / "bars.py").read_text(), (
        "the checksums are those that are printed"
    )
    assert ran(said[DRY.format("bars")])["train"] == 4
    ended = call(
        place, sys.executable, "-m", "pipeline", "train", "--study", "bars", "--block", "depth-one_sg-hidden2-b0"
    )
    accuracy = re.findall(r"'test_accuracy': ([\d.]+)", ended)
    assert len(accuracy) == 3
    assert all(float(each) > 0.9 for each in accuracy)
    passes_ruff(place, "your_own_data")
