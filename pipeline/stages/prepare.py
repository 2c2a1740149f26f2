"""Get a data set's files: from what came with the results, a local copy or the network; check all of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline import members


def main(argv: Sequence[str] | None = None) -> None:
    """Get what is missing below the root, check all of it, and say what was done.

    Raises:
        UnknownNameError: for an unknown data set, with the nearest name.
        DownloadError: if the data can't be had, with the reasons.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(members.members('datasets'))}")
    parser.add_argument("--root", required=True, type=Path, help="the folder of its files, such as data/mnist")
    given = parser.parse_args(argv)
    members.require("datasets", given.dataset)
    from pipeline.datasets.shared.download import fetch
    from pipeline.datasets.shared.unpack import unpack

    member = members.load("datasets", given.dataset)
    unpack(given.dataset, given.root)
    for line in fetch(given.root, member.FILES, member.SOURCES):
        print(line)
    data = member.load(given.root)
    print(
        f"{given.dataset}: {len(data.train.labels)} training and {len(data.test.labels)} test points of "
        f"{data.train.inputs.shape[1]} inputs in {data.classes} classes; licence {member.LICENCE}; cite {member.SOURCE}"
    )
