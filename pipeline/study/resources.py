"""Resources that a job requests, computed from its settings: GPUs, threads, memory and time, in no site's own terms.

Profiles translate them for a site. The costs are measured on a two-core machine without a GPU and rounded up. No number
of the study depends on them, and a job that runs out of time resumes from its checkpoint with more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.learning.placement import positions
from pipeline.learning.rate_search import Rung, rungs
from pipeline.study.schema import Data, Run, Samples, Training, Tuning

GPUS = 1  # per training job; networks of this size would leave further ones idle
MANUFACTURER = "nvidia"  # of the GPUs that the locked torch supports
AT_ONCE = 5  # runs of a block that share a stack, unless a profile says otherwise (set-resources: train: at_once)
TRIALS_AT_ONCE = 15  # trials of a tuning that share a stack on a CPU; more gain nothing there
THREADS = 1  # the results' bits must not depend on the number of cores

START_SECONDS = 6.0  # imports, data, tracking
LAYER_SECONDS = 1.5e-4  # per update and layer, at any width
GATE_SECONDS = 3e-4  # per update and gate
OPERATIONS_PER_SECOND = 5e10
OPERATIONS_PER_WEIGHT = 6  # a multiply-add each for the forward pass, the inputs' gradient and the weight's gradient
INPUTS = 1000  # the first layer's inputs, rounded up

SLOWER = 4.0  # how much slower a node may be than the measured machine
LEAST_MINUTES = 10  # on a cold file system, imports take longer than the updates of a small run

LIBRARIES_MB = 1200  # torch and the data set
NUMBER_BYTES = 4
COPIES = 6  # of the weights: also gradient, Adam's two moments, and two checkpoints that are being written
MOST_TRAINING_POINTS = 60_000
GB_MB = 1024
LEAST_GB = 2

# An analysis's cost depends on what it does; these limits are many times the longest of each scope.
ANALYSIS_MINUTES = {"study": 60, "runs": 20, "run": 30, "pairs": 60}
ANALYSIS_GB = {"study": 2, "runs": 2, "run": 2, "pairs": 4}
REPRESENT_MINUTES = 15
WRITING = 2  # copies of the activations while they are written


@dataclass(frozen=True)
class Resources:
    """What a job requests at its first attempt; each further attempt requests as much again.

    Attributes:
        megabytes: memory.
        minutes: time limit; a further attempt also resumes from the checkpoint of the one before.
    """

    megabytes: int
    minutes: int

    def at(self, attempt: int) -> "Resources":
        """What the job requests at an attempt, counted from 1."""
        return replace(self, megabytes=attempt * self.megabytes, minutes=attempt * self.minutes)


def of_training(runs: Sequence[Run]) -> Resources:
    """The resources of the training of a block, whose runs differ in their seeds only."""
    return Resources(megabytes(runs[0], len(runs)), minutes(train_seconds(runs)))


def of_tuning(run: Run, tuning: Tuning | None) -> Resources:
    """The resources of the trials of a cell, given one of its runs."""
    assert tuning is not None
    trials = max(rung.tries for rung in tuning_rungs(tuning)) * len(tuning.seeds)
    return Resources(megabytes(run, min(trials, TRIALS_AT_ONCE)), minutes(tune_seconds(run, tuning)))


def of_extraction(run: Run, samples: Samples, *, runs: int, at_all_steps: int) -> Resources:
    """The resources of the extraction of the activations of a block.

    Args:
        run: one of the block's runs.
        samples: the points.
        runs: of how many runs they are wanted.
        at_all_steps: of how many of these at all checkpoints.
    """
    network, held_out = run.training.network, samples.rdm + samples.cca
    states = runs + at_all_steps * max(0, run.training.checkpoints - 1)
    numbers = network.hidden * network.width * (states * held_out + runs * samples.probe)
    return Resources(_gigabytes(_needed(run, 1) + WRITING * NUMBER_BYTES * numbers / 1024**2), REPRESENT_MINUTES)


def of_analysis(scope: str) -> Resources:
    """The resources of one job of an analysis with a given SCOPE."""
    return Resources(ANALYSIS_GB[scope] * GB_MB, ANALYSIS_MINUTES[scope])


def train_seconds(runs: Sequence[Run]) -> float:
    """Roughly how long the training of a block takes on the measured machine."""
    return START_SECONDS + len(runs) * runs[0].training.steps * update_seconds(runs[0])


def tune_seconds(run: Run, tuning: Tuning) -> float:
    """Roughly how long all trials of a cell take on the measured machine."""
    return START_SECONDS + tuning_updates(tuning) * update_seconds(run)


def tuning_rungs(tuning: Tuning) -> list[Rung]:
    """The rungs of the trials of a cell, whichever its method is."""
    tries, halving = len(tuning.rates) * len(tuning.gate_factors), tuning.halving
    return rungs(tries, steps=tuning.steps, count=halving.rungs, factor=halving.factor)


def tuning_updates(tuning: Tuning) -> int:
    """How many updates all trials of a cell make."""
    return len(tuning.seeds) * sum(rung.tries * rung.steps for rung in tuning_rungs(tuning))


def update_seconds(run: Run) -> float:
    """Duration of one update: an overhead per layer and gate, plus the operations of the matrix products."""
    training = run.training
    operations = OPERATIONS_PER_WEIGHT * training.batch * weights(training)
    overhead = LAYER_SECONDS * (training.network.hidden + 1) + GATE_SECONDS * gates(run)
    return overhead + operations / OPERATIONS_PER_SECOND


def minutes(seconds: float) -> int:
    """The time limit to request."""
    return max(LEAST_MINUTES, math.ceil(SLOWER * seconds / 60))


def megabytes(run: Run, count: int) -> int:
    """The memory to request in MB for `count` such runs."""
    return _gigabytes(_needed(run, count))


def _needed(run: Run, count: int) -> float:
    """The memory that `count` such runs need, in MB."""
    kept = count * weights(run.training) * (COPIES + run.training.checkpoints)
    data = _points(run.data) * INPUTS
    return LIBRARIES_MB + NUMBER_BYTES * (kept + data) / 1024**2


def _gigabytes(needed: float) -> int:
    """The memory to request in MB: whole GB, at least two, as some sites accept nothing else."""
    return max(LEAST_GB, math.ceil(needed / GB_MB)) * GB_MB


def gates(run: Run) -> int:
    """The number of gates in a run's network."""
    return len(positions(run.model_dump()["placement"], hidden=run.training.network.hidden))


def weights(training: Training) -> int:
    """An upper bound of a run's weights: the network and a gate after each layer."""
    width = training.network.width
    return INPUTS * width + 2 * training.network.hidden * width**2


def _points(data: Data) -> int:
    return MOST_TRAINING_POINTS if data.train is None else data.train
