"""Runs on a W&B server: what is there, and how missing numbers are sent.

Each row of a history is sent with its number. So a row that is sent again replaces itself, whether it was sent by a
training, by an earlier `publish`, or by a server's answer that got lost; no row is there twice.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tracking import metric_names
from pipeline.tracking.metric_names import STEP, Row
from pipeline.tracking.run_content import Opening, RunContent, first_difference
from pipeline.tracking.server import Server, ServerError

PAGE = 500  # rows of a history that are read at once
CHUNK = 200  # rows that are sent at once
HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"
OWN = "_wandb"  # W&B's part of a config
UPSERT = """
mutation UpsertBucket($name: String, $project: String, $entity: String, $groupName: String, $displayName: String,
  $config: JSONString, $jobType: String, $tags: [String!]) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, groupName: $groupName,
    displayName: $displayName, config: $config, jobType: $jobType, tags: $tags}) {
    bucket { id name historyLineCount project { name entity { name } } }
    inserted
  }
}
"""
RUN = """
query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      id name displayName state group jobType tags config summaryMetrics historyLineCount
    }
  }
}
"""
HISTORY_PAGE = """
query HistoryPage($project: String!, $entity: String!, $name: String!, $minStep: Int64!, $maxStep: Int64!,
  $pageSize: Int!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
  }
}
"""


@dataclass(frozen=True)
class Place:
    """A project on a server."""

    server: Server
    entity: str
    project: str

    def path(self, id_: str) -> str:
        """A run's path."""
        return f"{self.entity}/{self.project}/{id_}"

    def address(self, page: str) -> str:
        """The address of one of its pages in a browser; W&B's own server has another one for them."""
        app = os.environ.get("WANDB_APP_URL") or self.server.url.replace("//api.", "//", 1)
        return f"{app.rstrip('/')}/{self.entity}/{self.project}/{page}"


@dataclass(frozen=True)
class RunThere:
    """A run as the server shows it.

    Attributes:
        rows: its history.
        lines: how many rows it has by the server's own count.
        state: `finished`, `failed`, `running` or `crashed`.
        config: its settings, without W&B's own.
        summary: its summary.
        labels: display name, group, job type and tags.
    """

    rows: Sequence[Row]
    lines: int
    state: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    labels: tuple[Any, ...]


def read(place: Place, wanted: RunContent) -> RunThere | None:
    """Read back a run; None if the server has none of its id.

    Raises:
        ServerError: if it can't be read.
    """
    id_ = wanted.opening.id
    named = {"project": place.project, "entity": place.entity, "name": id_}
    found = (place.server.ask("Run", RUN, **named).get("project") or {}).get("run")
    if not found:
        return None
    lines = int(found.get("historyLineCount") or 0)
    config = {
        name: each.get("value") if isinstance(each, Mapping) else each
        for name, each in _object("Run", found.get("config")).items()
        if name != OWN
    }
    labels = (
        found.get("displayName"),
        found.get("group"),
        found.get("jobType"),
        tuple(sorted(found.get("tags") or ())),
    )
    rows = _history(place, named, [step for step, _ in wanted.rows]) if lines else []
    summary = _object("Run", found.get("summaryMetrics"))
    return RunThere(rows, lines, str(found.get("state")), config, summary, labels)


def _history(place: Place, named: Mapping[str, str], steps: Sequence[int]) -> list[Row]:
    """The rows of a history. Pages begin at known steps, so that W&B, which samples long pages, gives every row."""
    found: list[Row] = []
    starts = [0, *steps[PAGE::PAGE]]
    for start, end in zip(starts, [*starts[1:], max(steps, default=0) + 2**31], strict=True):
        answer = place.server.ask("HistoryPage", HISTORY_PAGE, **named, minStep=start, maxStep=end, pageSize=2 * PAGE)
        lines = ((answer.get("project") or {}).get("run") or {}).get("history") or []
        found += [_row(line) for line in lines]
    return found


def _row(line: Any) -> Row:
    content = _object("HistoryPage", line)
    numbers = {name: number for name, each in content.items() if (number := _own(name, each)) is not None}
    return int(content.get("_step", -1)), numbers


def _own(name: str, value: Any) -> float | None:
    """A number that was logged; None for what W&B adds to a row."""
    return None if name.startswith("_") else metric_names.number(value)


def _object(call: str, content: Any) -> dict[str, Any]:
    """A JSON object, which W&B often answers as text."""
    try:
        found = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        raise ServerError(call, f"expected JSON, found {str(content)[:40]!r}") from None
    return dict(found) if isinstance(found, Mapping) else {}


def differences(wanted: RunContent, found: RunThere | None) -> list[str]:
    """How a run on the server differs from what it should be; empty if it is the same, every number to the bit."""
    if found is None:
        return ["not there"]
    told = []
    different = first_difference(wanted.rows, found.rows)
    if found.lines != len(wanted.rows) or len(found.rows) != len(wanted.rows):
        told.append(f"{found.lines} of {len(wanted.rows)} rows")
    elif different is not None:
        told.append(f"another row {different}, of step {wanted.rows[different][0]}")
    told += [f"another config: {name}" for name in _differing(_plain(wanted.opening.config), found.config)[:1]]
    told += [f"another summary: {name}" for name in _differing(wanted.summary, found.summary)[:1]]
    told += ["another name, group, type or tags"] if _labels(wanted.opening) != found.labels else []
    ended = "failed" if wanted.exit_code else "finished"
    return told + ([f"state {found.state}, not {ended}"] if found.state != ended else [])


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [name for name, value in wanted.items() if not _same(value, found.get(name))]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where W&B writes numbers that aren't finite as words."""
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and all(_same(value, other.get(name)) for name, value in one.items())
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(_same, one, other))
    number, theirs = metric_names.number(one), metric_names.number(other)
    return one == other if number is None or theirs is None else number.hex() == theirs.hex()


def _labels(opening: Opening) -> tuple[Any, ...]:
    return opening.name, opening.group, opening.job_type, tuple(sorted(opening.content()["tags"]))


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(value))


def upsert(
    server: Server, *, entity: str | None, project: str, opening: Mapping[str, Any], defined: Sequence[str]
) -> Place:
    """Make a run or renew its config and labels; returns where it is.

    Args:
        server: W&B's server.
        entity: who owns the project; None for the key's own.
        project: the project.
        opening: as `Opening.content`.
        defined: the names of the run's metrics.

    Raises:
        ServerError: as `Server.ask`.
    """
    config: dict[str, Any] = {name: {"value": value} for name, value in opening["config"].items()}
    config[OWN] = {"value": {"m": definitions(defined)}}
    answer = server.ask(
        "UpsertBucket",
        UPSERT,
        name=opening["id"],
        project=project,
        entity=entity,
        groupName=opening["group"],
        displayName=opening["name"],
        config=json.dumps(config),
        jobType=opening["job_type"],
        tags=list(opening["tags"]),
    )
    owner = (((answer.get("upsertBucket") or {}).get("bucket") or {}).get("project") or {}).get("entity") or {}
    return Place(server, entity or owner.get("name") or "", project)


def definitions(names: Sequence[str]) -> list[dict[str, Any]]:
    """The definitions of metrics in a run's config, as W&B's client writes them: by the fields of its records.

    Fields 1, 5, 6 and 7 of `MetricRecord` are here the name, the place of the x axis in this list, the options and what
    the summary keeps.
    """
    codes = {"min": 1, "max": 2, "last": 5}  # the fields of `MetricSummary`
    step, defined = {"1": STEP, "6": [3], "7": []}, []
    for name in names:
        if name != STEP:
            defined.append({"1": name, "5": 1, "6": [1, 3], "7": [codes[each] for each in metric_names.kept(name)]})
    return [step, *defined]


def send_rows(
    place: Place, id_: str, rows: Sequence[Row], first: int, added: Mapping[int, Mapping[str, float]]
) -> None:
    """Send rows of a history.

    Args:
        place: the project.
        id_: the run.
        rows: the rows.
        first: the number of the first one.
        added: W&B's own numbers of each step, such as the time.

    Raises:
        ServerError: as `Server.ask`.
    """
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        lines = [json.dumps({"_step": step, **numbers, **added.get(step, {})}) for step, numbers in part]
        place.server.stream(place.path(id_), {"files": {HISTORY: {"offset": first + start, "content": lines}}})


def end(place: Place, id_: str, summary: Mapping[str, Any], last_step: int, exit_code: int) -> None:
    """Send a run's summary and end it.

    Raises:
        ServerError: as `Server.ask`.
    """
    content = json.dumps({**summary, "_step": last_step})
    files = {SUMMARY: {"offset": 0, "content": [content]}}
    place.server.stream(place.path(id_), {"files": files, "complete": True, "exitcode": exit_code})


def names(rows: Sequence[Row]) -> list[str]:
    """The names of a history's metrics, in the order in which they first occur."""
    return list(dict.fromkeys(name for _, numbers in rows for name in numbers))
