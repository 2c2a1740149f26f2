"""Stage: pack what has to travel with a study's results: a data set's files, and Snakemake's records of its outputs.

`python -m pipeline pack --study study --dataset mnist`. `pipeline.prepare` takes the data from there before it asks any
other place, and the Snakefile takes the records.
"""

import argparse
import hashlib
import lzma
import sys
from pathlib import Path

from pipeline import members
from pipeline.results import packed_records, paths, store

ENDING = ".xz"
PRESET = 7 | lzma.PRESET_EXTREME  # half a minute, once; everyone who clones the repository saves a megabyte


def main(argv: list[str] | None = None) -> None:
    """Pack what isn't packed yet, and say what was done.

    Raises:
        SystemExit: with exit code 1 and the reason, if a file isn't there or isn't what was published.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="the study whose outputs were made")
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(members.members('datasets'))}")
    wanted = parser.parse_args(argv)
    dataset = wanted.dataset
    try:
        for name, expected in members.constants("datasets", dataset)["FILES"]:
            print(pack(paths.data(dataset) / name, paths.packed(dataset) / f"{name}{ENDING}", expected))
        print(packed_records.pack(wanted.study))
    except (members.UnknownNameError, store.DamagedFileError, OSError, ValueError) as error:
        sys.exit(f"pack {dataset}: {error}")


def pack(source: Path, target: Path, expected: str) -> str:
    """Pack one file, unless that was done; returns a line that says so.

    Raises:
        store.DamagedFileError: if the file's sha256 isn't the `expected` one.
        FileNotFoundError: if it isn't there.
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
    """Does a packed file unpack to the content of a sha256?"""
    try:
        with lzma.open(target) as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == expected  # pyright: ignore[reportArgumentType]
    except (lzma.LZMAError, EOFError):
        return False


if __name__ == "__main__":
    main()
