"""Snakemake's records of a study's outputs as one small file: they travel with the results.

Without them a fresh clone couldn't tell fresh results from stale ones. Records of other studies stay as they are.
"""

import json
import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.results import paths, recorded, store

VERSION = 1
KEYS = {"version", "outputs", "records"}
# A record's path below the folder of all: parts of names in base64, and nothing that leads out of it.
PLACE = re.compile(r"[A-Za-z0-9_=@-]+(/[A-Za-z0-9_=@-]+)*")


def pack(study: str) -> str:
    """Write the records of a study's outputs and of the data, with the outputs' checksums; returns a line about it.

    Raises:
        FileNotFoundError: if there are none.
    """
    records, outputs = {}, {}
    ours = (paths.results(study), paths.DATA)
    for place, name in recorded.places():
        output = Path(name)
        if any(folder in output.parents for folder in ours) and output.is_file():
            records[place.as_posix()] = store.read_json(recorded.METADATA / place)
            outputs[place.as_posix()] = [name, store.sha256(output)]
    if not records:
        raise FileNotFoundError(
            f"no output of {study} has a record of Snakemake's in {recorded.METADATA}: make the study first, with "
            f"`snakemake reproduce all --config study={study}`"
        )
    content = json.dumps({"version": VERSION, "outputs": outputs, "records": records}, sort_keys=True).encode()
    target = paths.packed_records(study)
    store.write_bytes(target, lzma.compress(content, preset=6))
    _stamp(study).write_text(store.sha256(target), encoding="utf-8")
    return f"{target}: {len(records)} records, {target.stat().st_size / 1e6:.1f} MB of {len(content) / 1e6:.1f} MB"


def restore(study: str) -> int:
    """Give Snakemake the records that came with a study's results, once for each pack; returns how many.

    An output that is there, but not the one that the record is of, keeps the record that it has.

    Raises:
        store.DamagedFileError: if the pack isn't what `pack` wrote.
    """
    source, stamp = paths.packed_records(study), _stamp(study)
    if not source.is_file():
        return 0
    version = store.sha256(source)
    if recorded.METADATA.is_dir() and stamp.is_file() and stamp.read_text(encoding="utf-8") == version:
        return 0
    content = _read(source)
    restored = 0
    for place, record in content["records"].items():
        name, sha256 = content["outputs"][place]
        if not Path(name).is_file() or store.sha256(name) == sha256:
            _write(recorded.METADATA / place, record)
            restored += 1
    stamp.write_text(version, encoding="utf-8")
    return restored


def _stamp(study: str) -> Path:
    """Says from which pack a study's records were restored."""
    return recorded.METADATA.parent / f"records-of-{study}"


def _write(path: Path, record: Mapping[str, Any]) -> None:
    """As Snakemake does; whole or not at all. That it survives a power cut is not worth a second for each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name[:200]}.partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(path)


def _read(source: Path) -> dict[str, Any]:
    again = "remove it and pull the results again"
    try:
        content = json.loads(lzma.decompress(source.read_bytes()))
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise store.DamagedFileError(f"{source}: expected packed records, found {error}; {again}") from None
    if (
        not isinstance(content, dict)
        or content.keys() != KEYS
        or content["version"] != VERSION
        or not all(isinstance(content[key], dict) for key in ("outputs", "records"))
    ):
        raise store.DamagedFileError(f"{source}: expected records of version {VERSION}, found something else; {again}")
    for place, record in content["records"].items():
        if not PLACE.fullmatch(place) or not isinstance(record, dict):
            raise store.DamagedFileError(f"{source}: expected a record under its name, found {place!r}; {again}")
        match content["outputs"].get(place):
            case [str(), str()]:
                continue
            case other:
                raise store.DamagedFileError(
                    f"{source}: expected the output of {place} and its sha256, found {other!r}; {again}"
                )
    return content
