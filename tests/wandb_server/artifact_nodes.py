"""Artifacts as the GraphQL API shows them: collections of versions, and who made and who used them."""

from collections.abc import Mapping, Sequence
from typing import Any

from wandb_server import run_nodes  # runs have artifacts, and artifacts have runs
from wandb_server.lists import page
from wandb_server.records import COMMITTED, Artifact, Project, Run
from wandb_server.sources import Info, Source, file_node
from wandb_server.store import node_id

DIGEST = "MANIFEST_MD5"
INHERITED = -2  # the time to live is the collection's


def of_project(source: Source, project: Project) -> dict[str, "CollectionNode"]:
    """The collections of a project by name, with the versions that are committed and readable."""
    found: dict[str, list[Artifact]] = {}
    for artifact in source.store.artifacts.readable().values():
        mine = (artifact.entity, artifact.project) == (project.entity, project.name)
        if mine and artifact.state == COMMITTED:
            found.setdefault(artifact.collection, []).append(artifact)
    return {name: CollectionNode(source, sorted(each, key=lambda a: a.version)) for name, each in found.items()}


def used_by(source: Source, run: Run) -> list["ArtifactNode"]:
    """The versions that a run uses."""
    return [ArtifactNode(source, each) for each in _committed(source) if run.key in each.users]


def made_by(source: Source, run: Run) -> list["ArtifactNode"]:
    """The versions that a run has logged."""
    return [ArtifactNode(source, each) for each in _committed(source) if each.maker == run.key]


def _committed(source: Source) -> list[Artifact]:
    return [each for each in source.store.artifacts.readable().values() if each.state == COMMITTED]


class TypeNode:
    """The collections of one type."""

    __typename = "ArtifactType"
    description = createdAt = None

    def __init__(self, name: str, collections: Mapping[str, "CollectionNode"]) -> None:
        self.id = node_id("ArtifactType", name)
        self.name = name
        self._collections = collections

    def artifactCollection(self, _: Info, name: str) -> "CollectionNode | None":
        return self._collections.get(name)


class CollectionNode:
    """A collection: the versions of one artifact, oldest first. There is at least one."""

    __typename = "ArtifactSequence"
    description = None
    state = "READY"
    digestAlgorithm = DIGEST

    def __init__(self, source: Source, versions: Sequence[Artifact]) -> None:
        first, last = versions[0], versions[-1]
        self._source = source
        self._versions = versions
        self.id = node_id("ArtifactSequence", first.entity, first.project, first.collection)
        self.name, self.type = first.collection, first.type
        self.createdAt, self.updatedAt = first.created_at, last.created_at
        self.tags = page([])

    def project(self, _: Info) -> Any:
        first = self._versions[0]
        return run_nodes.ProjectNode(self._source, self._source.store.project(first.entity, first.project))

    def defaultArtifactType(self, _: Info) -> TypeNode:
        return TypeNode(self.type, {self.name: self})

    def latestArtifact(self, _: Info) -> "ArtifactNode | None":
        committed = [each for each in self._versions if each.state == COMMITTED]
        return ArtifactNode(self._source, committed[-1]) if committed else None

    def artifacts(self, _: Info, filters: str | None = None, order: str | None = None, **place: Any) -> dict[str, Any]:
        """The committed versions, newest first; the clients ask for no other filter or order."""
        found = page([ArtifactNode(self._source, each) for each in reversed(self._versions)], **place)
        for edge in found["edges"]:
            edge["version"] = f"v{edge['node'].versionIndex}"
        return found

    def artifactMembership(self, _: Info, aliasName: str) -> "MembershipNode | None":
        named = (each for each in reversed(self._versions) if aliasName in (f"v{each.version}", *each.aliases))
        return next((MembershipNode(self._source, each, self) for each in named), None)


class MembershipNode:
    """A version as a member of its collection."""

    __typename = "ArtifactCollectionMembership"

    def __init__(self, source: Source, artifact: Artifact, collection: CollectionNode) -> None:
        self._source = source
        self._artifact = artifact
        self.id = node_id("ArtifactCollectionMembership", artifact.number)
        self.versionIndex, self.createdAt = artifact.version, artifact.created_at
        self.artifactCollection = collection
        self.aliases = _aliases(artifact, collection)

    def artifact(self, _: Info) -> "ArtifactNode":
        return ArtifactNode(self._source, self._artifact)

    def files(self, _: Info, names: Sequence[str] | None = None, **place: Any) -> dict[str, Any]:
        """The files of the version; the ones that an earlier version brought are that version's."""
        nodes = []
        for name, entry in self._artifact.entries.items():
            if names and name not in names:
                continue
            born = self._source.store.artifacts.written.get(entry.get("birthArtifactID", self._artifact.id))
            file = born.files.get(name) if born else None
            nodes.append(file_node(self._source, f"artifacts/{entry.get('birthArtifactID')}/{name}", name, file))
        return page(nodes, **place)


class ArtifactNode:
    """A version of an artifact."""

    __typename = "Artifact"
    ttlDurationSeconds = INHERITED
    ttlIsInherited = True
    digestAlgorithm = DIGEST

    def __init__(self, source: Source, artifact: Artifact) -> None:
        self._source = source
        self._artifact = artifact
        self.id, self.versionIndex, self.state = artifact.id, artifact.version, artifact.state
        self.description, self.metadata = artifact.description, artifact.metadata
        self.historyStep, self.size, self.digest = artifact.history_step, artifact.size, artifact.digest
        self.commitHash = artifact.digest if artifact.state == COMMITTED else None
        self.fileCount = len(artifact.entries)
        self.createdAt = self.updatedAt = artifact.created_at
        self.tags: list[Any] = []

    def artifactType(self, _: Info) -> TypeNode:
        return TypeNode(self._artifact.type, {})

    def artifactSequence(self, _: Info) -> CollectionNode:
        mine = self._artifact
        place = (mine.entity, mine.project, mine.collection)
        others = [
            each for each in self._source.store.artifacts if (each.entity, each.project, each.collection) == place
        ]
        return CollectionNode(self._source, others or [mine])

    def aliases(self, info: Info) -> list[dict[str, Any]]:
        return _aliases(self._artifact, self.artifactSequence(info))

    def currentManifest(self, _: Info) -> dict[str, Any]:
        return manifest_node(self._source, self._artifact)

    def createdBy(self, _: Info) -> Any:
        run = self._source.store.runs.readable().get(self._artifact.maker)
        return run_nodes.RunNode(self._source, run) if run else None

    def usedBy(self, _: Info) -> dict[str, Any]:
        runs = self._source.store.runs.readable()
        return page([run_nodes.RunNode(self._source, runs[key]) for key in self._artifact.users if key in runs])


def manifest_node(source: Source, artifact: Artifact) -> dict[str, Any]:
    """The manifest of a version: the list of its files with their digests."""
    name = "wandb_manifest.json"
    file = file_node(source, f"manifests/{artifact.id}/{name}", name, artifact.manifest)
    return {"id": node_id("ArtifactManifest", artifact.number), "file": file}


def _aliases(artifact: Artifact, collection: CollectionNode) -> list[dict[str, Any]]:
    named = [(node_id("ArtifactAlias", artifact.number, alias), alias) for alias in artifact.aliases]
    return [{"id": id, "alias": alias, "artifactCollection": collection} for id, alias in named]
