"""Run the smoke study in copies of the tree, with Snakemake, DVC and W&B offline."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.results import store

ROOT = Path(__file__).parent.parent
STUDY = ("--config", "study=smoke")
COPIED = (
    "Snakefile",
    "dvc.yaml",
    ".dvc",
    ".dvcignore",
    ".gitignore",
    "configs",
    "pipeline",
    "profiles",
    "workflow",
    "README.md",
    "fingerprints.yaml",
    "requirements.lock",
    "requirements-torch.lock",
    "requirements-torch-cpu.lock",
)
LOCAL = ("cache", "tmp", "config.local", "__pycache__")  # files of DVC and Python that are not committed
LARGE = ("checkpoints", "represent")


def copy_of_the_tree(folder):
    """A copy of the committed files as its own git repository, in which DVC runs the smoke study."""
    folder.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LOCAL))
        else:
            shutil.copy(ROOT / name, folder / name)
    definition = (folder / "dvc.yaml").read_text()
    for default, small in (("study: study", "study: smoke"), ("[mnist, fashion_mnist]", "[mnist]")):
        assert default in definition
        definition = definition.replace(default, small)
    (folder / "dvc.yaml").write_text(definition)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    commit(folder)
    return folder


def commit(folder):
    """Commit all changes in the copy."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["add", "-A"], [*who, "commit", "-qm", "x", "--allow-empty"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def call(place, *command, fails=False, **variables):
    """Run a command in the copy with this environment's tools and return its output."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "WANDB_MODE": "offline",
        "PIPELINE_DATA": os.environ.get("PIPELINE_DATA", str(ROOT / "data" / "mnist")),
        "DVC_NO_ANALYTICS": "1",
        "TMPDIR": str(place.parent),
        **variables,
    }
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=environment)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    return said


def snakemake(place, *more, fails=False, **variables):
    """Let Snakemake make the whole smoke study."""
    return call(place, "snakemake", "reproduce", "all", *STUDY, *more, fails=fails, **variables)


def ran(said):
    """How many jobs of each rule Snakemake ran, from the table that it prints."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)\ntotal", said, re.MULTILINE | re.DOTALL)
    rows = [line.split() for line in table.group(1).splitlines()] if table else []
    return {rule: int(count) for rule, count in rows if rule not in {"all", "reproduce"}}


def numbers(place):
    """Every number of the study: tables, numbers of figures and metrics, without times and facts about the machine."""
    results = place / "results" / "smoke"
    found = {str(p.relative_to(results)): store.read_table(p).to_json() for p in sorted(results.rglob("*.parquet"))}
    found |= {str(p.relative_to(results)): p.read_text() for p in sorted(results.rglob("draw/*.csv"))}
    found["metrics"] = json.loads((results / "metrics.json").read_text())["metrics"]
    return found
