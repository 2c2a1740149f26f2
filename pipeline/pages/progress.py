"""Turn Snakemake's output into lines a person can read: what runs, how far it is, and how long it will still take.

`snakemake reproduce all 2>&1 | python -m pipeline progress --study study` prints a line when a job starts, at most one
in a few seconds, and passes on errors, warnings and everything else that it doesn't know. Snakemake keeps its whole
output in `.snakemake/log`.
"""

import math
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.metrics import formatting
from pipeline.study import arguments, budget, resources
from pipeline.study.jobs import STAGES
from pipeline.study.plan import Plan

START_SECONDS = 4.0  # of a job before it computes anything
OWN_MODELS_SECONDS = 160.0  # of an analysis that trains models of its own: the mean over those of the default study
ALMOST = 0.9  # the share of a job's predicted time that counts as done at most while it runs
MEANT = 0.02  # the share of all work from which on a time to go is told
EVERY = 5.0  # seconds between two lines, at least
RULE = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
COUNT = re.compile(r"^(\w+) +(\d+)$")
JOB = re.compile(r"^    jobid: (\d+)$")
WILDCARDS = re.compile(r"^    wildcards: (.*)$")
FINISHED = re.compile(r"^Finished jobid: (\d+) ")
DONE = re.compile(r"^(\d+) of (\d+) steps ")
DATE = re.compile(r"^\[\w{3} \w{3} +\d+ [\d:]+ \d{4}\]$")
# What follows such a line belongs to it, up to an empty line, a date or another job.
TROUBLE = re.compile(r"(Error|Exception)\b")
CHATTER = re.compile(
    r"^(Using |Assuming unrestricted|SNAKEMAKE|=+$|  \w[\w ()]*: |Building DAG|Provided (cores|resources)"
    r"|Rules claiming|Conda environments: |Job stats:|job +count|-+ +-+$|Select jobs|Execute \d+ jobs|Complete log"
    r"|host: |Activating "
    r"|\d+ jobs have missing provenance|Rules with missing metadata|    \w+: )"
)


def main(argv: Sequence[str] | None = None) -> None:
    """Read Snakemake's output from standard input until it ends.

    Raises:
        ConfigError: if the study's config is faulty.
    """
    plan = Plan.load(arguments.parser(__doc__).parse_args(argv).study)
    # Snakemake gets the interrupt too, and what it says while it ends should be seen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in shown(sys.stdin, predicted(plan)):
        print(line, flush=True)


def predicted(plan: Plan) -> dict[tuple[str, str], float]:
    """Seconds that each job is predicted to take, by its rule and its other wildcards than the study."""
    found = {}
    for rule, stage in STAGES.items():
        for asked in stage.every(plan):
            found[rule, _words(asked)] = START_SECONDS + _computing(plan, rule, asked)
    return found


def _computing(plan: Plan, rule: str, asked: Sequence[str]) -> float:
    match rule:
        case "train":
            return sum(run.training.steps * budget.update_seconds(run) for run in plan.blocks[asked[0]])
        case "tune" if plan.study.tuning:
            return resources.tuning_updates(plan.study.tuning) * budget.update_seconds(plan.cells[asked[0]][0])
        case "analyse" if plan.declared(asked[0])["SCOPE"] == "study":
            return OWN_MODELS_SECONDS
    return 0.0


def shown(
    lines: Iterable[str], weights: Mapping[tuple[str, str], float], *, now: Callable[[], float] = time.monotonic
) -> Iterator[str]:
    """The lines to print.

    Args:
        lines: Snakemake's output.
        weights: seconds that jobs are predicted to take, see `predicted`. Only their proportions count.
        now: a clock, in seconds.
    """
    usual = _usual(weights)
    start, last = now(), -math.inf
    asked: Counter[str] = Counter()
    running: dict[str, _Running] = {}
    done = jobs = 0
    rule = job = ""
    spent, trouble = 0.0, False

    def line() -> str:
        whole = sum(count * usual.get(name, START_SECONDS) for name, count in asked.items())
        begun = sum(each.share_done(last) for each in running.values())
        return _line(done, jobs, (spent + begun) / max(whole, spent + begun, START_SECONDS), last - start, running)

    for said in (each.rstrip("\n") for each in lines):
        if not said or DATE.match(said):
            trouble = False
        elif found := RULE.match(said):
            rule, trouble = found[1], False
        elif trouble:
            yield said
        elif found := JOB.match(said):
            job = found[1]
        elif found := WILDCARDS.match(said):
            words = _wildcards(found[1])
            seconds = weights.get((rule, words), usual.get(rule, START_SECONDS))
            at = now()
            running[job] = _Running(f"{rule} {words}".strip(), seconds, at)
            if at - last >= EVERY:
                last = at
                yield line()
        elif found := FINISHED.match(said):
            ended = running.pop(found[1], None)
            spent += ended.seconds if ended else 0.0
        elif found := DONE.match(said):
            done, jobs = int(found[1]), int(found[2])
            if done == jobs:  # others are told with the job that starts next
                last = now()
                yield line()
        elif found := COUNT.match(said):
            if found[1] == "total":
                jobs = int(found[2])
            else:
                asked[found[1]] += int(found[2])
        elif not CHATTER.match(said):
            trouble = bool(TROUBLE.search(said))
            yield said


class _Running(NamedTuple):
    """A job that has started: its rule and wildcards, the seconds that it is predicted to take, and its start."""

    words: str
    seconds: float
    start: float

    def share_done(self, now: float) -> float:
        """The predicted seconds that count as done; one that takes longer than predicted isn't done yet."""
        return min(now - self.start, ALMOST * self.seconds)


def _line(done: int, jobs: int, share: float, seconds: float, running: Mapping[str, _Running]) -> str:
    """How many jobs are done, how long it took, how long it will still take, and what runs."""
    said = f"{done} of {jobs} jobs done in {formatting.duration(seconds)}"
    if done < jobs and MEANT < share < 1:
        said += f", about {formatting.duration(seconds * (1 - share) / share)} to go"
    at_work = ", ".join(each.words for each in running.values())
    return said + (f"; now {at_work}" if at_work and done < jobs else "")


def _usual(weights: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """The mean over the jobs of each rule."""
    by_rule: dict[str, list[float]] = {}
    for (rule, _), seconds in weights.items():
        by_rule.setdefault(rule, []).append(seconds)
    return {rule: sum(seconds) / len(seconds) for rule, seconds in by_rule.items()}


def _wildcards(text: str) -> str:
    """`study=study, block=b0` as the job's own words: all values but the study's."""
    pairs = [pair.partition("=") for pair in text.split(", ")]
    return _words([value for name, _, value in pairs if name != "study"])


def _words(values: Iterable[str]) -> str:
    return " ".join(values)
