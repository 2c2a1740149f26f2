"""A copy of the project in which Snakemake runs, and ways to watch its jobs."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from cluster import said, wait_for

COPIED = ("Snakefile", "configs", "pipeline", "profiles", "workflow", "requirements.lock")
# This cluster has no accounting and a single file system, so there is nothing to wait for.
PROFILE = (
    *("--profile", "profiles/slurm"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "3"),
    *("--latency-wait", "5"),
)
LONG = {"steps": 20000, "log_every": 400}  # a training of about ten seconds or more


class Place:
    """A copy of the project in a folder of its own, and the Snakemake that runs in it."""

    def __init__(self, folder: Path, profile: tuple[str, ...]) -> None:
        """Copy what a study needs; the study `long` has the runs of `smoke` with more updates."""
        root = Path(__file__).parents[2]
        self.folder, self.profile = folder, profile
        self.begun: subprocess.Popen[bytes] | None = None
        self.said = folder / "said.txt"
        for name in COPIED:
            copy = shutil.copytree if (root / name).is_dir() else shutil.copy
            copy(root / name, folder / name)
        settings = yaml.safe_load((folder / "configs" / "smoke.yaml").read_text())
        settings["training"] |= LONG
        (folder / "configs" / "long.yaml").write_text(yaml.safe_dump(settings))
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "WANDB_MODE": "offline",
            "PIPELINE_DATA": os.environ.get("PIPELINE_DATA", str(root / "data" / "mnist")),
            "PIPELINE_CHECKPOINT_SECONDS": "1",
        }

    def start(self, study: str, *more: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own, so that it can be killed with its children."""
        command = [sys.executable, "-m", "snakemake", *more, "--config", f"study={study}", *self.profile]
        with self.said.open("w") as said_by_it:
            self.begun = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
                stdout=said_by_it,
                stderr=subprocess.STDOUT,
                preexec_fn=_heed_interrupts,
            )
        return self.begun

    def wait(self, *, seconds: float = 900) -> str:
        """Wait for the Snakemake that was started last and return its output."""
        assert self.begun is not None
        try:
            code = self.begun.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            pytest.fail(f"Snakemake didn't end within {seconds:g} s:\n{self.said.read_text()}")
        text = self.said.read_text()
        assert code == 0, text
        return text

    def stop(self) -> None:
        """Kill the Snakemake that was started last and its children, if it still runs."""
        if self.begun is not None and self.begun.poll() is None:
            os.killpg(self.begun.pid, signal.SIGKILL)
            self.begun.wait()

    def make(self, study: str, *more: str) -> str:
        """Run Snakemake to its end and return its output."""
        self.start(study, *more)
        return self.wait()

    def log(self, study: str, run: str) -> str:
        """A training's log so far."""
        path = self.folder / "logs" / study / "train" / f"{run}.log"
        return path.read_text() if path.is_file() else ""

    def checkpointed(self, study: str, run: str) -> bool:
        """Whether a training has a checkpoint."""
        return (self.folder / "resume" / study / f"{run}.safetensors").is_file()

    def trainings(self) -> dict[int, dict[str, str]]:
        """The environments of the trainings that run in this folder, by process id."""
        found = {}
        for pid in said("pgrep", "-f", "^[^ ]*python[^ ]* -m pipeline train ").split():
            try:
                if Path(f"/proc/{pid}/cwd").resolve() == self.folder:
                    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
                    found[int(pid)] = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            except OSError:
                continue
        return found


def _heed_interrupts() -> None:
    """React to Ctrl-C, which background processes of a shell and their children ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Watch:
    """Records repeatedly which GPU each running training sees."""

    def __init__(self, place: Place) -> None:
        """Watch the trainings of `place` during a `with` block."""
        self.place, self.seen, self.together = place, {}, []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._end.wait(0.1):
            now = {pid: found.get("CUDA_VISIBLE_DEVICES") for pid, found in self.place.trainings().items()}
            self.seen |= now
            if len(now) > 1:
                self.together.append(list(now.values()))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()


def running_job() -> str:
    """Wait for the one job that runs in the cluster and return its id."""
    wait_for(lambda: said("squeue", "-h", "-t", "running", "-o", "%A"), "a job to run")
    (job,) = said("squeue", "-h", "-t", "running", "-o", "%A").split()
    return job
