"""What the nodes of the API are made from, and the addresses of files."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from wandb_server.records import StoredFile
from wandb_server.store import Store, node_id

Info = Any  # of GraphQL: which part of the document is asked for; no field here depends on it


@dataclass(frozen=True)
class Source:
    """What nodes are made from.

    Attributes:
        store: the server's state.
        address: the server's address, to which files' paths are added.
    """

    store: Store
    address: str

    def link(self, path: str) -> str:
        """The address of a file. Like W&B's, it needs no key: whoever knows it may use it."""
        return f"{self.address}/storage/{quote(path)}"


def file_node(source: Source, path: str, name: str, file: StoredFile | None) -> dict[str, Any]:
    """A file at a path, whether it has been uploaded or not."""
    link = source.link(path)
    return {
        "id": node_id("File", path), "name": name, "displayName": name, "storagePath": path,
        "url": link, "directUrl": link, "uploadUrl": link, "uploadHeaders": [],
        "sizeBytes": file.size if file else 0, "md5": file and file.md5, "digest": file and file.md5,
        "updatedAt": file and file.updated_at,
    }  # fmt: skip
