"""Lists as W&B's API gives them: in pages, filtered, and sampled."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wandb_server.records import Run

LONGEST_PAGE = 1000


def page(nodes: Sequence[Any], first: int | None = None, after: str | None = None) -> dict[str, Any]:
    """A page of nodes: `first` of them at most, from the one behind the cursor `after`."""
    begin = int(after) + 1 if after else 0
    end = min(begin + min(first or LONGEST_PAGE, LONGEST_PAGE), len(nodes))
    edges = [{"node": nodes[n], "cursor": str(n)} for n in range(begin, end)]
    more = {"hasNextPage": end < len(nodes), "endCursor": str(end - 1) if edges else None}
    return {"edges": edges, "pageInfo": more, "totalCount": len(nodes)}


def sampled(rows: Sequence[Any], samples: int | None) -> Sequence[Any]:
    """Rows spread evenly over all of them, if there are more than `samples`. W&B, too, drops rows without a word."""
    if not samples or len(rows) <= samples:
        return rows
    return [rows[n * len(rows) // samples] for n in range(samples)]


def selected(runs: Sequence[Run], filters: str | None, order: str | None) -> list[Run]:
    """The runs that a filter in MongoDB's language selects, in an order such as `+created_at`.

    Raises:
        ValueError: if the filter or the order uses what this server doesn't know.
    """
    chosen = [run for run in runs if _matches(run, json.loads(filters or "{}"))]
    for name in reversed((order or "").split(",")):
        if key := name.strip().lstrip("+-"):
            chosen.sort(key=lambda run: str(_value(run, key)), reverse=name.strip().startswith("-"))
    return chosen


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda found, wanted: found == wanted,
    "$ne": lambda found, wanted: found != wanted,
    "$in": lambda found, wanted: _any(found, lambda each: each in wanted),
    "$nin": lambda found, wanted: not _any(found, lambda each: each in wanted),
    "$gt": lambda found, wanted: found is not None and found > wanted,
    "$gte": lambda found, wanted: found is not None and found >= wanted,
    "$lt": lambda found, wanted: found is not None and found < wanted,
    "$lte": lambda found, wanted: found is not None and found <= wanted,
    "$regex": lambda found, wanted: _any(found, lambda each: re.search(wanted, str(each)) is not None),
    "$exists": lambda found, wanted: (found is not None) == wanted,
}


def _any(found: Any, test: Callable[[Any], bool]) -> bool:
    return any(test(each) for each in (found if isinstance(found, list) else [found]))


def _matches(run: Run, filters: Mapping[str, Any]) -> bool:
    def holds(key: str, wanted: Any) -> bool:
        match key:
            case "$and":
                return all(_matches(run, each) for each in wanted)
            case "$or":
                return any(_matches(run, each) for each in wanted)
            case "$not":
                return not _matches(run, wanted)
        found = _value(run, key)
        if not isinstance(wanted, dict):
            return found == wanted or (isinstance(found, list) and wanted in found)
        if unknown := wanted.keys() - COMPARISONS.keys():
            raise ValueError(f"this server knows no comparison {', '.join(sorted(unknown))}")
        return all(COMPARISONS[how](found, what) for how, what in wanted.items())

    return all(holds(key, wanted) for key, wanted in filters.items())


FIELDS: dict[str, Callable[[Run], Any]] = {
    "name": lambda run: run.id,
    "displayName": lambda run: run.name,
    "display_name": lambda run: run.name,
    "group": lambda run: run.group,
    "jobType": lambda run: run.job_type,
    "job_type": lambda run: run.job_type,
    "state": lambda run: run.state,
    "tags": lambda run: run.tags,
    "createdAt": lambda run: run.created_at,
    "created_at": lambda run: run.created_at,
}


def _value(run: Run, key: str) -> Any:
    """What a run has under a filter's key, such as `group`, `config.rate` or `summary_metrics.loss`."""
    if key in FIELDS:
        return FIELDS[key](run)
    source, _, rest = key.partition(".")
    values: Any = {"config": run.settings, "summary_metrics": run.summary, "summaryMetrics": run.summary}.get(source)
    if values is None:
        raise ValueError(f"this server can't filter or sort runs by {key!r}; see {__name__}")
    names = [name for name in rest.split(".") if name != "value"]
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values
