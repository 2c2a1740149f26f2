"""Starting runs in an empty place, and seeing what became of them; shared by the tests of tracking."""

import os
import time
from pathlib import Path

import numpy as np

from pipeline.tracking import client

KEY = "0123456789abcdef0123456789abcdef01234567"
PROMISED_SECONDS = 20  # what a job may lose, whatever happens
PATIENCE = 100  # where the content matters, however busy the machine is


def start(place, monkeypatch, *, mode="offline", directory=None, limit=PATIENCE, **variables):
    """Start a run with no W&B settings but those given."""
    monkeypatch.setattr(client, "LONGEST_SECONDS", max(limit, client.LONGEST_SECONDS))
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    temporary = place / "temporary"
    temporary.mkdir(exist_ok=True)
    for name, value in {"WANDB_MODE": mode, "HOME": str(place / "home"), "TMPDIR": str(temporary), **variables}.items():
        monkeypatch.setenv(name, value)
    return client.start(
        name="every_sg-s0", group="study-1", job_type="train", tags=["every_sg", "smoke", "t" * 100],
        config={"training": {"steps": 3}, "rate": np.float64(0.5), "root": place}, identity="abc",
        directory=directory or place / "wandb", limit=limit,
    )  # fmt: skip


def one_warning(capfd):
    """The one line on stderr."""
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
        if state == "Z":  # ended; whoever adopted it has not noticed yet
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")
