"""The server's state, and when a change of it becomes readable."""

import base64
import hashlib
import itertools
import threading
import time
from collections.abc import Hashable, Iterator
from typing import Generic, Protocol, Self, TypeVar

from wandb_server.records import Artifact, Project, Report, Run, StoredFile


class Record(Protocol):
    """What a shelf keeps."""

    @property
    def key(self) -> Hashable:
        """What it is stored under."""
        ...

    def copied(self) -> Self:
        """A copy that later changes don't reach."""
        ...


T = TypeVar("T", bound=Record)


class Shelf(Generic[T]):
    """Records of one kind, as they were written, and as they are readable.

    W&B is eventually consistent: what was written is readable later. Whoever changes a record calls `changed`; readers
    see a copy of it once `lateness` seconds have passed. Without lateness, they see it at once.
    """

    def __init__(self) -> None:
        self.written: dict[Hashable, T] = {}
        self.lateness = 0.0
        self._readable: dict[Hashable, T] = {}
        self._waiting: list[tuple[float, Hashable, T | None]] = []  # since when; None: it was deleted

    def changed(self, key: Hashable) -> None:
        """Note that a record was made, changed or deleted."""
        record = self.written.get(key)
        self._waiting.append((time.monotonic(), key, record.copied() if record else None))

    def readable(self) -> dict[Hashable, T]:
        """What readers may see."""
        while self._waiting and self._waiting[0][0] + self.lateness <= time.monotonic():
            _, key, record = self._waiting.pop(0)
            if record is None:
                self._readable.pop(key, None)
            else:
                self._readable[key] = record
        return self._readable

    def __iter__(self) -> Iterator[T]:
        return iter(self.written.values())


class Store:
    """Everything that the server keeps. Whoever uses it holds the lock.

    Attributes:
        entity: the user's own entity.
        appends: see `WandbServer.appends`.
    """

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.appends = True
        self.lock = threading.RLock()
        self.projects: dict[tuple[str, str], Project] = {}
        self.runs: Shelf[Run] = Shelf()
        self.artifacts: Shelf[Artifact] = Shelf()
        self.reports: Shelf[Report] = Shelf()
        self.deleted: set[tuple[str, str, str]] = set()  # runs whose id can't be used again
        self.clients: dict[str, str] = {}  # ids that clients gave to artifacts -> the server's ids
        self.uploads: dict[str, StoredFile] = {}  # by path
        self._numbers = itertools.count(1)

    @property
    def lateness(self) -> float:
        """Seconds until what was written is readable."""
        return self.runs.lateness

    @lateness.setter
    def lateness(self, seconds: float) -> None:
        for shelf in (self.runs, self.artifacts, self.reports):
            shelf.lateness = seconds

    def number(self) -> int:
        """A number that wasn't used before."""
        return next(self._numbers)

    def project(self, entity: str | None, name: str | None) -> Project:
        """A project, which is made if it doesn't exist."""
        key = (entity or self.entity, name or "uncategorized")
        if key not in self.projects:
            self.projects[key] = Project(*key, self.number())
        return self.projects[key]

    def run_by_node(self, node: str) -> Run | None:
        """The run with an id of the API (`run_node`)."""
        return next((run for run in self.runs if run_node(run.key) == node), None)

    def delete_run(self, key: tuple[str, str, str]) -> None:
        """Delete a run. As with W&B, its id can't be used again.

        Raises:
            KeyError: if there is no such run.
        """
        del self.runs.written[key]
        self.deleted.add(key)
        self.runs.changed(key)

    def upload(self, path: str, content: bytes) -> None:
        """Keep a file at a path: of a run, of an artifact's version, or of its manifest."""
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        file = StoredFile(len(content), base64.b64encode(digest).decode(), content)
        self.uploads[path] = file
        kind, _, rest = path.partition("/")
        if kind == "runs":
            entity, project, id, name = rest.split("/", 3)
            if run := self.runs.written.get((entity, project, id)):
                run.files[name] = file
                self.runs.changed(run.key)
            return
        id, _, name = rest.partition("/")
        if artifact := self.artifacts.written.get(id):
            if kind == "artifacts":
                artifact.files[name] = file
            else:
                artifact.manifest = file


def node_id(kind: str, *parts: str | int) -> str:
    """An id as W&B's API makes them: kind and parts in base 64."""
    return base64.b64encode(":".join((kind, *map(str, parts))).encode()).decode()


def run_node(key: tuple[str, str, str]) -> str:
    """The id of a run in the API."""
    entity, project, id = key
    return node_id("Run", "v1", id, project, entity)
