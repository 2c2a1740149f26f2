"""How far a study's results can be trusted, in a few sentences, for the report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.metrics import formatting
from pipeline.pages.evidence import DIVERGED, origin
from pipeline.results import paths, provenance, store
from pipeline.study.load import CONFIGS
from pipeline.study.plan import Plan
from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import Row

SOURCES = {"A": "the paper's abstract", "S": "public summaries of it", "R": "recollection of its body"}
OWN = "ours"


def sentences(plan: Plan, summaries: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Where the claims come from, the scale, who judged, what stays open, and where the results were made.

    Args:
        plan: the study's jobs.
        summaries: how each run ended.
        rows: those of verdicts.json; none if the claims weren't judged.
    """
    judged = [*_sources(rows), *_criteria(rows)] if rows else ["The claims haven't been judged yet."]
    return [*judged, _scale(plan), *_rates(plan), *_runs(plan, summaries), _made(plan, summaries)]


def _sources(rows: Sequence[Row]) -> Iterator[str]:
    """How many claims have which source."""
    sources = [row["source"] for row in rows if "." not in row["id"]]
    said = [f"the source of {sources.count(name)} is {words}" for name, words in SOURCES.items() if name in sources]
    said += [f"{sources.count(OWN)} are questions of this project"] if OWN in sources else []
    yield f"The paper's text was not at hand. Of {len(sources)} claims, {formatting.listed(said)}."


def _criteria(rows: Sequence[Row]) -> Iterator[str]:
    parts = [row["verdict"] for row in rows if "." in row["id"]]
    yield (
        f"Criteria (version {criteria.VERSION}, {CONFIGS}/claims.yaml) were committed before the runs that they judge; "
        "the head of that file says what was known then."
    )
    open_ = {word: parts.count(word) for word in (criteria.UNDECIDED, criteria.NOT_TESTABLE) if word in parts}
    if open_:
        said = formatting.listed([f"{number} are {word}" for word, number in open_.items()])
        yield f"Of the claims' {len(parts)} parts, {said}; the appendix says why."


def _scale(plan: Plan) -> str:
    """Sizes and steps, with the range over the runs."""
    runs = [run.training for run in plan.runs.values()]
    if not runs:
        return "The study trains no network."
    depths, steps, widths = (
        _range(values)
        for values in (
            [run.network.hidden for run in runs],
            [run.steps for run in runs],
            [run.network.width for run in runs],
        )
    )
    seeds = len({run.seed for run in plan.runs.values()})
    data = formatting.listed([formatting.words(name) for name in sorted(plan.datasets(), reverse=True)])
    return (
        f"The scale is small: nets of {widths} units and {depths} hidden layers, {steps} updates, at most {seeds} "
        f"seeds, on {data}. Other sizes may behave otherwise."
    )


def _rates(plan: Plan) -> Iterator[str]:
    """How rates were chosen, and how many of the choices lie at the edge of what was tried."""
    files = [path for path in (paths.choice(plan.name, cell) for cell in plan.cells) if path.is_file()]
    choices = [store.read_json(path) for path in files]
    if not choices:
        return
    last = [choice["rungs"][-1]["steps"] for choice in choices]
    lengths = [group[0].training.steps for group in plan.cells.values()]
    at_edge = sum(choice["at_edge"] for choice in choices)
    yield (
        f"Best rates are those of trials of at most {_range(last)} updates, for trainings of {_range(lengths)}; of "
        f"{len(choices)} choices, {at_edge} lie at the edge of what was tried."
    )


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _runs(plan: Plan, summaries: Mapping[str, Any]) -> Iterator[str]:
    lost = [run for run, found in summaries.items() if found["status"] == DIVERGED]
    missing = len(plan.runs) - len(summaries)
    if missing:
        yield f"{missing} of {len(plan.runs)} runs have no result yet."
    if lost:
        yield f"{len(lost)} of {len(summaries)} runs diverged, which counts as an outcome and not as a missing value."
    elif summaries:
        yield f"None of {len(summaries)} runs diverged."


def _made(plan: Plan, summaries: Mapping[str, Any]) -> str:
    """Commit, settings and machine."""
    origins = [origin(found) for found in summaries.values()]
    commits = dict.fromkeys(text for text in map(provenance.describe_commit, origins) if text)
    machines = dict.fromkeys(text for text in map(provenance.describe_hardware, origins) if text)
    return (
        f"Trained at commit {formatting.listed(list(commits)) or 'unknown'} with settings {plan.settings_hash()}, on "
        f"{formatting.listed(list(machines)) or 'an unknown machine'}. Whether these files are what that code makes, "
        "`make verify` and `python -m pipeline audit` tell."
    )
