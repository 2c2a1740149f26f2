"""Pack a data set's files and Snakemake's records of a study's outputs, to be published with the results.

After a pull the Snakefile restores both before it plans any
job; `prepare` too takes packed data before it asks any other source.
"""

import hashlib
import lzma
from pathlib import Path

from pipeline import members
from pipeline.results import paths, snakemake_records, store
from pipeline.study import arguments

ENDING = ".xz"
PRESET = 7 | lzma.PRESET_EXTREME  # takes half a minute, once, and saves a megabyte in every clone


def main(argv: list[str] | None = None) -> None:
    """Pack the data files that aren't packed yet, then the records, and print a line for each.

    Raises:
        UnknownNameError: for an unknown data set, with the nearest name.
        DamagedFileError: if a file has another checksum than expected.
        FileNotFoundError: if a file is missing.
    """
    parser = arguments.parser(__doc__)
    parser.add_argument(
        "--dataset", required=True, help=f"the data set to pack: one of {', '.join(members.members('datasets'))}"
    )
    wanted = parser.parse_args(argv)
    dataset = wanted.dataset
    for name, expected in members.constants("datasets", dataset)["FILES"]:
        print(pack_file(paths.data(dataset) / name, paths.packed(dataset) / f"{name}{ENDING}", expected))
    print(snakemake_records.pack(wanted.study))


def pack_file(source: Path, target: Path, expected: str) -> str:
    """Pack one file unless it is packed already; returns a line that says what was done.

    Raises:
        store.DamagedFileError: if the file's sha256 isn't the `expected` one.
        FileNotFoundError: if the file is missing.
    """
    if target.is_file() and is_packed(target, expected):
        return f"{target}: already there"
    found = store.sha256(source)
    if found != expected:
        raise store.DamagedFileError(
            f"{source}: found sha256 {found}, expected {expected}; fetch it again with `python -m pipeline prepare`"
        )
    store.write_bytes(target, lzma.compress(source.read_bytes(), preset=PRESET))
    return f"{target}: {target.stat().st_size / 1e6:.1f} MB of {source.stat().st_size / 1e6:.1f} MB"


def is_packed(target: Path, expected: str) -> bool:
    """Whether a packed file unpacks to content with the expected sha256."""
    try:
        with lzma.open(target) as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == expected  # pyright: ignore[reportArgumentType]
    except (lzma.LZMAError, EOFError):
        return False
