"""What Weights & Biases recorded of the runs, read from its files without the network and without starting it.

A run's file is a header of 7 bytes (`:W&B`, the number 0xBEE1, the version 0), then blocks of 32 KiB as in LevelDB's
log: each record, or fragment of one that is too long for its block, has its CRC-32, its length and its kind before it.
A record is a protocol buffer `Record` of W&B. Nothing is written, and nothing read is run.
"""

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from pipeline.results import store

HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
BLOCK = 32 * 1024
FRAGMENT = struct.Struct("<IHB")  # checksum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STEP = "_step"
FOLDERS = "*run-*/run-*.wandb"  # of runs recorded offline, and of those recorded online
UNFINISHED = "unfinished"


class DamagedRunError(store.DamagedFileError):
    """A file of W&B that is truncated, altered, or of another kind."""


@dataclass(frozen=True)
class Recorded:
    """One run as W&B recorded it.

    Attributes:
        id: W&B's id of the run.
        folder: where it lies.
        name: for readers.
        group: what it belongs to.
        job_type: the stage.
        curves: each number that was logged, as pairs of step and value; what isn't finite is left out.
        summary: the numbers that stand for the whole run.
        exit_code: 0 for one that ended well; None for one that never ended.
    """

    id: str
    folder: Path
    name: str = ""
    group: str = ""
    job_type: str = ""
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def status(self) -> str:
        """How it ended, in a word."""
        return UNFINISHED if self.exit_code is None else "failed" if self.exit_code else "finished"


def folder() -> Path:
    """W&B's folder, as the jobs choose it."""
    return Path(os.environ.get("WANDB_DIR") or ".", "wandb")


def newest(ids: Sequence[str], place: Path) -> tuple[dict[str, Recorded], list[str]]:
    """The newest record of each run that has one, and what was wrong with those that can't be read.

    Args:
        ids: W&B's ids of the runs that are wanted; other files are not opened.
        place: W&B's folder.
    """
    wanted, files = set(ids), {}
    # A folder's name has the time at which its run began: the last one in order is the newest.
    for path in sorted(place.glob(FOLDERS), key=lambda path: path.parent.name.rpartition("run-")[2]):
        files[path.stem.removeprefix("run-")] = path
    found, problems = {}, []
    for id_ in sorted(wanted & files.keys()):
        try:
            found[id_] = read(files[id_])
        except (DamagedRunError, OSError) as error:
            problems.append(str(error))
    return found, problems


def read(path: Path) -> Recorded:
    """One run's file.

    Raises:
        DamagedRunError: naming the file, if it is not whole up to its last record, or has no run in it.
    """
    name, group, job_type, exit_code, id_ = "", "", "", None, None
    curves: dict[str, list[tuple[int, float]]] = {}
    summary: dict[str, Any] = {}
    for record in records(path):
        match record.WhichOneof("record_type"):
            case "run":
                id_, name, group = record.run.run_id, record.run.display_name, record.run.run_group
                job_type = record.run.job_type
            case "history":
                _log(curves, _items(path, record.history.item))
            case "summary":
                summary |= _items(path, record.summary.update)
            case "exit":
                exit_code = record.exit.exit_code
    if id_ is None:
        raise _damaged(path, "no run in it")
    return Recorded(id_, path.parent, name, group, job_type, curves, summary, exit_code)


def _log(curves: dict[str, list[tuple[int, float]]], numbers: Mapping[str, Any]) -> None:
    """Add one step's numbers; W&B's own, and what is no number, is left out."""
    step = numbers.get(STEP)
    if not _is_number(step):
        return
    for name, value in numbers.items():
        if not name.startswith("_") and _is_number(value):
            curves.setdefault(name, []).append((int(step), float(value)))  # pyright: ignore[reportArgumentType]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _items(path: Path, items: Any) -> dict[str, Any]:
    """Names and values of a record's entries; a nested name's parts are joined by a full stop."""
    try:
        return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
    except ValueError as error:
        raise _damaged(path, f"a value that is no JSON ({error})") from None


def records(path: Path) -> Iterator[Any]:
    """Every record of a file, as W&B's protocol buffer; the last one may be cut off.

    Raises:
        DamagedRunError: as `read`.
    """
    from wandb.proto import wandb_internal_pb2 as proto  # half a second, which no other stage should wait for

    for content in _contents(path):
        record = proto.Record()  # pyright: ignore[reportAttributeAccessIssue]
        try:
            record.ParseFromString(content)
        except DecodeError as error:
            raise _damaged(path, f"a record that is none of W&B's ({error})") from None
        yield record


def _contents(path: Path) -> Iterator[bytes]:
    """The content of each record, in order.

    A run that was killed may end in the middle of a record, which W&B reads likewise: what is whole before it counts.
    """
    content = path.read_bytes()
    if not content.startswith(HEADER):
        raise _damaged(path, f"{content[: len(HEADER)]!r} at its start instead of W&B's header")
    parts: list[bytes] = []
    for kind, part in _fragments(path, content):
        if (kind in (WHOLE, FIRST)) != (not parts) or kind not in (WHOLE, FIRST, MIDDLE, LAST):
            raise _damaged(path, f"a fragment of kind {kind} where none can be")
        parts.append(part)
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts.clear()


def _fragments(path: Path, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each fragment. No fragment reaches over a block's end; a rest too short for one is empty."""
    at = len(HEADER)
    while at < len(content):
        if BLOCK - at % BLOCK < FRAGMENT.size:
            at += BLOCK - at % BLOCK
            continue
        if len(content) - at < FRAGMENT.size:
            return
        checksum, length, kind = FRAGMENT.unpack_from(content, at)
        begin, at = at + FRAGMENT.size, at + FRAGMENT.size + length
        if at > len(content):
            return
        part = content[begin:at]
        if zlib.crc32(part, zlib.crc32(bytes([kind]))) != checksum:
            raise _damaged(path, f"another checksum than was written at byte {begin - FRAGMENT.size}")
        yield kind, part


def _damaged(path: Path, found: str) -> DamagedRunError:
    return DamagedRunError(f"{path}: damaged, not used: found {found}")
