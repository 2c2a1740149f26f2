"""Progress: Snakemake's output as few lines, with what runs and how long it will take; nothing that went wrong is lost."""

import itertools

from pipeline.pages import progress
from pipeline.study.plan import Plan

BEGIN = """\
Using workflow specific profile profiles/default for setting default command line arguments.

SNAKEMAKE
=========
  Date: 2026-11-26 18:07:49
  Python version: 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]
  Config file(s): []

Building DAG of jobs...
Provided cores: 1 (use --cores to define parallelism)
Job stats:
job          count
---------  -------
train            2
draw             1
total            3

Select jobs to execute...
Execute 1 jobs...
"""
JOB = """\

[Thu Nov 26 18:08:17 2026]
localrule {rule}:
    input: data/mnist/train-images-idx3-ubyte
    jobid: {number}
    reason: Missing output files: results/study/train/{words}/history.parquet
    wildcards: study=study, {name}={words}
    resources: tmpdir=/tmp
Select jobs to execute...
"""
END = """\
[Thu Nov 26 18:09:05 2026]
Finished jobid: {number} (Rule: {rule})
{done} of 3 steps (33%) done
Execute 1 jobs...
"""
FAILED = """\
RuleException:
CalledProcessError in file "workflow/rules/train.smk", line 19:
Command 'python -m pipeline train --block b' died with <Signals.SIGTERM: 15>.
[Thu Nov 26 14:40:22 2026]
Error in rule train:
    message: None
    jobid: 5
    log: logs/study/train/b.log (check log file(s) for error details)
Exiting because a job execution failed. Look above for error messages
Complete log(s): .snakemake/log/2026.log
"""
WEIGHTS = {("train", "a"): 90.0, ("train", "b"): 90.0, ("draw", "f"): 20.0}


def job(number, rule, name, words):
    return JOB.format(number=number, rule=rule, name=name, words=words)


def end(number, rule, done):
    return END.format(number=number, rule=rule, done=done)


def shown(*parts, seconds=60.0):
    """The lines for some output, if a clock goes on by so many seconds at each look."""
    clock = itertools.count(0.0, seconds)
    return list(progress.shown("".join(parts).splitlines(keepends=True), WEIGHTS, now=lambda: next(clock)))


def test_a_line_says_what_is_done_what_runs_and_how_long_yet():
    said = shown(BEGIN, job(1, "train", "block", "a"), end(1, "train", 1), job(2, "train", "block", "b"), seconds=45)
    assert said == [
        "0 of 3 jobs done in 45.0 s; now train a",
        "1 of 3 jobs done in 1 min 30 s, about 1 min 50 s to go; now train b",  # 90 of 200 s of work are done
    ]


def test_a_job_that_runs_counts_as_far_as_it_has_come():
    first, second = shown(BEGIN, job(1, "train", "block", "a"), job(2, "train", "block", "b"), seconds=20)
    assert first == "0 of 3 jobs done in 20.0 s; now train a"
    assert second == "0 of 3 jobs done in 40.0 s, about 6 min 00 s to go; now train a, train b"  # 20 of 200 s are done


def test_the_last_line_has_no_rest():
    parts = [job(n, rule, "x", words) + end(n, rule, n) for n, (rule, words) in enumerate(WEIGHTS, 1)]
    assert shown(BEGIN, *parts)[-1].startswith("3 of 3 jobs done in ")
    assert "to go" not in shown(BEGIN, *parts)[-1]


def test_lines_are_seconds_apart_but_for_the_last():
    parts = [job(n, rule, "x", words) + end(n, rule, n) for n, (rule, words) in enumerate(WEIGHTS, 1)]
    assert len(shown(BEGIN, *parts, seconds=0.01)) == 2


def test_what_went_wrong_is_passed_on():
    said = shown(BEGIN, job(5, "train", "block", "b"), FAILED)
    assert said[1:] == [line for line in FAILED.splitlines() if not line.startswith("[Thu")]


def test_what_it_does_not_know_is_passed_on():
    assert shown("warning: the pulled results look stale: why\n") == ["warning: the pulled results look stale: why"]
    assert shown("Nothing to be done (all requested files are present and up to date).\n") == [
        "Nothing to be done (all requested files are present and up to date)."
    ]


def test_every_job_of_a_study_has_a_weight_and_trainings_follow_their_size():
    plan = Plan.load("study")
    found = progress.predicted(plan)
    assert len(found) >= len(list(plan.jobs()))
    trained = {words: seconds for (rule, words), seconds in found.items() if rule == "train"}
    assert trained["fifty_layers-one_sg-hidden50-b4"] > 3 * trained["shallow-one_sg-hidden10-b4"]
