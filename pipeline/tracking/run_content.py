"""What a W&B run holds: how it is opened, the rows of its history, and its summary."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.tracking import metric_names
from pipeline.tracking.metric_names import Row

ID_LENGTH = 16
MAX_TAG = 64  # W&B refuses longer ones


@dataclass(frozen=True)
class Opening:
    """What W&B is told of a run at its start.

    Attributes:
        name: the run's display name.
        group: the W&B group, which stands for the study.
        job_type: the stage.
        config: the run's settings.
        identity: a hash of everything that the run depends on. Runs with the same identity and job type have the same
            W&B id, so that a later run continues or repeats an earlier one and is never a second one.
        tags: words to filter runs by.
    """

    name: str
    group: str
    job_type: str
    config: Mapping[str, Any]
    identity: str
    tags: Sequence[str] = ()

    @property
    def id(self) -> str:
        """W&B's id of the run."""
        return run_id(self.job_type, self.identity)

    def content(self) -> dict[str, Any]:
        """What another process needs to start the run."""
        return {
            "name": self.name,
            "group": self.group,
            "job_type": self.job_type,
            "tags": [tag[:MAX_TAG] for tag in self.tags],
            "config": self.config,
            "id": self.id,
        }


@dataclass(frozen=True)
class RunContent:
    """A run as a whole.

    Attributes:
        opening: how it is opened.
        rows: its history, one row a step, in the order of the steps.
        values: what else its summary holds.
        exit_code: 0 if it finished.
    """

    opening: Opening
    rows: Sequence[Row]
    values: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def summary(self) -> dict[str, Any]:
        """W&B's summary of it."""
        return {**metric_names.summary(self.rows), **self.values}


def run_id(job_type: str, identity: str) -> str:
    """The W&B id of a run."""
    return hashlib.sha256(f"{job_type}/{identity}".encode()).hexdigest()[:ID_LENGTH]


def digest(rows: Sequence[Row]) -> str:
    """A hash of every number of a history, to the bit: equal rows have equal digests."""
    found = hashlib.sha256()
    for step, numbers in rows:
        found.update(f"{step}:".encode())
        for name, value in sorted(numbers.items()):
            found.update(f"{name}={float(value).hex()};".encode())
    return found.hexdigest()


def first_difference(wanted: Sequence[Row], found: Sequence[Row]) -> int | None:
    """The number of the first row in which two histories differ; None if they are the same, to the bit."""
    for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
        if digest([one]) != digest([other]):
            return number
    shared = min(len(wanted), len(found))
    return None if len(wanted) == len(found) else shared
