"""Read and write results: atomically, with checksums and provenance, and without running code when reading.

Tables are parquet, arrays are safetensors, the rest is JSON. A file appears under its name only when it is complete.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
import safetensors.numpy

from pipeline import errors

PROVENANCE = "provenance"
CHECKSUMS = "sha256"
ABOUT = "about"


class DamagedFileError(errors.ExplainedError, RuntimeError):
    """A file is truncated, was altered, or is of another kind."""


class MissingFileError(errors.ExplainedError, FileNotFoundError):
    """A file that is read isn't there."""


class FullDiskError(OSError):
    """There is no space left for a file or folder; `filename` is its final path."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`; it is renamed to `path` when the block succeeds and removed when it fails.

    Raises:
        FullDiskError: if there is no space left, whatever library writes in the block.
    """
    path = Path(path)
    with _full_disk_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial" + path.suffix)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.chmod(0o666 & ~_umask())  # mkstemp's 0600 would keep a shared results folder from its group
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _umask() -> int:
    """The permissions that the user takes from every new file."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A temporary folder whose files are moved into `target` when the block succeeds and removed when it fails.

    If `target` is missing or empty, a single rename puts all files in place. Otherwise they are moved one by one and
    replace files of the same name; after a kill between two moves the caller has to start again.

    Raises:
        FullDiskError: as `atomic`, with the folder's path.
    """
    with _full_disk_named(target), contextlib.ExitStack() as stack:
        target = target.resolve()  # a link's folder may lie on another file system
        target.parent.mkdir(parents=True, exist_ok=True)
        outer = stack.enter_context(
            tempfile.TemporaryDirectory(
                dir=target.parent, prefix=f".{target.name}.", suffix=".partial", ignore_cleanup_errors=True
            )
        )
        staged = Path(outer, target.name)  # below a folder of mode 0700, it has the usual mode itself
        staged.mkdir()
        yield staged
        try:
            staged.rename(target)
        except OSError:  # not empty
            moves = {path: target / path.relative_to(staged) for path in sorted(staged.rglob("*")) if path.is_file()}
            for folder in {final.parent for final in moves.values()}:
                folder.mkdir(parents=True, exist_ok=True)
            for path, final in moves.items():
                path.replace(final)


def sha256(path: str | Path) -> str:
    """The checksum of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file that contains no provenance, such as a figure or a page."""
    with atomic(path) as partial:
        partial.write_bytes(content)


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes. NaN is an error: use null."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON file. Its objects are dictionaries that name the file if a key is asked for that isn't there.

    Raises:
        DamagedFileError: if it isn't JSON.
    """

    def of_file(content: dict[str, Any]) -> dict[str, Any]:
        found = _Object(content)
        found.path = path
        return found

    with _naming_damage(path, "JSON"):
        return json.loads(Path(path).read_text(encoding="utf-8"), object_hook=of_file)


class _Object(dict[str, Any]):
    """An object of a JSON file."""

    path: str | Path

    def __missing__(self, key: str) -> Any:
        raise DamagedFileError(f"{self.path}: expected the key {key!r}, found {_some(self)}; {_MEND}")


def write_table(path: str | Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table as parquet, with page checksums, compressed without loss."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    floats = [field.name for field in arrow.schema if pa.types.is_floating(field.type)]
    rest: Any = [name for name in arrow.column_names if name not in floats]  # the stub allows True and False only
    with (
        atomic(path) as partial,
        # Splitting floats into streams of bytes saves a fifth, without loss. A second copy of the schema and statistics
        # for partial reads are left out: they would be half of a small table.
        pq.ParquetWriter(
            partial,
            arrow.schema,
            write_page_checksum=True,
            compression="zstd",
            compression_level=19,
            use_dictionary=rest,
            column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
            store_schema=False,
            write_statistics=False,
        ) as writer,
    ):
        writer.write_table(arrow)
        writer.add_key_value_metadata({PROVENANCE: _canonical(provenance)})


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Raises:
        DamagedFileError: if the file is truncated or altered.
    """
    with _naming_damage(path, "a parquet table"):
        return pq.read_table(_bytes(path), page_checksum_verification=True).to_pandas()


def read_tables(paths: Iterable[Path]) -> pd.DataFrame:
    """The rows of several tables, in the order of the files. A diverged run has an empty table and adds nothing.

    Raises:
        DamagedFileError: as `read_table`.
    """
    parts = [read_table(path) for path in paths]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], provenance: Mapping[str, Any]) -> None:
    """Write named arrays as safetensors, with a checksum of each."""
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    about = {PROVENANCE: provenance, CHECKSUMS: {name: _array_hash(array) for name, array in whole.items()}}
    with atomic(path) as partial:
        # A single entry: safetensors writes several in random order, and equal content has to give equal bytes.
        safetensors.numpy.save_file(whole, partial, metadata={ABOUT: _canonical(about)})


def array_names(path: str | Path) -> list[str]:
    """The names of the arrays in a file, sorted."""
    with _naming_damage(path, "safetensors"), safetensors.safe_open(path, framework="numpy") as file:
        return sorted(file.keys())


def read_arrays(path: str | Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read the named arrays, by default all, of a file that `write_arrays` wrote.

    Raises:
        DamagedFileError: if the file is truncated, has no array of that name, or an array's bytes are not those that
            were written.
    """
    with _naming_damage(path, "safetensors"), safetensors.safe_open(path, framework="numpy") as file:
        there = set(file.keys())
        wanted = sorted(there) if names is None else list(names)
        missing = [name for name in wanted if name not in there]
        found = {name: file.get_tensor(name) for name in wanted if name in there}
        sums = _about(file).get(CHECKSUMS, {})
    gone = sorted(sums.keys() - there)
    if gone:
        raise DamagedFileError(f"{path}: array {gone[0]!r} was written and is not there; {_MEND}")
    if missing:
        raise DamagedFileError(f"{path}: expected the array {missing[0]!r}, found {_some(there)}; {_MEND}")
    for name, array in found.items():
        if sums.get(name) != _array_hash(array):
            raise DamagedFileError(f"{path}: array {name!r} is not what was written (checksum differs); {_MEND}")
    return found


def provenance_of(path: str | Path) -> dict[str, Any]:
    """The provenance stored in a table, a file of arrays or a JSON file; empty if it has none."""
    path = Path(path)
    if path.suffix == ".parquet":
        with _naming_damage(path, "a parquet table"):
            stored = (pq.read_metadata(path).metadata or {}).get(PROVENANCE.encode(), b"{}")
        return json.loads(stored)
    if path.suffix == ".safetensors":
        with _naming_damage(path, "safetensors"), safetensors.safe_open(path, framework="numpy") as file:
            return _about(file).get(PROVENANCE, {})
    content = read_json(path)
    return content.get(PROVENANCE, {}) if isinstance(content, dict) else {}


def _some(names: Collection[str]) -> str:
    """Names to show in an error: the first few, and how many there are."""
    listed = ", ".join(sorted(names)[:5])
    return f"{listed}, … ({len(names)} in all)" if len(names) > 5 else listed or "none"


_MEND = "remove it and run the workflow again"


@contextlib.contextmanager
def _naming_damage(path: str | Path, kind: str) -> Iterator[None]:
    """Turn a reader's error about a damaged file into one that names the file and says what to do."""
    try:
        yield
    except (DamagedFileError, KeyError, PermissionError):
        raise
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file; run the workflow, which makes what is missing") from None
    except (safetensors.SafetensorError, pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFileError(f"{path}: expected {kind}, found {error}; {_MEND}") from None


@contextlib.contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    """Turn what any writer raises on a full disk into one error that names the file and says what to do."""
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        number = _full(error)
        if number is None:
            raise
        raise FullDiskError(number, errors.REMEDIES[number], str(path)) from None


def _full(error: Exception) -> int | None:
    """The number of the error if a disk is full, else None; safetensors tells it in its message only."""
    numbers = (getattr(error, "errno", None), *(n for n in _FULL if str(error).endswith(f"(os error {n})")))
    return next((number for number in numbers if number in _FULL), None)


_FULL = (errno.ENOSPC, errno.EDQUOT)


def _about(file: Any) -> dict[str, Any]:
    return json.loads((file.metadata() or {}).get(ABOUT, "{}"))


def _bytes(path: str | Path) -> io.BytesIO:
    return io.BytesIO(Path(path).read_bytes())


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _array_hash(array: np.ndarray) -> str:
    head = f"{array.dtype.str} {array.shape} "
    return hashlib.sha256(head.encode() + array.tobytes()).hexdigest()
