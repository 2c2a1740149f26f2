"""Simulate the load of many blocks of runs on a cluster: GPUs, queue, file system and W&B.

`python tools/simulate_cluster.py --study study --blocks 1000 --gpus 64`

Durations are drawn at random, with a fixed seed, from those measured in results/<study>/timing/train. The limits follow
profiles/slurm: submissions per minute, jobs at once, and seconds between two queries of the queue.
"""

import argparse
import heapq
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.results import paths, timing

MINUTE, HOUR, MB = 60.0, 3600.0, 1024.0**2
HEAD = (
    "Mean block",
    "Blocks per job",
    "Jobs",
    "Makespan",
    "GPUs training",
    "Most submissions per minute",
    "Files per minute",
    "MB per minute",
    "W&B MB per minute",
    "Limited by",
)


@dataclass(frozen=True)
class Site:
    """A site's limits; times in seconds."""

    gpus: int
    jobs: int  # submitted jobs whose end hasn't been noticed yet
    submissions: float  # per minute
    start: float  # time of a job before its first block, in which two Snakemakes start
    query: float  # time between two queries of the queue


@dataclass(frozen=True)
class Outcome:
    """The result of a simulation; times in seconds."""

    submitted: int
    makespan: float
    useful: float  # time of training
    busiest: int  # most submissions in a minute
    bounds: dict[str, float]  # the shortest makespan that each limit alone would allow

    def utilisation(self, gpus: int) -> float:
        """The fraction of the GPUs' time that was spent on training."""
        return self.useful / (self.makespan * gpus)

    def limit(self) -> str:
        """The limit that determines the makespan."""
        return max(self.bounds, key=lambda name: self.bounds[name])


def simulate(durations: Sequence[float], site: Site, *, group: int = 1) -> Outcome:
    """Submit blocks in order, `group` blocks per job; each job takes the first GPU that is free.

    Args:
        durations: durations of the blocks in seconds.
        site: the site's limits.
        group: number of blocks that share a job, one after the other.
    """
    work = [sum(durations[at : at + group]) for at in range(0, len(durations), group)]
    free = [0.0] * site.gpus
    noticed: list[float] = []  # when the ends of submitted jobs are noticed
    now, submitted_at, end = 0.0, [], 0.0
    for seconds in work:
        if len(noticed) >= site.jobs:
            now = max(now, heapq.heappop(noticed))
        submitted_at.append(now)
        ended = max(now, heapq.heappop(free)) + site.start + seconds
        heapq.heappush(free, ended)
        heapq.heappush(noticed, (ended // site.query + 1) * site.query)
        end = max(end, ended)
        now += MINUTE / site.submissions
    each = site.start + statistics.fmean(work)
    bounds = {
        "GPUs": len(work) * each / site.gpus,
        "submissions per minute": len(work) * MINUTE / site.submissions,
        "jobs at once": len(work) * (each + site.query / 2) / site.jobs,
        "the longest job": site.start + max(work),
    }
    return Outcome(len(work), end, sum(durations), _busiest(submitted_at), bounds)


def _busiest(times: Sequence[float]) -> int:
    minutes = [int(time // MINUTE) for time in times]
    return max(minutes.count(minute) for minute in set(minutes))


def measured(study: str) -> list[float]:
    """The measured durations of a study's blocks in seconds.

    Raises:
        FileNotFoundError: if none was measured here.
    """
    folder = paths.results(study) / "timing" / "train"
    found = [row["s"] for path in sorted(folder.glob("*.tsv")) for row in timing.measured(path.read_text("utf-8"))]
    if not found:
        raise FileNotFoundError(f"{folder}: no timings; run the study first: snakemake reproduce all")
    return found


def written(study: str, blocks: int) -> tuple[float, float]:
    """Number of files and MB that one block leaves: its results, log and timing."""
    results, logs = paths.results(study), Path("logs") / study / "train"
    below = [results / "train", results / "checkpoints", results / "timing" / "train", logs]
    files = [path for folder in below if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return len(files) / blocks, sum(path.stat().st_size for path in files) / MB / blocks


def tracked(blocks: int) -> float:
    """MB of W&B's offline records for each block; 0 if there is none."""
    return sum(path.stat().st_size for path in Path("wandb").glob("offline-run-*/*.wandb")) / MB / blocks


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate longer blocks and larger groups, and print a table of the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="study", help="the study whose measured trainings are used")
    parser.add_argument("--blocks", type=int, default=1000, help="number of blocks, each of up to five runs")
    parser.add_argument("--gpus", type=int, default=64, help="number of GPUs")
    parser.add_argument("--jobs", type=int, default=200, help="most jobs at once in the queue")
    parser.add_argument("--submissions", type=float, default=60, help="most submissions per minute")
    parser.add_argument("--start", type=float, default=10, help="seconds before a job's first block")
    parser.add_argument("--query", type=float, default=40, help="seconds between two queries of the queue")
    parser.add_argument("--longer", type=float, nargs="+", default=[1, 60], help="factors on the measured durations")
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 5, 20], help="numbers of blocks per job")
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawn durations")
    wanted = parser.parse_args(argv)
    known = measured(wanted.study)
    files, size = written(wanted.study, len(known))
    record = tracked(len(known))
    site = Site(wanted.gpus, wanted.jobs, wanted.submissions, wanted.start, wanted.query)
    print(
        f"{wanted.blocks} blocks, {site.gpus} GPUs; {len(known)} measured blocks of `{wanted.study}`: mean "
        f"{statistics.fmean(known):.1f} s, longest {max(known):.1f} s; a block leaves {files:.1f} files, "
        f"{size:.2f} MB, and {record:.2f} MB for W&B\n"
    )
    print("| " + " | ".join(HEAD) + " |")
    print("|---" * len(HEAD) + "|")
    for longer in wanted.longer:
        drawn = np.random.default_rng(wanted.seed).choice(known, size=wanted.blocks)
        durations = (longer * drawn).tolist()
        for group in wanted.groups:
            found = simulate(durations, site, group=group)
            pace = wanted.blocks / (found.makespan / MINUTE)
            row = (
                f"{statistics.fmean(durations):.0f} s",
                group,
                found.submitted,
                _time(found.makespan),
                f"{found.utilisation(site.gpus):.0%}",
                found.busiest,
                f"{pace * files:.0f}",
                f"{pace * size:.1f}",
                f"{pace * record:.1f}",
                found.limit(),
            )
            print("| " + " | ".join(map(str, row)) + " |")


def _time(seconds: float) -> str:
    return f"{seconds / HOUR:.1f} h" if seconds >= HOUR else f"{seconds / MINUTE:.1f} min"


if __name__ == "__main__":
    main()
