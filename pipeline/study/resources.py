"""What a job asks of a machine, from its own settings and in no site's words: GPUs, threads, memory, time.

Profiles translate it. The costs are rounded up from what jobs took on a two-core machine without a GPU; no number of
the study depends on them, and a job that was given too little time goes on from its checkpoint with more.
"""

import math
from dataclasses import dataclass, replace

from pipeline.study.schema import Data, Run, Training, Tuning

GPUS = 1  # of a job that trains; one is enough for networks of this size, and more would stand idle
MANUFACTURER = "nvidia"  # of the devices that the locked torch can use
THREADS = 1  # the bits must not depend on how many cores there are

START_SECONDS = 6.0  # imports, data, tracking
LAYER_SECONDS = 1.5e-4  # of an update, whatever the width
GATE_SECONDS = 3e-4  # of an update
OPERATIONS_PER_SECOND = 5e10
OPERATIONS_PER_WEIGHT = 6  # a multiply-add each: forwards, for the gradient below, for the weight's own
INPUTS = 1000  # of the first layer, rounded up

SLOWER = 4.0  # how much slower than there a node may be
LEAST_MINUTES = 10  # a cold file system takes longer over imports than a small run over its updates

LIBRARIES_MB = 1200  # torch with its data set
NUMBER_BYTES = 4
COPIES = 6  # of the weights: gradient, Adam's two moments, two generations of checkpoints on their way to the disk
MOST_TRAINING_POINTS = 60_000
GB_MB = 1024
LEAST_GB = 2

# An analysis's cost depends on what it does; these hold the longest of each scope, many times over.
ANALYSIS_MINUTES = {"study": 60, "runs": 20, "run": 10, "pair": 10}
ANALYSIS_MB = LEAST_GB * GB_MB
REPRESENT_MINUTES = 15


@dataclass(frozen=True)
class Resources:
    """What a job asks for at its first attempt; each further attempt asks for as much again.

    Attributes:
        megabytes: of memory.
        minutes: of time, on top of what a checkpoint of an earlier attempt saves.
        gpus: number of devices.
        threads: number of threads. The bits of a result must not depend on how many cores there are.
    """

    megabytes: int
    minutes: int
    gpus: int = 0
    threads: int = THREADS

    def at(self, attempt: int) -> "Resources":
        """What the job asks for at an attempt, counted from 1."""
        return replace(self, megabytes=attempt * self.megabytes, minutes=attempt * self.minutes)


def of_training(run: Run) -> Resources:
    """Of one training."""
    return Resources(megabytes(run), minutes(train_seconds(run)), GPUS)


def of_tuning(run: Run, tuning: Tuning | None) -> Resources:
    """Of the trials of a cell, given one of its runs."""
    assert tuning is not None
    return Resources(megabytes(run), minutes(tune_seconds(run, tuning)), GPUS)


def of_extraction(run: Run) -> Resources:
    """Of the extraction of a run's activations."""
    return Resources(megabytes(run), REPRESENT_MINUTES)


def of_analysis(scope: str) -> Resources:
    """Of one job of an analysis, by the analysis's SCOPE."""
    return Resources(ANALYSIS_MB, ANALYSIS_MINUTES[scope])


def train_seconds(run: Run) -> float:
    """How long a training takes, roughly, on the machine that was measured."""
    return START_SECONDS + run.training.steps * update_seconds(run)


def tune_seconds(run: Run, tuning: Tuning) -> float:
    """How long the trials of a cell take, roughly, on that machine."""
    updates = len(tuning.rates) * len(tuning.seeds) * tuning.steps
    return START_SECONDS + updates * update_seconds(run)


def update_seconds(run: Run) -> float:
    """One update: so much a layer and a gate, and the operations of the matrix products."""
    training = run.training
    operations = OPERATIONS_PER_WEIGHT * training.batch * weights(training)
    overhead = LAYER_SECONDS * (training.network.hidden + 1) + GATE_SECONDS * gates(run)
    return overhead + operations / OPERATIONS_PER_SECOND


def minutes(seconds: float) -> int:
    """The time limit to ask for."""
    return max(LEAST_MINUTES, math.ceil(SLOWER * seconds / 60))


def megabytes(run: Run) -> int:
    """The memory to ask for: whole GB, and two at least, because some sites take nothing else."""
    kept = weights(run.training) * (COPIES + run.training.checkpoints)
    data = _points(run.data) * INPUTS
    needed = LIBRARIES_MB + NUMBER_BYTES * (kept + data) / 1024**2
    return max(LEAST_GB, math.ceil(needed / GB_MB)) * GB_MB


def gates(run: Run) -> int:
    """How many synthetic gradients a network has."""
    hidden, placement = run.training.network.hidden, run.placement
    if isinstance(placement, str):
        return {"none": 0, "middle": min(1, hidden), "every": hidden}[placement]
    return len(placement) if isinstance(placement, tuple) else hidden // placement.every


def weights(training: Training) -> int:
    """The weights of a network and of a gate after each layer, as the most that a run can have."""
    width = training.network.width
    return INPUTS * width + 2 * training.network.hidden * width**2


def _points(data: Data) -> int:
    return MOST_TRAINING_POINTS if data.train is None else data.train
