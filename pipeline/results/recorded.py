"""What Snakemake recorded of every output, read without Snakemake."""

import ast
import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import store

METADATA = Path(".snakemake/metadata")
RULES = Path("workflow/rules")
CUT = "@"  # before each part but the last of a name that is too long for one file's name
ALGORITHM = "sha256:"


@dataclass(frozen=True)
class Record:
    """How an output came about: the checksums of its inputs, the parameters and the command of its rule, its times."""

    rule: str
    checksums: Mapping[str, str]
    params: tuple[str, ...]
    command: str | None
    start: float
    end: float


def records(folder: Path = METADATA) -> dict[str, Record]:
    """The records by output; files that are no record of a file's output are passed over."""
    found = {}
    for place, name in places(folder):
        record = _record(folder / place)
        if record:
            found[name] = record
    return found


def places(folder: Path = METADATA) -> Iterator[tuple[Path, str]]:
    """Where below the folder each record lies, and the output that it is of."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = _output(path.relative_to(folder)) if path.is_file() else None
        if name:
            yield path.relative_to(folder), name


def commands(folder: Path = RULES) -> dict[str, str]:
    """The command of each rule, as Snakemake records it: with its placeholders."""
    found = {}
    for path in sorted(folder.glob("*.smk")):
        rule = ""
        text = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(text):
            if line.startswith("rule "):
                rule = line.removeprefix("rule ").rstrip(": ")
            if line.strip() == "shell:":
                found[rule] = _literal(text[number + 1 :])
    return found


def _output(path: Path) -> str | None:
    """The output that a record is of: its name is in base64."""
    whole = "".join(part.removeprefix(CUT) for part in path.parts)
    try:
        return base64.urlsafe_b64decode(whole).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _record(path: Path) -> Record | None:
    try:
        content = store.read_json(path)
    except store.DamagedFileError:
        return None  # as Snakemake itself does: it then has no record of the output
    if not isinstance(content, dict):
        return None
    return Record(
        rule=str(content.get("rule")),
        checksums={name: text.removeprefix(ALGORITHM) for name, text in _mapping(content, "input_checksums").items()},
        params=tuple(content.get("params") or ()),
        command=content.get("code"),
        start=content.get("starttime") or 0.0,
        end=content.get("endtime") or 0.0,
    )


def _mapping(content: dict[str, Any], key: str) -> dict[str, str]:
    return {name: text for name, text in (content.get(key) or {}).items() if isinstance(text, str)}


def _literal(lines: list[str]) -> str:
    """The string that the strings on the first lines make together."""
    parts = []
    for line in lines:
        if not line.strip().startswith(('"', "'")):
            break
        parts.append(line.strip())
    return ast.literal_eval(f"({' '.join(parts)})")
