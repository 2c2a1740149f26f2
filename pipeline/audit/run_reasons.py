"""List why each job of the last run ran, from Snakemake's log.

A log of a run with `--quiet rules` has no reasons. Nothing is run and nothing is changed.
"""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.members import nearest
from pipeline.results import fingerprint
from pipeline.study.errors import ConfigError
from pipeline.study.jobs import STAGES
from pipeline.study.load import configured

LOGS = Path(".snakemake/log")
BEGUN = re.compile(r"^SNAKEMAKE$", re.MULTILINE)  # only calls that may run jobs log this head
COMMAND = re.compile(r"^  Command: .*?\bstudy=(\w+)", re.MULTILINE)
DEFAULT = "study"  # what a run without `--config study=…` makes
JOB = re.compile(r"^(?:local)?(?:checkpoint|rule) (\w+):\n((?:    .*\n?)+)", re.MULTILINE)
FIELD = re.compile(r"^    (\w+): (.*)$", re.MULTILINE)
QUIET = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)
UNRECORDED = "not recorded, because Snakemake was called with `--quiet rules`"
CODE, SETTINGS, MISSING, INPUT = "code changed", "settings changed", "missing", "an input changed"
FOLLOWS = "inputs were made again in this run"
PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output"
# Snakemake's reasons and ours: the user's own changes first, jobs that only follow from other jobs last.
PHRASES = {
    PARAMS: SETTINGS,
    "Code has changed since last execution": "the rule's command changed",
    "Software environment definition has changed since last execution": "the environment changed",
    "Set of input files has changed since last execution": "reads other files than before",
    "Updated input files": INPUT,
    "Incomplete output files": "interrupted before",
    "Missing output files": MISSING,
    "Forced execution": "forced",
    "Input files updated by another job": FOLLOWS,
}
ORDER = (CODE, *PHRASES.values())
PART = re.compile(rf"(?:^|; )({'|'.join(map(re.escape, PHRASES))})(?:: |(?=;|$))")
EXCLUSIVE = re.compile(r"before: (.*) now: (.*)", re.DOTALL)
NONE = "<nothing exclusive>"
NAMED = 3  # changes or files that a reason names
SHOWN = 10  # jobs listed under a reason
WIDEST = 40  # characters of a value


@dataclass(frozen=True)
class LoggedJob:
    """A job as Snakemake's log shows it.

    Attributes:
        rule: its rule.
        fields: the log's other lines about it, by name: reason, wildcards, output and so on.
    """

    rule: str
    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """The rule and what tells its jobs apart, such as `train depth-one_sg-hidden20-s0`."""
        found = dict(part.split("=", 1) for part in self.fields.get("wildcards", "").split(", ") if "=" in part)
        return " ".join([self.rule, *(found[key] for key in STAGES[self.rule].wildcards if key in found)])

    @property
    def outputs(self) -> set[str]:
        """The files that it writes."""
        return set(filter(None, self.fields.get("output", "").split(", ")))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the reasons of the last run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", help="name of the study whose last run is shown; by default the last run of any")
    parser.add_argument("--all", action="store_true", help=f"list every job, not only the first {SHOWN} of each reason")
    asked = parser.parse_args(argv)
    if asked.study:
        known = studies(Path())
        if asked.study not in known:
            hint = nearest(asked.study, known)
            raise ConfigError(f"no study {asked.study!r} ({hint}); studies are files in configs/")
    print("\n".join(lines(last_run(Path(), asked.study), None if asked.all else SHOWN)))


def studies(root: Path) -> list[str]:
    """The studies that have a config or a run on record."""
    return sorted({*configured(root)} | {_study(log) for log in _logs(root)})


def lines(found: Sequence[tuple[str, list[str]]] | None, shown: int | None) -> Iterator[str]:
    """The reasons and their jobs, as lines for a terminal.

    Args:
        found: the result of `last_run`.
        shown: how many jobs of each reason are listed; None for all.
    """
    if found is None:
        yield f"No run is on record in {LOGS}: nothing has run here yet, or the logs were removed."
        return
    if not found:
        yield "Nothing ran: all results were up to date."
    for reason, jobs in found:
        if len(jobs) == 1:
            yield f"{jobs[0]}: {reason}"
            continue
        yield f"{_counted(jobs)}: {reason}"
        if reason == UNRECORDED:  # the log has no names either
            continue
        yield from (f"  {job}" for job in jobs[:shown])
        if len(jobs) > len(jobs[:shown]):
            yield f"  and {len(jobs) - len(jobs[:shown])} more (`--all` lists all)"


def _counted(jobs: Sequence[str]) -> str:
    rules = [job.partition(" ")[0] for job in jobs]
    return ", ".join(f"{rules.count(rule)} {rule}" for rule in dict.fromkeys(rules))


def last_run(root: Path, study: str | None = None) -> list[tuple[str, list[str]]] | None:
    """The reasons why the last run's jobs ran, each with its jobs; the user's own changes come first.

    A job with several reasons is listed once, under all of them together. The result is None if no run is on record
    and empty if nothing had to run.

    Args:
        root: the project's root.
        study: only runs of this study count; None for all.
    """
    logs = [log for log in _logs(root) if study in (None, _study(log))]
    if not logs:
        return None
    *earlier, last = logs
    jobs, quiet = list(_jobs(last)), QUIET.findall(last)
    if quiet and not jobs:
        return [(UNRECORDED, [rule for rule in quiet if rule in STAGES])]
    made = {file for log in earlier for job in _jobs(log) for file in job.outputs}
    unknown = any(QUIET.search(log) and not JOB.search(log) for log in earlier)
    groups: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        if job.rule in STAGES:
            groups.setdefault(reasons(job, made, unknown=unknown), []).append(job.name)
    return [("; ".join(group), names) for group, names in sorted(groups.items(), key=lambda item: _rank(item[0]))]


def _logs(root: Path) -> list[str]:
    """The logs of runs, the oldest first."""
    paths = sorted((root / LOGS).glob("*.snakemake.log"))
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    return [log for log in logs if BEGUN.search(log)]


def _study(log: str) -> str:
    """The study that a run was to make."""
    found = COMMAND.search(log)
    return found[1] if found else DEFAULT


def _jobs(log: str) -> Iterator[LoggedJob]:
    for rule, body in JOB.findall(log):
        yield LoggedJob(rule, dict(FIELD.findall(body)))


def _rank(reasons: Sequence[str]) -> tuple[int, str]:
    """Sort key of reasons: the place of the first, most telling one in `ORDER`."""
    kinds = [place for place, words in enumerate(ORDER) if reasons[0].startswith(words)]
    return (kinds[0] if kinds else len(ORDER), "; ".join(reasons))


def reasons(job: LoggedJob, made: set[str], *, unknown: bool) -> tuple[str, ...]:
    """A job's reasons in words, the most telling first; other jobs' changes count only if nothing else did.

    Args:
        job: from the log.
        made: files that earlier runs on record have made.
        unknown: whether an earlier run may have made other files.
    """
    said = job.fields.get("reason", "")
    _, *parts = PART.split(said)
    if not parts:
        return (said or "no reason recorded",)
    found = [
        words
        for phrase, detail in zip(parts[::2], parts[1::2], strict=True)
        for words in _words(phrase, detail.strip(), made, unknown=unknown)
    ]
    causes = [words for words in found if words != FOLLOWS] or found
    return tuple(sorted(causes, key=lambda words: _rank([words])))


def _words(phrase: str, detail: str, made: set[str], *, unknown: bool) -> list[str]:
    meaning = PHRASES[phrase]
    if meaning == SETTINGS:
        return changes(detail)
    if meaning == INPUT:
        return [f"{INPUT}: {_few(detail.split(', '))}"]
    if meaning == MISSING and made.intersection(detail.split(", ")):
        return [f"{MISSING}: made before, then deleted"]
    if meaning == MISSING:
        return [f"{MISSING}: {'never made, deleted or not pulled' if unknown else 'never made here before'}"]
    return [meaning]


def changes(detail: str) -> list[str]:
    """What changed in a job's parameters, which are its settings and the fingerprint of its code.

    Args:
        detail: Snakemake's text, `before: …,… now: …,…`, with Python literals. They are parsed and never run; if they
            can't be parsed, the result is only that the settings changed.
    """
    sides = EXCLUSIVE.fullmatch(detail)
    try:
        before, now = map(_literals, sides.groups()) if sides else ([], [])
    except (ValueError, SyntaxError):
        return [SETTINGS]
    found = [CODE] if any(map(_is_fingerprint, [*before, *now])) else []
    settings = [[value for value in side if not _is_fingerprint(value)] for side in (before, now)]
    if any(settings) or not found:
        found.append(SETTINGS + _difference(*settings))
    return found


def _literals(text: str) -> list[Any]:
    return [] if text.strip() == NONE else ast.literal_eval(f"[{text}]")


def _is_fingerprint(value: Any) -> bool:
    return isinstance(value, str) and fingerprint.PATTERN.fullmatch(value) is not None


def _difference(before: Sequence[Any], now: Sequence[Any]) -> str:
    """What differs between two versions of settings; empty if they are no mappings, or not one on each side."""
    if len(before) != 1 or len(now) != 1 or not (isinstance(before[0], dict) and isinstance(now[0], dict)):
        return ""
    old, new = dict(_flat(before[0])), dict(_flat(now[0]))
    told = [
        f"{key} {_short(old[key]) if key in old else 'not set'} -> {_short(new[key]) if key in new else 'not set'}"
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or repr(old[key]) != repr(new[key])
    ]
    return f" ({_few(told)})" if told else ""


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings with dotted keys; an empty mapping has none."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _few(items: Sequence[str]) -> str:
    """The first items of a list and the number of the others."""
    more = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {more} more" if more > 0 else "")
