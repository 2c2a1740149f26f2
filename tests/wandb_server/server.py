"""A Weights & Biases server as tests use it.

server.url, server.environment(place)     what a client needs
server.runs["abc"].column("train/loss")   what has arrived: runs, artifacts, reports, requests
server.faults.add("file_stream", Status(500), after=1)
server.delete_run("abc")
server.lateness = 3                       seconds until what was written is readable
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from wandb_server.faults import Faults
from wandb_server.records import COMMITTED, Artifact, Project, Report, Run
from wandb_server.sources import Source
from wandb_server.store import Store
from wandb_server.web import Listener, Request

KEY = "0123456789abcdef0123456789abcdef01234567"
ENTITY = "lab"
T = TypeVar("T")


class Found(Mapping[str, T], Generic[T]):
    """What the server keeps of one kind, under names that begin with the project, such as `p/abc`.

    The project may be left out if only one has such a name.
    """

    def __init__(self, kind: str, known: Mapping[str, T], others: Mapping[str, T] | None = None) -> None:
        self._kind = kind
        self._known = known
        self._names = {**known, **(others or {})}

    def __getitem__(self, name: str) -> T:
        full = [each for each in self._names if name in (each, each.partition("/")[2])]
        if len(full) != 1:
            known = ", ".join(full or self._names) or "none"
            raise KeyError(f"expected one {self._kind} {name!r} on the server, found {len(full)}: {known}")
        return self._names[full[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class WandbServer:
    """A server that is started by `with`. What its properties give is a copy that no later request changes.

    Attributes:
        url: its address.
        faults: the faults that were ordered.
    """

    def __init__(self, *, entity: str = ENTITY, key: str = KEY) -> None:
        self.key = key
        self.entity = entity
        self._store = Store(entity)
        self._listener = Listener(key)
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._listener.source = Source(self._store, self.url)
        self.faults: Faults = self._listener.faults

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()

    def environment(self, place: Path, **more: str) -> dict[str, str]:
        """The variables with which a client uses this server, and nothing outside of a folder.

        Args:
            place: the folder for W&B's files, its caches and settings; HOME is there, too.
            more: further variables.
        """
        folders = {name: str(place / name.lower()) for name in ("HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")}
        for folder in folders.values():
            Path(folder).mkdir(parents=True, exist_ok=True)
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": self.key,
            "WANDB_MODE": "online",
            "WANDB_DIR": str(place),
            "WANDB_DATA_DIR": str(place / "wandb_data_dir"),
            "WANDB_ERROR_REPORTING": "false",
            "NETRC": str(place / "home" / ".netrc"),
            "no_proxy": "127.0.0.1",
            **folders,
            **more,
        }

    @property
    def runs(self) -> Found[Run]:
        """The runs, by `project/id`; the id alone is enough."""
        with self._store.lock:
            return Found("run", {f"{run.project}/{run.id}": run.copied() for run in self._store.runs})

    @property
    def artifacts(self) -> Found[Artifact]:
        """The committed versions of artifacts, by `project/name:v0`; an alias will do as well."""
        with self._store.lock:
            committed = [each.copied() for each in self._store.artifacts if each.state == COMMITTED]
        known = {f"{each.project}/{each.name}": each for each in committed}
        aliases = {f"{each.project}/{each.collection}:{alias}": each for each in committed for alias in each.aliases}
        return Found("artifact", known, aliases)

    @property
    def reports(self) -> Found[Report]:
        """The reports, by `project/title`."""
        with self._store.lock:
            return Found("report", {f"{each.project}/{each.title}": each.copied() for each in self._store.reports})

    @property
    def projects(self) -> list[Project]:
        """The projects."""
        with self._store.lock:
            return list(self._store.projects.values())

    @property
    def requests(self) -> list[Request]:
        """All requests, in the order of their arrival."""
        with self._store.lock:
            return list(self._listener.requests)

    def calls(self, name: str) -> list[Request]:
        """The requests whose name has a part, such as `UpsertBucket` or `file_stream`."""
        return [request for request in self.requests if name in request.name]

    @property
    def problems(self) -> list[str]:
        """Faults of this server's own, and requests that it doesn't know: a test that has any is worth nothing."""
        return list(self._listener.problems)

    @property
    def lateness(self) -> float:
        """Seconds until what was written is readable; 0 by default."""
        return self._store.lateness

    @lateness.setter
    def lateness(self, seconds: float) -> None:
        with self._store.lock:
            self._store.lateness = seconds

    @property
    def appends(self) -> bool:
        """Whether a run that is sent a second time gets its rows a second time.

        Who starts a run whose id exists is told by UpsertBucket how many rows it has, and wandb's client then writes
        behind them. W&B documents that such a run is overwritten, which is what happens if the answer has no number.
        What W&B answers isn't documented; by default the server gives the number, which is the harder case.
        """
        return self._store.appends

    @appends.setter
    def appends(self, whether: bool) -> None:
        with self._store.lock:
            self._store.appends = whether

    def delete_run(self, name: str) -> None:
        """Delete a run as a person does in the browser: a run of the same id is refused from now on."""
        with self._store.lock:
            self._store.delete_run(self.runs[name].key)
