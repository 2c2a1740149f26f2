"""What the server keeps: projects, runs, artifacts and reports."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

STEP = "_step"
FINISHED, FAILED, RUNNING, CRASHED = "finished", "failed", "running", "crashed"
PENDING, COMMITTED, DELETED = "PENDING", "COMMITTED", "DELETED"


def now() -> str:
    """The time as W&B writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Project:
    """A project of an entity, which is a user or a team."""

    entity: str
    name: str
    number: int
    created_at: str = field(default_factory=now)


@dataclass(frozen=True)
class StoredFile:
    """An uploaded file.

    Attributes:
        size: in bytes.
        md5: the digest in base 64, as W&B writes it.
        content: the bytes.
    """

    size: int
    md5: str
    content: bytes = field(repr=False)
    updated_at: str = field(default_factory=now)


@dataclass
class Run:
    """A run.

    Attributes:
        id: the id in the run's address, which W&B's API calls its name.
        config: as W&B sends it, each value as `{"value": …}`; `settings` has the values alone.
        summary: the newest summary.
        history: the lines of the history by their number, as they were sent.
        events: the lines with measurements of the machine.
        console: the lines that the run printed.
        files: the uploaded files by name.
        exit_code: None until the run has ended.
        upserts: how often UpsertBucket made or changed the run.
        sent_twice: how many lines of the history were sent to a number that had a line before.
    """

    entity: str
    project: str
    id: str
    name: str = ""
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    description: str | None = None
    tags: list[str] = field(default_factory=list)
    host: str | None = None
    program: str | None = None
    commit: str | None = None
    sweep: str | None = None
    state: str = RUNNING
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: dict[int, str] = field(default_factory=dict)
    events: dict[int, str] = field(default_factory=dict)
    console: dict[int, str] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    exit_code: int | None = None
    created_at: str = field(default_factory=now)
    heartbeat_at: str = field(default_factory=now)
    upserts: int = 0
    sent_twice: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What the run is stored under: entity, project and id."""
        return self.entity, self.project, self.id

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the config, without W&B's own."""
        return {name: given.get("value") for name, given in self.config.items() if name != "_wandb"}

    @property
    def lines(self) -> list[str]:
        """The lines of the history in order."""
        return [self.history[number] for number in sorted(self.history)]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the history in order."""
        return [json.loads(line) for line in self.lines]

    def column(self, name: str) -> list[tuple[int, Any]]:
        """(step, value) pairs of a metric, in the order of the rows."""
        return [(row[STEP], row[name]) for row in self.rows if name in row]

    def copied(self) -> Self:
        """A copy that later changes of the run don't reach."""
        own = {name: copy.copy(value) for name, value in vars(self).items() if isinstance(value, dict | list)}
        return replace(self, **own)


@dataclass
class Artifact:
    """A version of an artifact.

    Attributes:
        number: makes the id.
        version: the version's number, from 0.
        files: the files that were uploaded for this version, by name; a file that an earlier version has is not sent.
        entries: the manifest's entries by name, once it is committed.
        maker: the key of the run that logged it.
        users: the keys of the runs that use it.
    """

    number: int
    id: str
    entity: str
    project: str
    collection: str
    type: str
    digest: str
    version: int
    state: str = PENDING
    description: str | None = None
    metadata: str | None = None
    history_step: int | None = None
    aliases: list[str] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)
    entries: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    manifest: StoredFile | None = None
    maker: tuple[str, str, str] | None = None
    users: list[tuple[str, str, str]] = field(default_factory=list)
    created_at: str = field(default_factory=now)

    @property
    def key(self) -> str:
        """What the version is stored under."""
        return self.id

    @property
    def name(self) -> str:
        """Name and version as W&B writes them, such as `results:v0`."""
        return f"{self.collection}:v{self.version}"

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(int(entry.get("size", 0)) for entry in self.entries.values())

    def copied(self) -> Self:
        """A copy that later changes of the version don't reach."""
        own = {name: copy.copy(value) for name, value in vars(self).items() if isinstance(value, dict | list)}
        return replace(self, **own)


@dataclass
class Report:
    """A report.

    Attributes:
        spec: the content as JSON; `content` is the same, parsed.
        saves: how often it was saved.
    """

    id: str
    entity: str
    project: str
    title: str = ""
    name: str = ""
    type: str | None = None
    description: str | None = None
    spec: str = "{}"
    saves: int = 0
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)

    @property
    def key(self) -> str:
        """What the report is stored under."""
        return self.id

    @property
    def content(self) -> dict[str, Any]:
        """The content of the report."""
        return json.loads(self.spec)

    def copied(self) -> Self:
        """A copy that later changes of the report don't reach."""
        return replace(self)
