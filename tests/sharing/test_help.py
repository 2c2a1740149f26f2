"""The commands that share results explain all of their arguments."""

import os
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize("verb", ["archive", "pack", "publish"])
def test_every_argument_has_a_help_text(root, verb):
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "pipeline", verb, "--help"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.partition("options:")[2].splitlines() if line.startswith("  -")]
    assert len(lines) > 1
    for line in lines:
        assert re.search(r"\S {2,}\S", line), f"no help text: {line}"
