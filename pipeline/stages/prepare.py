"""Get a data set's files: from what came with the results, a local copy or the network; check all of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import members


def main(argv: Sequence[str] | None = None) -> None:
    """Get what is missing below the root, check all of it, and say what was done.

    Raises:
        SystemExit: with exit code 1 and the reasons, if the data can't be had.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(members.members('datasets'))}")
    parser.add_argument("--root", required=True, type=Path, help="the folder of its files, such as data/mnist")
    given = parser.parse_args(argv)
    try:
        members.require("datasets", given.dataset)
    except members.UnknownNameError as error:
        parser.error(str(error))
    from pipeline.datasets.shared.download import DownloadError, fetch
    from pipeline.datasets.shared.unpack import unpack
    from pipeline.results import store

    member = members.load("datasets", given.dataset)
    try:
        unpack(given.dataset, given.root)
        for line in fetch(given.root, member.FILES, member.SOURCES):
            print(line)
        data = member.load(given.root)
    except (DownloadError, store.DamagedFileError, OSError) as error:
        sys.exit(f"prepare {given.dataset}: {error}")
    print(
        f"{given.dataset}: {len(data.train.labels)} training and {len(data.test.labels)} test points of "
        f"{data.train.inputs.shape[1]} inputs in {data.classes} classes; licence {member.LICENCE}; cite {member.SOURCE}"
    )
