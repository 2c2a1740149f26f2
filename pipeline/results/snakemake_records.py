"""Snakemake's records of outputs: read without Snakemake, packed to travel with results, restored after a pull.

Snakemake keeps one file for each output below `.snakemake/metadata`. Without these records a fresh clone couldn't tell
fresh results from stale ones.
"""

import ast
import base64
import binascii
import json
import lzma
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths, store

METADATA = paths.SNAKEMAKE / "metadata"
RULES = Path("workflow/rules")
CUT = "@"  # begins each part but the last of a name that is too long for a single file name
ALGORITHM = "sha256:"

PACK_VERSION = 1
PACK_KEYS = {"version", "outputs", "records"}
# A record's path below METADATA: parts of a base64 name; it can't lead out of the folder.
RECORD_PATH = re.compile(r"[A-Za-z0-9_=@-]+(/[A-Za-z0-9_=@-]+)*")


@dataclass(frozen=True)
class Record:
    """How an output was made.

    Attributes:
        rule: the rule that made it.
        checksums: sha256 of its inputs, by path.
        params: the rule's parameters.
        command: the rule's command, with its placeholders.
        start: when the job began, in seconds since 1970.
        end: when it ended.
    """

    rule: str
    checksums: dict[str, str]
    params: tuple[str, ...]
    command: str | None
    start: float
    end: float


def records(folder: Path = METADATA) -> dict[str, Record]:
    """All records, by output. Unreadable files are skipped, as Snakemake itself skips them."""
    found = {output: _read_record(folder / path) for path, output in record_files(folder)}
    return {output: record for output, record in found.items() if record}


def record_files(folder: Path = METADATA) -> Iterator[tuple[Path, str]]:
    """Each record's path below the folder, and the output that it describes."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        output = _decode(path.relative_to(folder)) if path.is_file() else None
        if output:
            yield path.relative_to(folder), output


def commands(folder: Path = RULES) -> dict[str, str]:
    """The command of each rule as Snakemake records it, with its placeholders, read from the rules' source."""
    found = {}
    for path in sorted(folder.glob("*.smk")):
        rule = ""
        text = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(text):
            if line.startswith("rule "):
                rule = line.removeprefix("rule ").rstrip(": ")
            if line.strip() == "shell:":
                found[rule] = _join_strings(text[number + 1 :])
    return found


def pack(study: str) -> str:
    """Pack the records of a study's outputs and of the data into one file; returns a line that describes it.

    The outputs' checksums are packed too. Records of other studies are left out.

    Raises:
        FileNotFoundError: if there are no such records.
    """
    packed, outputs = {}, {}
    ours = (paths.results(study), paths.DATA)
    for path, name in record_files():
        output = Path(name)
        if any(folder in output.parents for folder in ours) and output.is_file():
            packed[path.as_posix()] = store.read_json(METADATA / path)
            outputs[path.as_posix()] = [name, store.sha256(output)]
    if not packed:
        raise FileNotFoundError(
            f"Snakemake has no record in {METADATA} of an output of {study}: make the study first, with "
            f"`snakemake reproduce all --config study={study}`"
        )
    content = json.dumps({"version": PACK_VERSION, "outputs": outputs, "records": packed}, sort_keys=True).encode()
    target = paths.packed_records(study)
    store.write_bytes(target, lzma.compress(content, preset=6))
    store.write_bytes(_restored_mark(study), store.sha256(target).encode())
    return f"{target}: {len(packed)} records, {target.stat().st_size / 1e6:.1f} MB of {len(content) / 1e6:.1f} MB"


def restore(study: str) -> int:
    """Put the records that came with a study's results where Snakemake looks for them; returns how many.

    Each pack is restored once: all of its records or, after an error, none. A kill between two of them is made good by
    the next call. One line on stderr says what was restored; a second call writes and says nothing. An output that
    exists but differs from the packed one keeps its own record.

    Raises:
        store.DamagedFileError: if the pack isn't what `pack` wrote.
        OSError: if the records can't be written.
    """
    source, mark = paths.packed_records(study), _restored_mark(study)
    if not source.is_file():
        return 0
    version = store.sha256(source)
    if METADATA.is_dir() and mark.is_file() and mark.read_text(encoding="utf-8") == version:
        return 0
    content = _read_pack(source)
    wanted = {path: record for path, record in content["records"].items() if _matches(*content["outputs"][path])}
    with store.atomic_folder(METADATA) as staged:
        for path, record in wanted.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_text(json.dumps(record), encoding="utf-8")
    if wanted:
        print(f"restored Snakemake's records of {len(wanted)} outputs of {study} from {source}", file=sys.stderr)
    store.write_bytes(mark, version.encode())
    return len(wanted)


def forget_outdated(outputs: Iterable[Path], rule: str) -> int:
    """Remove the records of outputs that were made by an earlier form of a rule's command; returns how many.

    For data files only, whose checksum says whether they are right. With such a record Snakemake would prepare the data
    again, and then wouldn't look at the jobs that read them: results of older settings or code would pass as fresh.
    """
    command, removed = commands()[rule], 0
    for output in outputs:
        path = METADATA / base64.urlsafe_b64encode(str(output).encode()).decode()
        record = _read_record(path) if path.is_file() else None
        if record and record.command != command:
            path.unlink()
            removed += 1
    return removed


def _matches(output: str, sha256: str) -> bool:
    """Whether an output is the packed one, or isn't there: large outputs don't travel."""
    return not Path(output).is_file() or store.sha256(output) == sha256


def _restored_mark(study: str) -> Path:
    """A file with the sha256 of the pack from which a study's records were restored."""
    return METADATA.parent / f"records-of-{study}"


def _decode(path: Path) -> str | None:
    """The output that a record describes: the record's name is the output's path in base64."""
    whole = "".join(part.removeprefix(CUT) for part in path.parts)
    try:
        return base64.urlsafe_b64decode(whole).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _read_record(path: Path) -> Record | None:
    try:
        content = store.read_json(path)
    except store.DamagedFileError:
        return None
    if not isinstance(content, dict):
        return None
    sums = content.get("input_checksums") or {}
    return Record(
        rule=str(content.get("rule")),
        checksums={name: text.removeprefix(ALGORITHM) for name, text in sums.items() if isinstance(text, str)},
        params=tuple(content.get("params") or ()),
        command=content.get("code"),
        start=content.get("starttime") or 0.0,
        end=content.get("endtime") or 0.0,
    )


def _join_strings(lines: list[str]) -> str:
    """The string literals on the first lines, joined as Python joins adjacent strings."""
    parts = []
    for line in lines:
        if not line.strip().startswith(('"', "'")):
            break
        parts.append(line.strip())
    return ast.literal_eval(f"({' '.join(parts)})")


def _read_pack(source: Path) -> dict[str, Any]:
    remedy = "remove it and pull the results again"
    try:
        content = json.loads(lzma.decompress(source.read_bytes()))
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise store.DamagedFileError(f"{source}: expected packed records, found {error}; {remedy}") from None
    if (
        not isinstance(content, dict)
        or content.keys() != PACK_KEYS
        or content["version"] != PACK_VERSION
        or not all(isinstance(content[key], dict) for key in ("outputs", "records"))
    ):
        expected = f"expected records of version {PACK_VERSION}"
        raise store.DamagedFileError(f"{source}: {expected}, found something else; {remedy}")
    for path, record in content["records"].items():
        if not RECORD_PATH.fullmatch(path) or not isinstance(record, dict):
            raise store.DamagedFileError(f"{source}: expected a record under its name, found {path!r}; {remedy}")
        match content["outputs"].get(path):
            case [str(), str()]:
                continue
            case other:
                expected = f"expected the output of {path} and its sha256"
                raise store.DamagedFileError(f"{source}: {expected}, found {other!r}; {remedy}")
    return content
