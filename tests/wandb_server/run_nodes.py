"""Runs, projects and reports as the GraphQL API shows them. A method's or attribute's name is that of a field."""

import fnmatch
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wandb_server import artifact_nodes
from wandb_server.lists import page, sampled, selected
from wandb_server.records import STEP, Project, Report, Run
from wandb_server.sources import Info, Source, file_node
from wandb_server.store import node_id, run_node


def user(source: Source) -> dict[str, Any]:
    """The user whom the key belongs to."""
    name = source.store.entity
    return {
        "id": node_id("User", 1), "name": name, "username": name, "email": f"{name}@example.org", "entity": name,
        "admin": False, "flags": "{}", "apiKeys": page([]), "teams": page([entity(name)]), "photoUrl": None,
    }  # fmt: skip


def entity(name: str) -> dict[str, Any]:
    """An entity: a user or a team."""
    organization = {"name": f"{name}-organization", "orgEntity": {"id": node_id("Entity", f"{name}-organization")}}
    return {"id": node_id("Entity", name), "name": name, "xxhashDigestsEnabled": False, "organization": organization}


class ProjectNode:
    """A project."""

    __typename = "Project"

    def __init__(self, source: Source, project: Project, *, written: bool = False) -> None:
        self._source = source
        self._project = project
        store = source.store
        runs = store.runs.written if written else store.runs.readable()
        mine = (project.entity, project.name)
        self._runs = [run for run in runs.values() if (run.entity, run.project) == mine]
        self._artifacts = artifact_nodes.of_project(source, project)
        self.id = node_id("Project", "v1", project.name, project.entity)
        self.internalId = node_id("ProjectInternalId", project.number)
        self.name = project.name
        self.entityName = project.entity
        self.entity = entity(project.entity)
        self.createdAt = project.created_at
        self.isBenchmark = self.readOnly = False

    def user(self, _: Info) -> dict[str, Any]:
        return user(self._source)

    def run(self, _: Info, name: str) -> "RunNode | None":
        return next((RunNode(self._source, run) for run in self._runs if run.id == name), None)

    def bucket(self, info: Info, name: str, missingOk: bool | None = None) -> "RunNode | None":
        return self.run(info, name)

    def runCount(self, _: Info, filters: str | None = None) -> int:
        return len(selected(self._runs, filters, None))

    def runs(self, _: Info, filters: str | None = None, order: str | None = None, **place: Any) -> dict[str, Any]:
        return page([RunNode(self._source, run) for run in selected(self._runs, filters, order)], **place)

    def allViews(self, _: Info, viewType: str = "runs", viewName: str | None = None, **place: Any) -> dict[str, Any]:
        reports = self._source.store.reports.readable().values()
        mine = [each for each in reports if (each.entity, each.project) == (self._project.entity, self._project.name)]
        found = [each for each in mine if each.type == viewType and viewName in (None, each.name)]
        return page([ReportNode(self._source, each) for each in found], **place)

    def artifact(self, info: Info, name: str) -> Any:
        found = self.artifactCollectionMembership(info, name)
        return found and found.artifact(info)

    def artifactCollectionMembership(self, info: Info, name: str) -> Any:
        collection, _, alias = name.partition(":")
        found = self.artifactCollection(info, collection)
        return found and found.artifactMembership(info, alias or "latest")

    def artifactCollection(self, _: Info, name: str) -> Any:
        return self._artifacts.get(name)

    def artifactType(self, _: Info, name: str) -> Any:
        mine = {key: each for key, each in self._artifacts.items() if each.type == name}
        return artifact_nodes.TypeNode(name, mine) if mine else None

    def artifactTypes(self, info: Info, **place: Any) -> dict[str, Any]:
        names = dict.fromkeys(each.type for each in self._artifacts.values())
        return page([self.artifactType(info, name) for name in names], **place)


class RunNode:
    """A run."""

    __typename = "Run"

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run
        self.id = run_node(run.key)
        self.projectId = source.store.project(run.entity, run.project).number
        self.name = run.id
        self.displayName = run.name
        self.sweepName = run.sweep
        self.description, self.notes, self.commit = run.description, run.notes, run.commit
        self.state, self.group, self.jobType, self.tags = run.state, run.group, run.job_type, run.tags
        self.createdAt, self.heartbeatAt = run.created_at, run.heartbeat_at
        self.readOnly = False
        self.config = json.dumps(run.config)
        self.summaryMetrics = json.dumps(run.summary)
        self.systemMetrics = json.dumps({})
        self.historyLineCount: int | None = len(run.history)
        self.eventsLineCount = len(run.events)
        self.logLineCount = len(run.console)
        self.historyTail = json.dumps(run.lines[-1:])
        self.eventsTail = json.dumps([run.events[n] for n in sorted(run.events)][-1:])
        self.fileCount = len(run.files)

    def project(self, _: Info) -> ProjectNode:
        return ProjectNode(self._source, self._source.store.project(self._run.entity, self._run.project))

    def user(self, _: Info) -> dict[str, Any]:
        return user(self._source)

    def wandbConfig(self, _: Info, keys: Sequence[str] | None = None) -> str:
        own = self._run.config.get("_wandb", {}).get("value", {})
        return json.dumps({name: value for name, value in own.items() if keys is None or name in keys})

    def historyKeys(self, _: Info) -> dict[str, Any]:
        rows = self._run.rows
        counts: dict[str, dict[str, Any]] = {}
        for row in rows:
            for name, value in row.items():
                kind = "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "map"
                counted = counts.setdefault(name, {"typeCounts": [{"type": kind, "count": 0}], "monotonic": False})
                counted["typeCounts"][0]["count"] += 1
        return {"sets": [], "keys": counts, "lastStep": max([row.get(STEP, 0) for row in rows], default=-1)}

    def history(
        self, _: Info, minStep: int = 0, maxStep: float = math.inf, samples: int | None = None
    ) -> Sequence[str]:
        lines = zip(self._run.lines, self._run.rows, strict=True)
        return sampled([line for line, row in lines if minStep <= row.get(STEP, 0) < maxStep], samples)

    def events(self, _: Info, samples: int | None = None) -> Sequence[str]:
        return sampled([self._run.events[n] for n in sorted(self._run.events)], samples)

    def sampledHistory(self, _: Info, specs: Sequence[str]) -> list[Any]:
        return [self._sample(json.loads(spec)) for spec in specs]

    def parquetHistory(self, _: Info, liveKeys: Sequence[str]) -> dict[str, Any]:
        """W&B exports old rows to parquet files; here all rows are live ones."""
        live = [{key: row[key] for key in liveKeys} for row in self._run.rows if all(key in row for key in liveKeys)]
        return {"parquetUrls": [], "liveData": live}

    def files(self, _: Info, names: Sequence[str] = (), pattern: str | None = None, **place: Any) -> dict[str, Any]:
        found = {name: self._run.files[name] for name in sorted(self._run.files) if not names or name in names}
        chosen = [name for name in found if pattern is None or fnmatch.fnmatch(name, pattern.replace("%", "*"))]
        return page([file_node(self._source, self.path(name), name, found[name]) for name in chosen], **place)

    def inputArtifacts(self, _: Info, **place: Any) -> dict[str, Any]:
        return page(artifact_nodes.used_by(self._source, self._run), **place)

    def outputArtifacts(self, _: Info, **place: Any) -> dict[str, Any]:
        return page(artifact_nodes.made_by(self._source, self._run), **place)

    def path(self, name: str) -> str:
        """Where a file of the run is kept."""
        return "/".join(("runs", *self._run.key, name))

    def _sample(self, spec: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        keys, low, high = spec.get("keys", []), spec.get("minStep", 0), spec.get("maxStep", math.inf)
        # Other than `history`, this field counts the last step in.
        within = [row for row in self._run.rows if low <= row.get(STEP, 0) <= high]
        rows = [{key: row[key] for key in keys} for row in within if all(key in row for key in keys)]
        return sampled(rows, spec.get("samples"))


class ReportNode:
    """A report."""

    __typename = "View"

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self.id, self.type, self.name = report.id, report.type, report.name
        self.displayName, self.description, self.spec = report.title, report.description, report.spec
        self.createdAt, self.updatedAt = report.created_at, report.updated_at

    def project(self, _: Info) -> ProjectNode:
        return ProjectNode(self._source, self._source.store.project(self._report.entity, self._report.project))

    def user(self, _: Info) -> dict[str, Any]:
        return user(self._source)
