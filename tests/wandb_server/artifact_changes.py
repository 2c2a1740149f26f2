"""What clients change of artifacts: mutations of the GraphQL API.

A version is made (PENDING), gets its manifest and files, and is committed, which checks the files' digests. A version
with the digest of a committed one of the same collection is that one: W&B stores equal content once.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from wandb_server.artifact_nodes import ArtifactNode, manifest_node
from wandb_server.lists import page
from wandb_server.records import COMMITTED, DELETED, Artifact
from wandb_server.refusals import RefusalError, not_found
from wandb_server.sources import Info, Source, file_node
from wandb_server.store import Store, node_id

Input = Mapping[str, Any]
LATEST = "latest"


class ArtifactChanges:
    """Mutations of artifacts."""

    _source: Source

    def createArtifact(self, _: Info, input: Input) -> dict[str, Any]:
        store = self._source.store
        collection = input.get("artifactCollectionName") or (input.get("artifactCollectionNames") or [None])[0]
        if not collection:
            raise RefusalError("an artifact needs the name of a collection")
        project = store.project(input["entityName"], input["projectName"])
        place = (project.entity, project.name, collection)
        artifact = _same_content(store, place, input) or _made(store, place, input)
        run = (project.entity, project.name, input.get("runName") or "")
        if artifact.maker is None and run in store.runs.written:
            artifact.maker = run
        _give(store, artifact, [each["alias"] for each in input.get("aliases") or ()])
        for client in (input.get("clientID"), input.get("sequenceClientID")):
            if client:
                store.clients[client] = artifact.id
        return {"artifact": ArtifactNode(self._source, artifact)}

    def createArtifactManifest(self, _: Info, input: Input) -> dict[str, Any]:
        return {"artifactManifest": manifest_node(self._source, self._artifact(input["artifactID"]))}

    def updateArtifactManifest(self, _: Info, input: Input) -> dict[str, Any]:
        wanted = input["artifactManifestID"]
        for artifact in self._source.store.artifacts:
            if node_id("ArtifactManifest", artifact.number) == wanted:
                return {"artifactManifest": manifest_node(self._source, artifact)}
        raise not_found(f"manifest {wanted}")

    def createArtifactFiles(self, _: Info, input: Input) -> dict[str, Any]:
        nodes = []
        for wanted in input["artifactFiles"]:
            artifact = self._artifact(wanted["artifactID"])
            path = f"artifacts/{artifact.id}/{wanted['name']}"
            node = file_node(self._source, path, wanted["name"], None)
            nodes.append({**node, "artifact": ArtifactNode(self._source, artifact)})
        edges = [{"node": node, "cursor": str(n)} for n, node in enumerate(nodes)]
        return {"files": {**page([]), "edges": edges, "totalCount": len(nodes)}}

    def commitArtifact(self, _: Info, input: Input) -> dict[str, Any]:
        """Check that all files of the manifest have arrived, and make the version readable.

        Raises:
            RefusalError: if a file or the manifest hasn't arrived, or differs from its digest.
        """
        store = self._source.store
        artifact = self._artifact(input["artifactID"])
        if artifact.manifest is None:
            raise RefusalError(f"{artifact.name}: its manifest has not arrived")
        entries = json.loads(artifact.manifest.content)["contents"]
        for name, entry in entries.items():
            if "ref" in entry:  # a file that is kept elsewhere
                continue
            born = store.artifacts.written.get(entry.get("birthArtifactID", artifact.id))
            found = born.files.get(name) if born else None
            if found is None or found.md5 != entry["digest"]:
                arrived = found.md5 if found else "no file"
                raise RefusalError(f"{artifact.name}: {name} has the digest {entry['digest']}, found {arrived}")
        artifact.entries, artifact.state = entries, COMMITTED
        store.artifacts.changed(artifact.key)
        return {"artifact": ArtifactNode(self._source, artifact)}

    def useArtifact(self, _: Info, input: Input) -> dict[str, Any]:
        store = self._source.store
        artifact = self._artifact(input["artifactID"])
        run = (input["entityName"], input["projectName"], input["runName"])
        if run not in store.runs.written:
            raise not_found("run " + "/".join(run))
        if run not in artifact.users:
            artifact.users.append(run)
        store.artifacts.changed(artifact.key)
        return {"artifact": ArtifactNode(self._source, artifact)}

    def updateArtifact(self, _: Info, input: Input) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        for field in ("description", "metadata"):
            if input.get(field) is not None:
                setattr(artifact, field, input[field])
        if input.get("aliases") is not None:
            _give(self._source.store, artifact, [each["alias"] for each in input["aliases"]])
        self._source.store.artifacts.changed(artifact.key)
        return {"artifact": ArtifactNode(self._source, artifact)}

    def deleteArtifact(self, _: Info, input: Input) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        if artifact.aliases and not input.get("deleteAliases"):
            raise RefusalError("cannot delete an artifact with aliases")
        artifact.state = DELETED
        artifact.aliases.clear()
        self._source.store.artifacts.changed(artifact.key)
        return {"artifact": ArtifactNode(self._source, artifact)}

    def addAliases(self, _: Info, input: Input) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        _give(self._source.store, artifact, [each["alias"] for each in input["aliases"]])
        return {"success": True}

    def deleteAliases(self, _: Info, input: Input) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        unwanted = {each["alias"] for each in input["aliases"]}
        artifact.aliases = [alias for alias in artifact.aliases if alias not in unwanted]
        self._source.store.artifacts.changed(artifact.key)
        return {"success": True}

    def _artifact(self, id: str) -> Artifact:
        if id not in self._source.store.artifacts.written:
            raise not_found(f"artifact {id}")
        return self._source.store.artifacts.written[id]


def _versions(store: Store, place: tuple[str, str, str]) -> list[Artifact]:
    return [each for each in store.artifacts if (each.entity, each.project, each.collection) == place]


def _same_content(store: Store, place: tuple[str, str, str], input: Input) -> Artifact | None:
    """The committed version with the same content, if there is one."""
    same = [each for each in _versions(store, place) if each.digest == input["digest"] and each.state == COMMITTED]
    return same[-1] if same and input.get("enableDigestDeduplication") else None


def _made(store: Store, place: tuple[str, str, str], input: Input) -> Artifact:
    """A new version, whose files haven't arrived yet."""
    number, committed = store.number(), [each for each in _versions(store, place) if each.state in (COMMITTED, DELETED)]
    artifact = Artifact(
        number,
        node_id("Artifact", number),
        *place,
        type=input["artifactTypeName"],
        digest=input["digest"],
        version=len(committed),
        description=input.get("description"),
        metadata=input.get("metadata"),
        history_step=input.get("historyStep"),
    )
    store.artifacts.written[artifact.key] = artifact
    return artifact


def _give(store: Store, artifact: Artifact, aliases: Iterable[str]) -> None:
    """Give a version aliases, each of which only one version of a collection has."""
    wanted = set(aliases)
    for other in _versions(store, (artifact.entity, artifact.project, artifact.collection)):
        if other is not artifact and wanted & set(other.aliases):
            other.aliases = [alias for alias in other.aliases if alias not in wanted]
            store.artifacts.changed(other.key)
    artifact.aliases += sorted(wanted - set(artifact.aliases))
    store.artifacts.changed(artifact.key)
