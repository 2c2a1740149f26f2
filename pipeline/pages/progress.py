"""Turn Snakemake's output into lines a person can read: what runs, how far it is, and how long it will still take.

`snakemake reproduce all 2>&1 | python -m pipeline progress --study study` prints a line when a job ends, at most one in
a few seconds, and passes on errors, warnings and everything else that it doesn't know. Snakemake keeps its whole output
in `.snakemake/log`.
"""

import math
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pipeline.metrics import formatting
from pipeline.study import arguments, budget, resources
from pipeline.study.jobs import STAGES
from pipeline.study.plan import Plan

START_SECONDS = 4.0  # of a job before it computes anything
OWN_MODELS_SECONDS = 120.0  # of an analysis that trains models of its own: a guess
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
    running: dict[str, tuple[str, str]] = {}
    rule = job = ""
    spent, trouble = 0.0, False
    for line in (each.rstrip("\n") for each in lines):
        if not line or DATE.match(line):
            trouble = False
        elif found := RULE.match(line):
            rule, trouble = found[1], False
        elif trouble:
            yield line
        elif found := JOB.match(line):
            job = found[1]
            running[job] = rule, ""
        elif found := WILDCARDS.match(line):
            running[job] = rule, _wildcards(found[1])
        elif found := FINISHED.match(line):
            ended = running.pop(found[1], ("", ""))
            spent += weights.get(ended, usual.get(ended[0], START_SECONDS))
        elif found := DONE.match(line):
            done, jobs = int(found[1]), int(found[2])
            if done == jobs or now() - last >= EVERY:
                last = now()
                whole = sum(count * usual.get(name, START_SECONDS) for name, count in asked.items())
                yield _line(done, jobs, spent / max(whole, spent, START_SECONDS), last - start, running.values())
        elif found := COUNT.match(line):
            asked.update({found[1]: int(found[2])} if found[1] != "total" else {})
        elif not CHATTER.match(line):
            trouble = bool(TROUBLE.search(line))
            yield line


def _line(done: int, jobs: int, share: float, seconds: float, running: Iterable[tuple[str, str]]) -> str:
    """How many jobs are done, how long it took, how long it will still take, and what runs."""
    said = f"{done} of {jobs} jobs done in {formatting.duration(seconds)}"
    if done < jobs and 0 < share < 1:
        said += f", about {formatting.duration(seconds * (1 - share) / share)} to go"
    at_work = ", ".join(f"{rule} {words}".strip() for rule, words in running)
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
