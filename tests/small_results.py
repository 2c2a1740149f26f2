"""The small study with real results of some jobs, recorded by W&B offline, for the tests of publishing."""

import json
import os
import subprocess
import sys

import small_study
from small_study import CELL, PAIRS, ROOT

from pipeline.tracking.limits import Limits

TUNED = "tuned-one_sg-b0"
JOBS = (
    ("tune", "--cell", CELL),
    ("train", "--block", TUNED),
    ("train", "--block", "depth-backprop-b0"),
    ("train", "--block", "depth-one_sg-b0"),
    ("represent", "--block", "depth-backprop-b0"),
    ("represent", "--block", "depth-one_sg-b0"),
    ("analyse", "--analysis", "learning", "--job", "runs"),
    ("analyse", "--analysis", "similarity", "--job", PAIRS),
    ("draw", "--figure", "learning_curves"),
    ("summarise",),
    ("judge",),
    ("report",),
    ("track",),
)
TRAINED = 3  # runs
IN_ONE_PROCESS = """
import importlib, json, sys
for stage, *words in json.loads(sys.argv[1]):
    importlib.import_module(f"pipeline.stages.{stage}").main(["--study", "small", *words])
"""
QUICK = Limits(answer=2, retries=1, pause=0.05, late=0.5, client=60)  # of a server on this machine


def make(place):
    """Run the jobs in a folder, as few processes as possible."""
    small_study.write(place)
    (place / "workflow").symlink_to(ROOT / "workflow")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    variables = {**kept, "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "HOME": str(place / "home")}
    command = [sys.executable, "-P", "-c", IN_ONE_PROCESS, json.dumps(JOBS)]
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
    return place


def called(place, *words, **variables):
    """Publish the study as a user does; returns the exit code and the output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline", "publish", "--study", "small", *words],
        cwd=place,
        text=True,
        capture_output=True,
        env={**kept, "PYTHONPATH": str(ROOT), "HOME": str(place / "home"), **variables},
    )
    return done.returncode, done.stdout + done.stderr
