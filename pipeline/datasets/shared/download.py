"""Fetch a data set's files from the first source that has them; only a file with the right sha256 is kept."""

import gzip
import hashlib
import http.client
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from pipeline.errors import ExplainedError
from pipeline.results import store

MAX_BYTES = 64 << 20  # of one decompressed file; MNIST's largest has 47 MB
BLOCK = 1 << 20
# Errors in reading from a source; urllib raises ValueError, such as UnicodeError, for a proxy or address that makes no
# sense. Any other error is a bug and is not caught.
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError, http.client.HTTPException)
OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open}  # by the first bytes of a compressed file


class DownloadError(ExplainedError, RuntimeError):
    """Files could not be fetched; the message lists what was tried and what to do."""


class Source(Protocol):
    """A place that may have the files. Its `str` names it in messages."""

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, BufferedReader]]:
        """Yield (name, content) of the wanted files that it has, plain, as gz or as xz; a name may repeat."""
        ...


def fetch(root: Path, files: tuple[tuple[str, str], ...], sources: tuple[Source, ...]) -> list[str]:
    """Make sure that `root` has all files: take missing and damaged ones from the first source that has them.

    A damaged file is replaced only once a good one has been read. Without files, nothing is written.

    Args:
        root: the folder of the files.
        files: (name, sha256 of the decompressed content) of each.
        sources: tried in this order, and only while a file is missing.

    Returns:
        A line for each file that says where it came from.

    Raises:
        DownloadError: if no source has a file; the others are kept.
        OSError: if `root` can't be created, or if its disk is full.
    """
    if not files:
        return [f"{root}: nothing to fetch, the data are drawn when they are loaded"]
    root.mkdir(parents=True, exist_ok=True)
    missing, done, tried = {}, [], []
    for name, expected in files:
        found = store.sha256(root / name) if (root / name).is_file() else None
        if found == expected:
            done.append(f"{root / name}: already there")
            continue
        missing[name] = expected
        if found:
            tried.append(f"{root / name}: damaged: found sha256 {found}, expected {expected}")
    for source in sources:
        if missing:
            got, faults = take(source, root, missing)
            done += [f"{root / name}: from {source}" for name in got]
            tried += faults
    if missing:
        raise DownloadError(
            f"could not get {', '.join(missing)}. Tried:\n  "
            + "\n  ".join(tried or ["nothing: the data set names no source"])
            + f"\nPut these files into {root}, or set PIPELINE_DATA to a folder that has them (plain or .gz)."
        )
    return done


def take(source: Source, root: Path, missing: dict[str, str]) -> tuple[list[str], list[str]]:
    """Take the `missing` files from one source and remove them from there; the names found, and the faults.

    A fault of the source is listed, and the next one is asked. A full disk is raised: another source would not help.
    """
    got, faults, offered = [], [], set()
    try:
        for name, content in source.read(tuple(missing)):
            offered.add(name)
            if name not in missing:
                continue
            try:
                _keep(content, root / name, missing[name])
            except store.FullDiskError:
                raise
            except (DownloadError, *READ_ERRORS) as error:
                faults.append(f"{source}: {name}: {_say(error)}")
            else:
                got.append(name)
                del missing[name]
    except store.FullDiskError:
        raise
    except READ_ERRORS as error:
        faults.append(f"{source}: {_say(error)}")
    else:
        faults += [f"{source}: {name}: not found there" for name in missing if name not in offered]
    return got, faults


def _keep(content: BufferedReader, path: Path, expected: str) -> None:
    """Decompress `content` and write it, if its sha256 is right and it is not too large."""
    begins = content.peek(max(map(len, OPENERS)))
    plain = next((unpack(content) for magic, unpack in OPENERS.items() if begins.startswith(magic)), content)
    digest, size = hashlib.sha256(), 0
    with store.atomic(path) as partial:
        with partial.open("wb") as file:
            while block := plain.read(BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise DownloadError(f"found more than {MAX_BYTES} bytes: no file of a data set is that large")
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != expected:
            raise DownloadError(f"found sha256 {digest.hexdigest()} ({size} bytes), expected {expected}")


def _say(error: Exception) -> str:
    """One line: the message of an error of the machine or of ours, which says enough; before any other, its kind."""
    said, kind = " ".join(str(error).split()), type(error).__name__
    if not said:
        return kind
    return said if isinstance(error, (OSError, RuntimeError)) else f"{kind}: {said}"
