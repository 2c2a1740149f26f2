"""Assign a GPU to each job on a machine with several, and choose how exact its products are.

Snakemake counts local GPUs, but doesn't say which one to use.

Each slot of a device is a file that a job locks. The kernel releases the lock when the job's process ends, however it
ends. On a cluster the scheduler assigns devices, and this module does nothing.
"""

import fcntl
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import IO

from pipeline.errors import SettingError

DEVICES = "PIPELINE_GPUS"  # device names, such as `0,1`
JOBS = "PIPELINE_JOBS_PER_GPU"
FOLDER = "PIPELINE_LEASES"  # the folder of the locks, the same for all jobs of a machine
VISIBLE = "CUDA_VISIBLE_DEVICES"
TF32 = "PIPELINE_TF32"  # 1: a GPU's products take their factors with 10 bits of mantissa, not 23
TORCH_TF32 = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"  # torch reads it when it starts
LOOK_SECONDS = 0.2

_held: list[IO[str]] = []  # kept open, and thereby locked, until the process ends


def reserve() -> str | None:
    """Wait for a free slot of a device in PIPELINE_GPUS and make that device the only visible one; returns its name.

    It also tells torch whether products may be in TF32 (`PIPELINE_TF32`). Call it before torch is imported. Without
    PIPELINE_GPUS it waits for nothing and returns None.

    Raises:
        SettingError: if a variable has an invalid value.
    """
    devices = _devices()
    os.environ[TORCH_TF32] = "1" if products_in_tf32() else "0"
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


def products_in_tf32() -> bool:
    """Whether PIPELINE_TF32 asks for products in TF32.

    Raises:
        SettingError: if it is neither 0 nor 1.
    """
    text = os.environ.get(TF32) or "0"
    if text not in ("0", "1"):
        raise SettingError(f"{TF32}: found {text!r}, expected 1 for products in TF32 or 0 for products in float32")
    return text == "1"


def _devices() -> list[str]:
    text = os.environ.get(DEVICES, "")
    devices = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isalnum() or part.replace("-", "").isalnum() for part in devices):
        raise SettingError(f"{DEVICES}: found {text!r}, expected device names separated by commas, such as 0,1")
    return devices


def _jobs() -> int:
    text = os.environ.get(JOBS) or "1"
    if not text.isdecimal() or int(text) < 1:
        raise SettingError(f"{JOBS}: found {text!r}, expected a number of jobs, at least 1")
    return int(text)
