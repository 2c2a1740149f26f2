"""Read the runs that W&B has recorded from its files, without the network and without starting W&B.

A run's file has a header of 7 bytes (`:W&B`, the number 0xBEE1, the version 0), then blocks of 32 KiB as in LevelDB's
log. Each record is a protocol buffer `Record` of W&B; a record that is too long for its block is split into fragments.
Before each record or fragment stand its CRC-32, length and kind. Nothing is written, and no content is executed.
"""

import json
import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from pipeline.results import store
from pipeline.tracking import metric_names
from pipeline.tracking.metric_names import Row

HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
BLOCK = 32 * 1024
FRAGMENT = struct.Struct("<IHB")  # checksum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STEP = "_step"
TIMES = ("_timestamp", "_runtime")
FILES = "*run-*/run-*.wandb"  # of runs recorded offline or online, below W&B's folder
UNFINISHED = "unfinished"


class DamagedRunError(store.DamagedFileError):
    """A file of W&B is altered or of another kind."""


@dataclass(frozen=True)
class OfflineRun:
    """A run as W&B recorded it on this machine.

    Attributes:
        id: W&B's id of the run.
        folder: the run's folder.
        name: the display name.
        group: the W&B group.
        job_type: the stage.
        curves: (step, value) pairs of each number that was logged; values that aren't finite are left out.
        rows: its history.
        times: W&B's own numbers of each row by its step: when it was logged.
        summary: values that describe the whole run.
        exit_code: 0 if the run succeeded, None if it never ended.
    """

    id: str
    folder: Path
    name: str = ""
    group: str = ""
    job_type: str = ""
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    times: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def status(self) -> str:
        """How the run ended: `finished`, `failed` or `unfinished`."""
        return UNFINISHED if self.exit_code is None else "failed" if self.exit_code else "finished"

    @property
    def first_step(self) -> int | None:
        """The first step with a number, None if there is none."""
        return min((curve[0][0] for curve in self.curves.values()), default=None)

    @property
    def is_old(self) -> bool:
        """Whether it was recorded by a version of the project that gave its numbers other names."""
        return not self.curves.keys().isdisjoint(metric_names.NAMES.keys() - {metric_names.SAMPLES})

    @property
    def file(self) -> Path:
        """The file that was read."""
        return self.folder / f"run-{self.id}.wandb"


def folder() -> Path:
    """W&B's folder, where the jobs record."""
    return Path(os.environ.get("WANDB_DIR") or ".", "wandb")


def newest(ids: Sequence[str], place: Path) -> tuple[dict[str, OfflineRun], list[str]]:
    """The newest record of each run that has one, and the problems of files that can't be read.

    Args:
        ids: W&B's ids of the runs; other files are not opened.
        place: W&B's folder.
    """
    wanted, files = set(ids), {}
    # A folder's name contains the time at which its run began: the last one in order is the newest.
    for path in sorted(place.glob(FILES), key=lambda path: path.parent.name.rpartition("run-")[2]):
        files[path.stem.removeprefix("run-")] = path
    found, problems = {}, []
    for id_ in sorted(wanted & files.keys()):
        try:
            found[id_] = read(files[id_])
        except (DamagedRunError, OSError) as error:
            problems.append(str(error))
    return found, problems


def read(path: Path) -> OfflineRun:
    """Read a run's file.

    Raises:
        DamagedRunError: if any record but the last is damaged, or if the file contains no run.
    """
    name, group, job_type, exit_code, id_ = "", "", "", None, None
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for record in records(path):
        match record.WhichOneof("record_type"):
            case "run":
                id_, name, group = record.run.run_id, record.run.display_name, record.run.run_group
                job_type = record.run.job_type
            case "history":
                rows.append(_items(path, record.history.item))
            case "summary":
                summary |= _items(path, record.summary.update)
            case "exit":
                exit_code = record.exit.exit_code
    if id_ is None:
        raise _damaged(path, "no run in it")
    rows = [row for row in rows if _is_number(row.get(STEP))]
    return OfflineRun(
        id=id_,
        folder=path.parent,
        name=name,
        group=group,
        job_type=job_type,
        curves=_curves(rows),
        rows=[(int(row[STEP]), _numbers(row)) for row in rows],
        times={int(row[STEP]): {key: row[key] for key in TIMES if _is_number(row.get(key))} for row in rows},
        summary=summary,
        exit_code=exit_code,
    )


def _curves(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """The finite numbers of a history by name."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if not name.startswith("_") and _is_number(value):
                curves.setdefault(name, []).append((int(row[STEP]), float(value)))
    return curves


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row, without W&B's own."""
    found = {name: metric_names.number(value) for name, value in row.items() if not name.startswith("_")}
    return {name: value for name, value in found.items() if value is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _items(path: Path, items: Any) -> dict[str, Any]:
    """Names and values of a record's entries; the parts of a nested name are joined by dots."""
    try:
        return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
    except ValueError as error:
        raise _damaged(path, f"a value that isn't JSON ({error})") from None


def history(path: Path) -> list[dict[str, Any]]:
    """The rows of a history, with everything that is in them.

    Raises:
        DamagedRunError: as `read`.
    """
    found: list[dict[str, Any]] = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            found.append({})
            for item in record.history.item:
                *outer, name = item.nested_key or [item.key]
                place = found[-1]
                for each in outer:
                    place = place.setdefault(each, {})
                place[name] = json.loads(item.value_json)
    return found


def staged(path: Path) -> list[Path]:
    """The files that W&B's client sends as artifacts of a run.

    Raises:
        DamagedRunError: as `read`.
    """
    artifacts = [found for record in records(path) if (found := artifact(record))]
    return [Path(entry.local_path) for each in artifacts for entry in each.manifest.contents if entry.local_path]


def artifact(record: Any) -> Any | None:
    """The artifact that a record is about, None if it is about something else."""
    if record.HasField("artifact"):
        return record.artifact
    asked = record.HasField("request") and record.request.WhichOneof("request_type") == "log_artifact"
    return record.request.log_artifact.artifact if asked else None


def records(path: Path) -> Iterator[Any]:
    """Every record of a file as W&B's protocol buffer; a truncated last one is left out.

    Raises:
        DamagedRunError: as `read`.
    """
    from wandb.proto import wandb_internal_pb2 as proto  # takes half a second, which other stages needn't wait for

    for content in _contents(path):
        record = proto.Record()  # pyright: ignore[reportAttributeAccessIssue]
        try:
            record.ParseFromString(content)
        except DecodeError as error:
            raise _damaged(path, f"a record that isn't W&B's ({error})") from None
        yield record


def _contents(path: Path) -> Iterator[bytes]:
    """The content of each record, in order.

    A killed run may end in the middle of a record. As in W&B itself, the complete records before it count.
    """
    content = path.read_bytes()
    if not content.startswith(HEADER):
        raise _damaged(path, f"{content[: len(HEADER)]!r} at its start instead of W&B's header")
    parts: list[bytes] = []
    for kind, part in _fragments(path, content):
        if (kind in (WHOLE, FIRST)) != (not parts) or kind not in (WHOLE, FIRST, MIDDLE, LAST):
            raise _damaged(path, f"an unexpected fragment of kind {kind}")
        parts.append(part)
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts.clear()


def _fragments(path: Path, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each fragment. None crosses a block's end; a rest too short for a fragment is padding."""
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
            raise _damaged(path, f"a wrong checksum at byte {begin - FRAGMENT.size}")
        yield kind, part


def json_object(line: str) -> dict[str, Any]:
    """A row of a history as the server shows it; empty if it is no JSON object."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _damaged(path: Path, found: str) -> DamagedRunError:
    return DamagedRunError(f"{path}: damaged, not used: found {found}")
