"""Time and memory that a study's jobs took, from Snakemake's results/<study>/timing/<stage>/<job>.tsv."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.results import paths


@dataclass(frozen=True)
class Cost:
    """What some jobs took together; times in seconds, memory in MB."""

    jobs: int
    wall: float
    cpu: float
    longest: float  # wall time of one job
    memory: float  # peak of one job


def costs(study: str) -> dict[str, Cost]:
    """The cost of each timed stage, by the stage's name; empty if the study was never run here."""
    found: dict[str, list[dict[str, float]]] = {}
    folder = paths.timing(study)
    for path in sorted(folder.rglob("*.tsv")):
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        found.setdefault(stage, []).extend(measured(path.read_text(encoding="utf-8")))
    return {stage: _sum(rows) for stage, rows in sorted(found.items()) if rows}


def total(parts: Iterable[Cost]) -> Cost:
    """The sum of several costs."""
    parts = list(parts)
    return Cost(
        jobs=sum(part.jobs for part in parts),
        wall=math.fsum(part.wall for part in parts),
        cpu=math.fsum(part.cpu for part in parts),
        longest=max((part.longest for part in parts), default=0.0),
        memory=max((part.memory for part in parts), default=0.0),
    )


def measured(text: str) -> list[dict[str, float]]:
    """The rows of a timing file: `s`, `cpu_time`, `max_rss`.

    Snakemake writes `-` or `NA` if a job was too short to be measured; that counts as 0.
    """
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return [{name: _value(row.get(name)) for name in ("s", "cpu_time", "max_rss")} for row in rows]


def _value(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _sum(rows: list[dict[str, float]]) -> Cost:
    return total(Cost(1, row["s"], row["cpu_time"], row["s"], row["max_rss"]) for row in rows)
