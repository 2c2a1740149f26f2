"""Commands answer `--help` and refuse wrong arguments before anything heavy is imported."""

import json
import subprocess
import sys

import pytest

from pipeline import __main__ as commands

# Every verb in one process: had any of them imported torch, it would be there at the end.
ASK = """
import argparse, contextlib, io, json, sys
from pipeline import __main__ as commands

unexplained, answered = [], []

def look(parser, words=None, namespace=None):
    unexplained.extend(f"{parser.prog} {action.dest}" for action in parser._actions if not action.help)
    return parse(parser, words, namespace)

parse, argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_args, look
for verb in commands.modules():
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            commands.main([verb, "--help"])
    except SystemExit as end:
        answered.append([verb, end.code, said.getvalue()])
print(json.dumps([answered, unexplained, sorted({"torch", "matplotlib", "sklearn"} & set(sys.modules))]))
"""
WITHOUT_A_STUDY = {"prepare", "document", "simulate", "why", "pack"}


def test_help_imports_nothing_heavy_and_explains_every_argument(root):
    done = subprocess.run([sys.executable, "-c", ASK], cwd=root, capture_output=True, text=True, check=True)
    answered, unexplained, heavy = json.loads(done.stdout)
    assert [verb for verb, code, _ in answered if code == 0] == list(commands.modules())
    for verb, _, said in answered:
        assert f"python -m pipeline {verb}" in said
    assert not unexplained
    assert not heavy


def test_an_unknown_study_is_refused_with_the_nearest_name_before_anything_heavy_is_imported(root):
    more = {
        "train": ["--block", "x"],
        "represent": ["--block", "x"],
        "tune": ["--cell", "x"],
        "draw": ["--figure", "x"],
    }
    more["analyse"] = ["--analysis", "x", "--job", "x"]
    for verb in set(commands.modules()) - WITHOUT_A_STUDY:
        command = [sys.executable, "-X", "importtime", "-m", "pipeline", verb, "--study", "smook", *more.get(verb, [])]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode != 0, verb
        assert "did you mean 'smoke'?" in done.stderr, verb
        assert "| torch\n" not in done.stderr, verb
        assert "Traceback" not in done.stderr, verb


@pytest.mark.parametrize(("words", "said"), [(["trane"], "did you mean 'train'?"), (["--halp"], "no verb")])
def test_an_unknown_verb_is_refused(words, said):
    with pytest.raises(SystemExit) as end:
        commands.main(words)
    assert said in str(end.value)


def test_without_a_verb_the_verbs_and_the_rooms_are_listed(root, capsys):
    commands.main([])
    said = capsys.readouterr().out
    rooms = {path.parent.name for path in (root / "pipeline").glob("*/__init__.py")}
    for name in (*commands.modules(), *rooms):
        lines = [line for line in said.splitlines() if line.split()[:1] == [name]]
        assert lines
        assert all(len(line.split()) > 3 for line in lines), f"{name} has no summary"
