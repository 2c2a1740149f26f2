"""Builds the site as `make docs` does, without a network."""

import subprocess
import sys

# A process of its own network, which has no way out; only root may ask for one, on Linux.
ALONE = ("unshare", "--net")


def isolated():
    """The words before a command that take its network away, as far as this machine can."""
    try:
        able = subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        able = False
    return ALONE if able else ()


def build(root, to):
    """Build the site of a copy of the project; returns the exit code and what was said."""
    command = [*isolated(), sys.executable, "-m", "docs.generator", "--to", str(to)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr
