"""What Snakemake takes to see what is to be done, over its start alone."""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.measure import Ratio, of
from pipeline.study.plan import Plan

ROOT = Path(__file__).parent.parent
STUDY, MORE = "study", "more"
LINKED = ("Snakefile", "pipeline", "workflow", "profiles", "data", "dvc.yaml", "requirements.lock", "fingerprints.yaml")
SWEEP, FROM, TRAININGS = "one_rate", 200, 1000  # the sweep that gets more seeds, the first of them, how many trainings
ROUNDS = 5


@contextmanager
def place(root: Path = ROOT) -> Iterator[Path]:
    """A folder with all results of the default study, without content, and none of a larger study."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name in LINKED:
            (here / name).symlink_to(root / name)
        configs = here / "configs"
        configs.mkdir()
        for path in sorted((root / "configs").iterdir()):
            (configs / path.name).write_bytes(path.read_bytes())
        (configs / f"{MORE}.yaml").write_text(yaml.safe_dump(with_more(root / "configs" / f"{STUDY}.yaml")))
        for job in Plan.load(STUDY, root).jobs():
            for path in (here / output for output in job.outputs if output.parts[0] == "results"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}" if path.suffix == ".json" else "")
        _run(here, "reproduce", "all", "--touch")
        yield here


def with_more(config: Path) -> dict[str, object]:
    """The settings of the study, with at least `TRAININGS` more trainings."""
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    sweep = content["sweeps"][SWEEP]
    methods = sum(SWEEP in each["sweeps"] for each in content["methods"].values())
    each = methods * len(list(itertools.product(*sweep["vary"].values())))
    sweep["seeds"] += list(range(FROM, FROM - (-TRAININGS // each)))
    return content


def nothing_to_do() -> Ratio:
    """A run in which nothing is to be done, over the start."""
    with place() as here:
        return _over_start(here, "reproduce", "all", "--dry-run")


def more_to_do() -> Ratio:
    """A dry run of the larger study, over the start."""
    with place() as here:
        return _over_start(here, "reproduce", "all", "--dry-run", "--config", f"study={MORE}")


def planned(here: Path, study: str) -> int:
    """How many jobs a dry run would start."""
    said = _run(here, "reproduce", "all", "--dry-run", "--quiet", "rules", "--config", f"study={study}")
    totals = [line.split()[1] for line in said.splitlines() if line.startswith("total")]
    return int(totals[0]) if totals else 0


def _over_start(here: Path, *words: str) -> Ratio:
    _run(here, *words)  # what is compiled and kept the first time
    return of([_seconds(here, *words) / _seconds(here, "--version") for _ in range(ROUNDS)])


def _seconds(here: Path, *words: str) -> float:
    start = time.perf_counter()
    _run(here, *words)
    return time.perf_counter() - start


def _run(here: Path, *words: str) -> str:
    command: Sequence[str] = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{json.dumps(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
