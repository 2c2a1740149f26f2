"""One GPU for one job on a machine with several: Snakemake counts local GPUs, but never says which.

A slot of a device is a file that a job locks. The kernel frees the lock when the job's process ends, however it ends.
On a cluster the scheduler hands out devices, and nothing is done here.
"""

import fcntl
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import IO

DEVICES = "PIPELINE_GPUS"  # such as `0,1`
JOBS = "PIPELINE_JOBS_PER_GPU"
FOLDER = "PIPELINE_LEASES"  # where the locks are; all jobs of a machine have to share it
VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOK_SECONDS = 0.2

_held: list[IO[str]] = []  # open, and so locked, until the process ends


def gpu() -> str | None:
    """Wait for a free slot of one of the devices that PIPELINE_GPUS lists, and see that device only.

    Call it before CUDA starts. Does nothing, and returns None, if the variable isn't set.

    Raises:
        ValueError: if a variable has no sensible value.
    """
    devices = _devices()
    if not devices:
        return None
    folder = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir(), f"pipeline-gpus-{os.getuid()}"))
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for slot, device in itertools.product(range(_jobs()), devices):
            file = (folder / f"gpu{device}.{slot}").open("a+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _held.append(file)
            os.environ[VISIBLE] = device
            return device
        time.sleep(LOOK_SECONDS)


def _devices() -> list[str]:
    text = os.environ.get(DEVICES, "")
    devices = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isalnum() or part.replace("-", "").isalnum() for part in devices):
        raise ValueError(f"{DEVICES}: found {text!r}, expected devices with commas between them, such as 0,1")
    return devices


def _jobs() -> int:
    text = os.environ.get(JOBS) or "1"
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{JOBS}: found {text!r}, expected a number of jobs, 1 or more")
    return int(text)
