"""Copy a W&B record for W&B's client to send, without what it would send twice and what is nobody else's business.

The client would add the rows of a history to those that the server has, and sends the versions of Python and of itself,
and the absolute path of each file of an artifact.
"""

import contextlib
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.tracking import reader
from pipeline.tracking.reader import BLOCK, FIRST, FRAGMENT, HEADER, LAST, MIDDLE, WHOLE

LEFT_OUT = frozenset({"history", "telemetry", "environment"})
PREFIX = "sending-"  # not that of a record, so nothing else reads the copy


@contextlib.contextmanager
def for_sending(
    run: reader.OfflineRun, folder: Path, *, entity: str, project: str, types: Mapping[str, str]
) -> Iterator[Path]:
    """A copy beside the record, where W&B's client finds the run's pictures and tables; it is removed afterwards.

    Args:
        run: the record.
        folder: in which the client will run: the artifacts' paths become relative to it.
        entity: where the run is sent; the client would send its artifacts where it was recorded for.
        project: as `entity`.
        types: the types of artifacts by name; recorded they all have the same.

    Raises:
        DamagedRunError: if the record is damaged.
    """
    content = bytearray(HEADER)
    for record in reader.records(run.file):
        if record.WhichOneof("record_type") not in LEFT_OUT:
            _make_private(record, folder)
            if artifact := reader.artifact(record):
                artifact.entity, artifact.project = entity, project
                artifact.type = types.get(artifact.name, artifact.type)
            _append(content, record.SerializeToString())
    path = run.folder / f"{PREFIX}{run.id}.wandb"
    try:
        path.write_bytes(content)
        yield path
    finally:
        for left in run.folder.glob(f"{path.name}*"):  # with the marks that the client leaves
            left.unlink(missing_ok=True)


def _make_private(record: Any, folder: Path) -> None:
    if record.HasField("run"):
        record.run.ClearField("telemetry")
    artifact = reader.artifact(record)
    for entry in artifact.manifest.contents if artifact else ():
        if entry.local_path:
            entry.local_path = os.path.relpath(entry.local_path, folder)


def _append(content: bytearray, record: bytes) -> None:
    """Append a record in fragments that end with their blocks; `reader` explains the format."""
    first = True
    while record or first:
        room = BLOCK - len(content) % BLOCK
        if room < FRAGMENT.size:
            content.extend(bytes(room))
            continue
        part, record = record[: room - FRAGMENT.size], record[room - FRAGMENT.size :]
        kind = (FIRST if record else WHOLE) if first else (MIDDLE if record else LAST)
        checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
        content.extend(FRAGMENT.pack(checksum, len(part), kind) + part)
        first = False
