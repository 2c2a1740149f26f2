"""The command line of stages: a study and one of its jobs, checked before anything heavy is imported."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.study.jobs import STAGES, Job
from pipeline.study.plan import Plan

STUDY = "name of the study: a file in configs/, without its ending"
WILDCARDS = {
    "analysis": "an entry under `analyses` of the study",
    "cell": "runs that share a chosen rate: the name of one without its seed, such as tuned-one_sg-hidden4",
    "figure": "an entry under `figures` of the study",
    "job": "which job of the analysis: `study`, `runs`, a run, or what varies in compared runs, such as hidden20",
    "block": "runs that are trained together: the name of one, with b and a number in place of its seed, such as "
    "depth-one_sg-hidden2-b0",
}


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser with `--study`.

    Args:
        about: the module's docstring.
    """
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--study", required=True, help=STUDY)
    return made


def positive(text: str) -> int:
    """A whole number of at least 1, as an option's type.

    Raises:
        ValueError: for any other text.
    """
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def of_stage(rule: str, about: str | None, argv: Sequence[str] | None) -> tuple[Plan, Job]:
    """The plan and the job that a stage's command line names.

    Args:
        rule: the stage.
        about: its module's docstring, for `--help`.
        argv: the words of the command line.

    Raises:
        ConfigError: for a faulty config and an unknown study, with the nearest name.
        UnknownNameError: for an unknown job, with the nearest name.
    """
    plan, job, _ = with_options(rule, about, argv, lambda _: None)
    return plan, job


def with_options(
    rule: str, about: str | None, argv: Sequence[str] | None, add: Callable[[argparse.ArgumentParser], None]
) -> tuple[Plan, Job, dict[str, Any]]:
    """As `of_stage`, and the stage's own options, which `add` adds and no result depends on."""
    words = parser(about)
    for name in STAGES[rule].wildcards:
        words.add_argument(f"--{name}", required=True, help=WILDCARDS[name])
    add(words)
    asked = vars(words.parse_args(argv))
    plan = Plan.load(asked.pop("study"))
    return plan, plan.job(rule, **{name: asked.pop(name) for name in STAGES[rule].wildcards}), asked
