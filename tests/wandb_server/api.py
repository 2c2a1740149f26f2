"""The GraphQL API: documents are checked against the schema and executed by graphql-core."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from wandb_server.artifact_changes import ArtifactChanges
from wandb_server.artifact_nodes import ArtifactNode
from wandb_server.lists import page
from wandb_server.records import DELETED
from wandb_server.refusals import BAD_REQUEST, RefusalError
from wandb_server.run_changes import RunChanges
from wandb_server.run_nodes import ProjectNode, ReportNode, entity, user
from wandb_server.sources import Info, Source

SCHEMA = build_schema(Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8"))
FEATURES = (
    "ARTIFACT_TAGS", "CLIENT_IDS", "LARGE_FILENAMES", "MARK_RUN_FILES_UPLOADED",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
)  # fmt: skip


class Queries:
    """The first fields of queries."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def viewer(self, _: Info) -> dict[str, Any]:
        return user(self._source)

    def serverInfo(self, _: Info) -> dict[str, Any]:
        return {"features": [{"name": name, "isEnabled": True} for name in FEATURES]}

    def entity(self, _: Info, name: str) -> dict[str, Any]:
        return entity(name)

    def models(self, _: Info, entityName: str | None = None, **place: Any) -> dict[str, Any]:
        projects = self._source.store.projects.values()
        wanted = entityName or self._source.store.entity
        return page([ProjectNode(self._source, each) for each in projects if each.entity == wanted], **place)

    def project(self, _: Info, name: str | None = None, entityName: str | None = None) -> ProjectNode | None:
        return self._project(name, entityName, written=False)

    def model(self, _: Info, name: str | None = None, entityName: str | None = None) -> ProjectNode | None:
        """A project as a run that is resumed asks for it: it has to see what was written a moment ago."""
        return self._project(name, entityName, written=True)

    def _project(self, name: str | None, entity_name: str | None, *, written: bool) -> ProjectNode | None:
        store = self._source.store
        found = store.projects.get((entity_name or store.entity, name or "uncategorized"))
        return ProjectNode(self._source, found, written=written) if found else None

    def artifact(self, _: Info, id: str) -> ArtifactNode | None:
        found = self._source.store.artifacts.written.get(id)
        return ArtifactNode(self._source, found) if found and found.state != DELETED else None

    def clientIDMapping(self, _: Info, clientID: str) -> dict[str, str] | None:
        found = self._source.store.clients.get(clientID)
        return {"serverID": found} if found else None

    def view(self, _: Info, id: str) -> ReportNode | None:
        found = self._source.store.reports.readable().get(id)
        return ReportNode(self._source, found) if found else None


class Mutations(RunChanges, ArtifactChanges):
    """The first fields of mutations."""

    def __init__(self, source: Source) -> None:
        self._source = source


@dataclass(frozen=True)
class Call:
    """A GraphQL request.

    Attributes:
        text: the document.
        operation: the definition that is to be executed.
        variables: the values of its variables.
    """

    text: str
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.name.value if self.operation.name else "anonymous"

    @property
    def field(self) -> str:
        """The operation's first field, such as `upsertBucket`."""
        first = self.operation.selection_set.selections[0]
        return getattr(first, "name").value  # noqa: B009 (fragments stand deeper)

    @classmethod
    def read(cls, body: bytes) -> "Call":
        """Parse a request.

        Raises:
            GraphQLError: if the document isn't GraphQL.
        """
        given = json.loads(body)
        document = _parsed(given["query"])
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        return cls(given["query"], operation, given.get("variables") or {})


@functools.cache
def _parsed(text: str) -> DocumentNode:
    return parse(text)


@functools.cache
def _problems(text: str) -> list[GraphQLError]:
    return validate(SCHEMA, _parsed(text))


def execute(source: Source, call: Call) -> tuple[int, dict[str, Any]]:
    """Execute a call; returns the answer's status code and content.

    Raises:
        Exception: whatever a fault of this server's own raises.
    """
    if problems := _problems(call.text):
        return BAD_REQUEST, {"errors": [{"message": each.message} for each in problems], "data": None}
    root = Mutations(source) if call.operation.operation is OperationType.MUTATION else Queries(source)
    done = execute_sync(SCHEMA, _parsed(call.text), root, variable_values=dict(call.variables))
    if not isinstance(done, ExecutionResult):
        raise TypeError(f"expected a result at once, found {done!r}")
    status = 200
    for error in done.errors or ():
        if isinstance(error.original_error or error, RefusalError):
            status = getattr(error.original_error or error, "status", BAD_REQUEST)
        elif error.original_error is not None:
            raise error.original_error
        else:
            status = BAD_REQUEST  # variables of another type than the schema's
    return status, dict(done.formatted)
