"""Start W&B runs in an empty place and see how they end, for the tests of tracking."""

import os
import time
from pathlib import Path

import numpy as np

from pipeline.tracking import client, recorder

KEY = "0123456789abcdef0123456789abcdef01234567"
PROMISED_SECONDS = 20  # the longest time that tracking may cost a job
PATIENCE = 100  # limit where the content is tested, so that a busy machine is no failure


def start(place, monkeypatch, *, mode="offline", directory=None, limit=PATIENCE, **variables):
    """Start a run without any W&B settings except the given ones."""
    prepare(place, monkeypatch, mode=mode, limit=limit, **variables)
    return client.start(
        name="every_sg-s0", group="study-1", job_type="train", tags=["every_sg", "smoke", "t" * 100],
        config={"training": {"steps": 3}, "rate": np.float64(0.5), "root": place}, identity="abc",
        directory=directory or place / "wandb", limit=limit,
    )  # fmt: skip


def prepare(place, monkeypatch, *, mode="offline", limit=PATIENCE, **variables):
    """Have only the given W&B settings, and an empty place for temporary files."""
    monkeypatch.setattr(recorder, "LONGEST_SECONDS", max(limit, recorder.LONGEST_SECONDS))
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    temporary = place / "temporary"
    temporary.mkdir(exist_ok=True)
    for name, value in {"WANDB_MODE": mode, "HOME": str(place / "home"), "TMPDIR": str(temporary), **variables}.items():
        monkeypatch.setenv(name, value)


def impersonate(place, monkeypatch, code):
    """Put a package named wandb before the real one on the child process's path."""
    folder = place / "impostor"
    (folder / "wandb").mkdir(parents=True)
    (folder / "wandb" / "__init__.py").write_text("import os, signal, sys, time\n" + code)
    worker = folder / "worker.py"
    worker.write_text(f"import sys\nsys.path.insert(0, {str(folder)!r})\n" + recorder.WORKER.read_text())
    monkeypatch.setattr(recorder, "WORKER", worker)


def one_warning(capfd):
    """The line on stderr, which must be the only one."""
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("warning: tracking: ")
    assert lines[0].endswith("; the job is not affected")
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
