"""A study of a second in its own folder, for the tests that break, kill and attack it."""

import base64
import copy
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
STUDY = "small"
RUN = "depth-one_sg-s0"
# Blocks of runs, which a job trains
BLOCK = "depth-one_sg-b0"  # of RUN
DEEP = "deep-one_sg-b0"
SHORT = "short-one_sg-b0"
LONG = "long-one_sg-b0"
WIDE = "wide-one_sg-b0"
DIGITS = "digits-one_sg-b0"
CELL = "tuned-one_sg"
PAIRS = "all"
METHODS = ("backprop", "one_sg")
TREE = ("Snakefile", "pipeline", "profiles", "workflow")
# Jobs of each stage, in the order of the workflow; that of RUN is the last training and the last extraction.
JOBS = (
    ("tune", "--cell", CELL),
    ("train", "--block", "depth-backprop-b0"),
    ("train", "--block", BLOCK),
    ("represent", "--block", "depth-backprop-b0"),
    ("represent", "--block", BLOCK),
    ("analyse", "--analysis", "learning", "--job", "runs"),
    ("analyse", "--analysis", "similarity", "--job", PAIRS),
    ("draw", "--figure", "learning_curves"),
    ("summarise",),
    ("judge",),
    ("report",),
    ("track",),
)
SECRETS = {"WANDB_API_KEY": "planted0" * 5, "AWS_SECRET_ACCESS_KEY": "planted/Key+of/nobody/000000000000000001"}


@functools.cache
def smoke():
    """The smoke study's settings, parsed once: it takes as long as many a test."""
    return yaml.safe_load((ROOT / "configs" / "smoke.yaml").read_text())


def content():
    """The settings; the data are artificial, so that nothing has to be fetched."""
    made = copy.deepcopy(smoke())
    drops = {"drops": [20], "rate": 0.01}
    made["title"] = "Small study"
    made["data"] |= {"dataset": "xor", "settings": {"inputs": 4}, "train": 200, "validation": 50, "test": 200}
    made["samples"] = {"rdm": 40, "cca": 80, "probe": 40}
    made["training"]["network"]["width"] = 8
    made["training"]["optimiser"] |= drops
    made["training"]["gates"]["optimiser"] |= drops
    made["training"] |= {"batch": 20, "steps": 40, "log_every": 10, "log_points": 50, "checkpoints": 3}
    made["tuning"] = {
        "rates": [0.01, 0.03],
        "gate_factors": [1.0],
        "widening": {"factor": 3.0, "most": 1},
        "halving": {"rungs": 2, "factor": 2},
        "seeds": [100],
        "steps": 5,
        "share": 1.0,
        "chosen_by": "validation_loss",
    }
    made["methods"] = {name: {**made["methods"][name], "sweeps": "all"} for name in METHODS}
    one = {"methods": ["one_sg"], "seeds": [0], "vary": {}}
    steady = {"optimiser.drops": [], "gates.optimiser.drops": []}  # too short for a rate that drops
    made["sweeps"] = {
        "depth": {"methods": "all", "seeds": [0], "set": {}, "vary": {}},
        "tuned": {**one, "set": {"steps": 10, **steady}, "tuned": True},
        "deep": {**one, "seeds": [0, 1, 2], "set": {"network.hidden": 20, "network.width": 16, "steps": 30}},
        "short": {**one, "set": {"steps": 3, "log_every": 3, **steady}},
        "long": {**one, "set": {"steps": 600, "log_every": 100}},
        "digits": {**one, "set": {"data.dataset": "digits", "data.settings": {}, "steps": 10, **steady}},
        "wide": {**one, "set": {"network.width": 4000, "steps": 1, "log_every": 1, "checkpoints": 2, **steady}},
    }
    made["analyses"] = {
        "learning": {"sweep": "depth", "where": {}, "settings": {}},
        "similarity": {"sweep": "depth", "where": {}, "settings": {"measures": ["cka"], "permutations": 1}},
    }
    made["figures"] = {"learning_curves": {"settings": {}}}
    return made


@functools.cache
def text():
    """The settings as they are written."""
    return yaml.safe_dump(content())


def write(place, settings=None):
    """Write the configs that the jobs read into a folder; the code is not copied."""
    (place / "configs").mkdir(parents=True)
    (place / "configs" / f"{STUDY}.yaml").write_text(yaml.safe_dump(settings) if settings else text())
    (place / "configs" / "claims.yaml").write_bytes((ROOT / "configs" / "claims.yaml").read_bytes())
    return place


def tree(place, settings=None):
    """A copy of the code with the small study as the only one."""
    for name in TREE:
        source, skipped = ROOT / name, shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=skipped)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place / name)
    return write(place, settings)


def environment(**variables):
    """Environment variables of a job in another folder: our code, this environment's tools, no tracking."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "WANDB_MODE": "disabled",
        **variables,
    }


def stage(place, name, *words, **variables):
    """Start a stage as its rule does, with stdout and stderr in one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", name, *words],
        cwd=place,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def snakemake(place, *words, **variables):
    """Start Snakemake in a copied tree, in its own process group, with stdout and stderr in one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words, "--config", f"study={STUDY}"],
        cwd=place,
        env=environment(**{"PYTHONPATH": "", **variables}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process):
    """The exit code and the output of a started process."""
    said, _ = process.communicate()
    return process.returncode, said


def everything(forks, place, **how):
    """Make the whole study with forked stages."""
    for job in JOBS:
        code, said = forks.run(place, job[0], "--study", STUDY, *job[1:], **how)
        assert code == 0, said
    return place


def files(place):
    """The bytes of all files below a folder, by path."""
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def final(place):
    """The result files under final names."""
    found = files(place / "results") if (place / "results").is_dir() else {}
    return {name: body for name, body in found.items() if not Path(name).name.startswith(".")}


def leaks(place, secrets):
    """The files below a folder that contain a secret, plain or in base64."""
    spellings = [spelling for secret in secrets for spelling in (secret.encode(), base64.b64encode(secret.encode()))]
    return [name for name, body in files(place).items() if any(spelling in body for spelling in spellings)]


def partial(place):
    """Files that were begun and not finished."""
    return [name for name in files(place) if ".partial" in name]
