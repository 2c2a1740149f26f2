"""Metadata of an archive, from CITATION.cff: RO-Crate 1.1 as JSON-LD, and the fields of a Zenodo deposit.

No library writes them: they are plain JSON with a dozen documented keys, and a library would add the time at which it
runs, while the same input has to give the same bytes.
"""

import mimetypes
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

METADATA = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "https://w3id.org/ro/crate/1.1"
SPDX = "https://spdx.org/licenses/"
ARXIV = re.compile(r"^arXiv:(\S+)$")
TYPES = {
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
}

Citation = Mapping[str, Any]


def crate(citation: Citation, files: Mapping[str, int | None], *, name: str, date: str) -> dict[str, Any]:
    """The metadata of an archive.

    Args:
        citation: the content of CITATION.cff.
        files: size in bytes of each file of the archive, None if unknown; without the file of this metadata.
        name: the archive's name.
        date: the commit's date and time in ISO 8601.
    """
    licence = SPDX + citation["license"]
    authors = [_author(number, author) for number, author in enumerate(citation["authors"], 1)]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{citation['title']} ({name})",
        "description": citation["abstract"].strip(),
        "datePublished": date,
        "license": {"@id": licence},
        "author": [{"@id": author["@id"]} for author in authors],
        "keywords": ", ".join(citation.get("keywords", [])),
        "version": str(citation["version"]),
        "hasPart": [{"@id": quote(path)} for path in sorted(files)],
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": PROFILE},
        "about": {"@id": "./"},
    }
    terms = {"@id": licence, "@type": "CreativeWork", "name": citation["license"], "url": licence}
    parts = [_file(path, files[path]) for path in sorted(files)]
    return {"@context": CONTEXT, "@graph": [descriptor, root, terms, *authors, *parts]}


def deposit(citation: Citation, *, date: str) -> dict[str, Any]:
    """The fields of a deposit that Zenodo reads from `.zenodo.json`."""
    return {
        "upload_type": "software",
        "title": citation["title"],
        "description": citation["abstract"].strip(),
        "creators": [{"name": _name(author)} for author in citation["authors"]],
        "license": citation["license"],
        "version": str(citation["version"]),
        "publication_date": date[:10],
        "keywords": list(citation.get("keywords", [])),
        "related_identifiers": [
            {
                "identifier": found,
                "relation": "isDerivedFrom",
                "scheme": "arxiv",
                "resource_type": "publication-article",
            }
            for found in _papers(citation)
        ],
    }


def _papers(citation: Citation) -> Iterable[str]:
    for reference in citation.get("references", []):
        for identifier in reference.get("identifiers", []):
            if ARXIV.match(str(identifier["value"])):
                yield identifier["value"]


def _file(path: str, size: int | None) -> dict[str, Any]:
    entity: dict[str, Any] = {"@id": quote(path), "@type": "File", "name": path}
    ending = "." + path.rpartition(".")[2]
    kind = TYPES.get(ending) or mimetypes.types_map.get(
        ending
    )  # Python's own table: the system's differs between machines
    if kind:
        entity["encodingFormat"] = kind
    if size is not None:
        entity["contentSize"] = str(size)
    return entity


def _author(number: int, author: Mapping[str, str]) -> dict[str, Any]:
    return {"@id": f"#author{number}", "@type": "Organization" if "name" in author else "Person", "name": _name(author)}


def _name(author: Mapping[str, str]) -> str:
    """A name as in citations: an organisation's name, or a person's family name first."""
    return author.get("name") or f"{author['family-names']}, {author['given-names']}"
