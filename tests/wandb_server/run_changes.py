"""What clients change of runs and reports: mutations of the GraphQL API, and the file stream."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wandb_server.records import FAILED, FINISHED, RUNNING, Report, Run, now
from wandb_server.refusals import RefusalError, not_found, run_deleted
from wandb_server.run_nodes import ProjectNode, ReportNode, RunNode
from wandb_server.sources import Info, Source, file_node
from wandb_server.store import node_id, run_node

Input = Mapping[str, Any]
PLAIN = {  # fields of UpsertBucket that replace a run's attribute
    "groupName": "group", "description": "description", "displayName": "name", "notes": "notes", "commit": "commit",
    "host": "host", "jobProgram": "program", "jobType": "job_type", "state": "state", "sweep": "sweep", "tags": "tags",
}  # fmt: skip
STREAMED = {"wandb-history.jsonl": "history", "wandb-events.jsonl": "events", "output.log": "console"}
SUMMARY = "wandb-summary.json"


class RunChanges:
    """Mutations of runs, their files, projects and reports."""

    _source: Source

    def upsertModel(self, _: Info, input: Input) -> dict[str, Any]:
        store = self._source.store
        new = (input.get("entityName") or store.entity, input["name"]) not in store.projects
        node = ProjectNode(self._source, store.project(input.get("entityName"), input["name"]))
        return {"project": node, "model": node, "inserted": new}

    def upsertBucket(self, _: Info, input: Input) -> dict[str, Any]:
        run, new = self._run_to_change(input)
        for field, attribute in PLAIN.items():
            if input.get(field) is not None:
                setattr(run, attribute, input[field])
        for field, attribute in (("config", "config"), ("summaryMetrics", "summary")):
            if input.get(field):
                setattr(run, attribute, json.loads(input[field]))
        run.upserts += 1
        self._source.store.runs.changed(run.key)
        node = RunNode(self._source, run)
        if not self._source.store.appends:
            node.historyLineCount = None
        return {"bucket": node, "inserted": new}

    def _run_to_change(self, input: Input) -> tuple[Run, bool]:
        """The run that is meant, and whether it is new.

        Raises:
            RefusalError: if a run of this id was deleted, or if there is no run with the given id of the API.
        """
        store = self._source.store
        if not input.get("name"):
            run = store.run_by_node(input.get("id") or "")
            if run is None:
                raise not_found("run")
            return run, False
        project = store.project(input.get("entityName"), input.get("modelName"))
        key = (project.entity, project.name, input["name"])
        if key in store.deleted:
            raise run_deleted(*key)
        new = key not in store.runs.written
        return store.runs.written.setdefault(key, Run(*key, name=key[-1])), new

    def deleteRun(self, _: Info, input: Input) -> dict[str, Any]:
        run = self._source.store.run_by_node(input["id"])
        if run is None:
            raise not_found("run")
        self._source.store.delete_run(run.key)
        return {"clientMutationId": None}

    def updateRunState(self, _: Info, input: Input) -> dict[str, Any]:
        run = self._source.store.run_by_node(input["id"])
        if run is None:
            raise not_found("run")
        run.state = input["state"]
        self._source.store.runs.changed(run.key)
        return {"success": True}

    def createRunFiles(self, _: Info, input: Input) -> dict[str, Any]:
        run = self._existing(input)
        paths = {name: "/".join(("runs", *run.key, name)) for name in input["files"]}
        files = [file_node(self._source, path, name, run.files.get(name)) for name, path in paths.items()]
        return {"runID": run_node(run.key), "uploadHeaders": [], "files": files}

    def markRunFilesUploaded(self, _: Info, input: Input) -> dict[str, Any]:
        run = self._existing(input)
        return {"success": all(name in run.files for name in input["files"])}

    def deleteFiles(self, _: Info, input: Input) -> dict[str, Any]:
        for run in self._source.store.runs:
            for name in list(run.files):
                if node_id("File", "/".join(("runs", *run.key, name))) in input["files"]:
                    del run.files[name]
                    self._source.store.runs.changed(run.key)
        return {"success": True}

    def upsertView(self, _: Info, input: Input) -> dict[str, Any]:
        store = self._source.store
        id = input.get("id")
        if id and id not in store.reports.written:
            raise not_found(f"view {id}")
        project = store.project(input.get("entityName"), input.get("projectName"))
        made = id or node_id("View", store.number())
        report = store.reports.written.setdefault(made, Report(made, project.entity, project.name))
        for field, attribute in (("displayName", "title"), ("name", "name"), ("type", "type"), ("spec", "spec"),
                                 ("description", "description")):  # fmt: skip
            if input.get(field) is not None:
                setattr(report, attribute, input[field])
        report.saves += 1
        report.updated_at = now()
        store.reports.changed(report.key)
        return {"view": ReportNode(self._source, report), "inserted": not id}

    def deleteView(self, _: Info, input: Input) -> dict[str, Any]:
        if self._source.store.reports.written.pop(input["id"], None) is None:
            raise not_found(f"view {input['id']}")
        self._source.store.reports.changed(input["id"])
        return {"success": True, "pendingDrafts": 0}

    def _existing(self, input: Input) -> Run:
        key = (input["entityName"] or self._source.store.entity, input["projectName"], input["runName"])
        if key in self._source.store.deleted:
            raise run_deleted(*key)
        if key not in self._source.store.runs.written:
            raise not_found("run " + "/".join(key))
        return self._source.store.runs.written[key]


def stream(source: Source, key: tuple[str, str, str], body: Mapping[str, Any]) -> dict[str, Any]:
    """Take a part of a run's file stream.

    Every part names, for each file, the number of its first line; a line that is sent to the number of another one
    replaces it.

    Raises:
        RefusalError: if there is no such run.
    """
    run = source.store.runs.written.get(key)
    if run is None:
        raise not_found("run " + "/".join(key))
    run.heartbeat_at = now()
    for name, part in (body.get("files") or {}).items():
        if name == SUMMARY and part["content"]:
            run.summary = json.loads(part["content"][-1])
        elif name in STREAMED:
            _write(run, STREAMED[name], part["offset"], part["content"])
        elif name != SUMMARY:
            raise RefusalError(f"the file stream has no file {name}")
    if body.get("complete"):
        run.exit_code = body.get("exitcode")
        run.state = FAILED if run.exit_code else FINISHED
    elif run.exit_code is not None:
        run.exit_code, run.state = None, RUNNING  # it was resumed or sent again
    source.store.runs.changed(key)
    return {"exitcode": run.exit_code, "limits": {}, "stopped": False}


def _write(run: Run, attribute: str, offset: int, lines: Sequence[str]) -> None:
    written = getattr(run, attribute)
    for number, line in enumerate(lines, offset):
        if attribute == "history":
            run.sent_twice += number in written
        written[number] = line
