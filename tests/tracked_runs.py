"""Start W&B runs in an empty place and see how they end, for the tests of tracking."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.tracking import client, reader, recorder
from pipeline.tracking.limits import Limits
from pipeline.tracking.run_content import Opening

KEY = "0123456789abcdef0123456789abcdef01234567"
PROMISED_SECONDS = 20  # the longest time that tracking may cost a job
PATIENT = Limits(record=100, network=100)  # where the content is tested, so that a busy machine is no failure
STUDY = "smoke"


def opening(name="every_sg-s0", **changed):
    """How a run is opened."""
    given = {"group": "study-1", "job_type": "train", "config": {"rate": np.float64(0.5)}, "identity": name}
    return Opening(name, **{**given, **changed})


def start(place, monkeypatch, *, mode="offline", directory=None, limits=PATIENT, **variables):
    """Start a run without any W&B settings except the given ones."""
    prepare(place, monkeypatch, mode=mode, **variables)
    made = opening(
        identity="abc", tags=["every_sg", "smoke", "t" * 100],
        config={"training": {"steps": 3}, "rate": np.float64(0.5), "root": place},
    )  # fmt: skip
    return client.start(made, study=STUDY, directory=directory or place / "wandb", limits=limits)


def prepare(place, monkeypatch, *, mode="offline", **variables):
    """Have only the given W&B settings, and an empty place for temporary files."""
    import wandb.proto  # noqa: F401 (before the change of tempfile: it makes folders)

    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    temporary = place / "temporary"
    temporary.mkdir(exist_ok=True)
    for name, value in {"WANDB_MODE": mode, "HOME": str(place / "home"), "TMPDIR": str(temporary), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


def within(limits, **changed):
    """The limits with changes."""
    return replace(limits, **changed)


def recorded(place):
    """The runs that W&B has recorded, by name."""
    return {run.name: run for path in place.glob("wandb/" + reader.FILES) if (run := reader.read(path))}


def impersonate(place, monkeypatch, code):
    """Put a package named wandb before the real one on the recording process's path."""
    folder = place / "impostor"
    (folder / "wandb").mkdir(parents=True)
    (folder / "wandb" / "__init__.py").write_text("import os, signal, sys, time\n" + code)
    worker = folder / "worker.py"
    worker.write_text(f"import sys\nsys.path.insert(0, {str(folder)!r})\n" + recorder.WORKER.read_text())
    monkeypatch.setattr(recorder, "WORKER", worker)


def one_line(capfd, kind="warning"):
    """The line on stderr, which must be the only one."""
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{kind}: tracking: ")
    assert f"`python -m pipeline publish --study {STUDY}`" in lines[0]
    return lines[0]


def gone(pid):
    """Wait until a process has ended."""
    deadline = time.monotonic() + 2 * PROMISED_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":  # ended, but its parent hasn't waited for it yet
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


def emptied(folder):
    """Wait until a folder is empty: W&B's service removes its own part a moment after its parent has ended."""
    deadline = time.monotonic() + PROMISED_SECONDS
    while left := list(folder.iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
