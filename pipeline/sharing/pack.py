"""Pack a data set, Snakemake's records of a study's outputs, and final models, to be published with the results.

After a pull the Snakefile restores data and records before it plans any job; `prepare` too takes packed data before it
asks any other source. A packed model is loaded by `pipeline.runs.final_model`.
"""

import argparse
import hashlib
import lzma
import math
from pathlib import Path

from pipeline import members
from pipeline.results import paths, snakemake_records, store
from pipeline.sharing import models
from pipeline.study import arguments

ENDING = ".xz"
PRESET = 7 | lzma.PRESET_EXTREME  # takes half a minute, once, and saves a megabyte in every clone
MODELS_MB = 7.0  # so that all that travels with the default study stays below 39 MB


def main(argv: list[str] | None = None) -> None:
    """Pack the data files that aren't packed yet, then records and models, and print a line for each.

    Raises:
        ConfigError: if the study's config or the list of claims is faulty.
        UnknownNameError: for an unknown data set, with the nearest name.
        DamagedFileError: if a file has another checksum than expected.
        FileNotFoundError: if a file is missing.
        ModelsError: if a model that is to be published isn't here.
    """
    parser = arguments.parser(__doc__)
    parser.add_argument(
        "--dataset", required=True, help=f"the data set to pack: one of {', '.join(members.members('datasets'))}"
    )
    parser.add_argument(
        "--models-mb",
        type=megabytes,
        default=MODELS_MB,
        metavar="MB",
        help="how large the final models of the runs behind the claims' primary parts may be together (default: "
        f"{MODELS_MB:g}): first come those with the first seed of every claim, then those with the next; 0 for none",
    )
    wanted = parser.parse_args(argv)
    dataset = wanted.dataset
    for name, expected in members.constants("datasets", dataset)["FILES"]:
        print(pack_file(paths.data(dataset) / name, paths.packed(dataset) / f"{name}{ENDING}", expected))
    print(snakemake_records.pack(wanted.study))
    print(models.pack(wanted.study, limit=wanted.models_mb))


def megabytes(text: str) -> float:
    """A size in MB, as an option's type.

    Raises:
        ArgumentTypeError: for any text but a number of at least 0.
    """
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of megabytes of at least 0")
    return size


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
