"""Why each job of the last run ran, from Snakemake's log: `python -m pipeline why [--study smoke]`."""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOGS = Path(".snakemake/log")
BEGUN = re.compile(r"^SNAKEMAKE$", re.MULTILINE)  # calls that only look at the workflow log no such head
COMMAND = re.compile(r"^  Command: .*?\bstudy=(\w+)", re.MULTILINE)
DEFAULT = "study"
JOB = re.compile(r"^(?:local)?(?:checkpoint|rule) (\w+):\n((?:    .*\n?)+)", re.MULTILINE)
FIELD = re.compile(r"^    (\w+): (.*)$", re.MULTILINE)
QUIET = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)
UNRECORDED = "not recorded, since Snakemake was called with `--quiet rules`"
TARGETS = ("all", "reproduce")
CODE, SETTINGS, MISSING, INPUT = "code changed", "settings changed", "missing", "an input changed"
FOLLOWS = "inputs made anew in this run"
PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output"
# What Snakemake says and what it means: the user's own changes first, what only followed from others last.
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
FINGERPRINT = re.compile(r"[0-9a-f]{16}")  # of code; that of a whole study's settings is shorter
NAMED, SHOWN, WIDEST = 3, 10, 40  # changes or files named; jobs listed; characters of a value


@dataclass(frozen=True)
class Job:
    """A job of a run as Snakemake logs it."""

    rule: str
    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """The rule, and what tells the job from its others: `train depth-one_sg-hidden20-s0`."""
        wildcards = [part.partition("=") for part in self.fields.get("wildcards", "").split(", ")]
        return " ".join([self.rule, *(value for key, _, value in wildcards if key != "study" and value)])

    @property
    def outputs(self) -> set[str]:
        """The files that it makes."""
        return set(filter(None, self.fields.get("output", "").split(", ")))


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="the last run of this study, not of any")
    parser.add_argument("--all", action="store_true", help=f"list every job, not the first {SHOWN} of a reason")
    asked = parser.parse_args(argv)
    print("\n".join(lines(last_run(Path(), asked.study), None if asked.all else SHOWN)))


def lines(found: Sequence[tuple[str, list[str]]] | None, shown: int | None) -> Iterator[str]:
    """The reasons for a terminal, each with its jobs.

    Args:
        found: what `last_run` found.
        shown: how many jobs of each reason are listed, None for all.
    """
    if found is None:
        yield f"No run is on record in {LOGS}: nothing was run here yet, or its logs were removed."
        return
    if not found:
        yield "Nothing ran: all results were fresh."
    for reason, jobs in found:
        if len(jobs) == 1:
            yield f"{jobs[0]}: {reason}"
            continue
        yield f"{_counted(jobs)}: {reason}"
        if reason == UNRECORDED:  # nor are the jobs' names
            continue
        yield from (f"  {job}" for job in jobs[:shown])
        if len(jobs) > len(jobs[:shown]):
            yield f"  and {len(jobs) - len(jobs[:shown])} more (`--all` lists all)"


def _counted(jobs: Sequence[str]) -> str:
    rules = [job.partition(" ")[0] for job in jobs]
    return ", ".join(f"{rules.count(rule)} {rule}" for rule in dict.fromkeys(rules))


def last_run(root: Path, study: str | None = None) -> list[tuple[str, list[str]]] | None:
    """The reasons for which the last run's jobs ran, each with the jobs: changes first, what only followed last.

    None if no run is on record; empty if nothing had to run. A job that had several reasons stands under all of them
    together.

    Args:
        root: the project's root.
        study: only runs of this study count.
    """
    logs = [
        path.read_text(encoding="utf-8", errors="replace") for path in sorted((root / LOGS).glob("*.snakemake.log"))
    ]
    logs = [log for log in logs if BEGUN.search(log) and study in (None, _study(log))]
    if not logs:
        return None
    *earlier, last = logs
    jobs, quiet = list(_jobs(last)), QUIET.findall(last)
    if quiet and not jobs:
        return [(UNRECORDED, [rule for rule in quiet if rule not in TARGETS])]
    made = {file for log in earlier for job in _jobs(log) for file in job.outputs}
    unknown = any(QUIET.search(log) and not JOB.search(log) for log in earlier)
    groups: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        if job.rule not in TARGETS:
            groups.setdefault(reasons(job, made, unknown=unknown), []).append(job.name)
    return [("; ".join(group), names) for group, names in sorted(groups.items(), key=lambda item: _rank(item[0]))]


def _study(log: str) -> str:
    """The study that a run was asked for."""
    found = COMMAND.search(log)
    return found[1] if found else DEFAULT


def _jobs(log: str) -> Iterator[Job]:
    for rule, body in JOB.findall(log):
        yield Job(rule, dict(FIELD.findall(body)))


def _rank(reasons: Sequence[str]) -> tuple[int, str]:
    """Where reasons stand among others: by the first of them, which is the most telling."""
    kinds = [place for place, words in enumerate(ORDER) if reasons[0].startswith(words)]
    return (kinds[0] if kinds else len(ORDER), "; ".join(reasons))


def reasons(job: Job, made: set[str], *, unknown: bool) -> tuple[str, ...]:
    """A job's reasons in words, the most telling first; that it follows others is said only if it has no other.

    Args:
        job: of the log.
        made: files that earlier runs on record have made.
        unknown: whether some earlier run may have made others.
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
    """What changed of a job's parameters, which are its settings and the fingerprint of its code.

    Args:
        detail: as Snakemake says it, `before: …,… now: …,…`, each a Python literal. They are read as such and never
            run; if they can't be, all that is said is that the settings changed.
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
    return isinstance(value, str) and FINGERPRINT.fullmatch(value) is not None


def _difference(before: Sequence[Any], now: Sequence[Any]) -> str:
    """What differs between two versions of settings, if there is one of each and they are mappings."""
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
    """The keys of nested settings as dotted paths; an empty mapping has none."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _few(items: Sequence[str]) -> str:
    """The first items of a list, and how many more there are."""
    more = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {more} more" if more > 0 else "")


if __name__ == "__main__":
    main()
