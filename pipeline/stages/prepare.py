"""Stage: get a data set's files and check them. `python -m pipeline prepare --dataset mnist --root data/mnist`."""

import argparse
import sys
from pathlib import Path

from pipeline import members
from pipeline.datasets.shared.download import DownloadError
from pipeline.datasets.shared.unpack import unpack
from pipeline.results import store


def main(argv: list[str] | None = None) -> None:
    """Get what is missing below the root, check all of it, and say what was done.

    Raises:
        SystemExit: with exit code 1 and the reasons, if the data can't be had.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(members.members('datasets'))}")
    parser.add_argument("--root", required=True, type=Path, help="the folder of its files")
    given = parser.parse_args(argv)
    try:
        member = members.load("datasets", given.dataset)
        unpack(given.dataset, given.root)
        for line in member.fetch(given.root):
            print(line)
        data = member.load(given.root)
    except (members.UnknownNameError, DownloadError, store.DamagedFileError, OSError) as error:
        sys.exit(f"prepare {given.dataset}: {error}")
    print(
        f"{given.dataset}: {len(data.train.labels)} training and {len(data.test.labels)} test points of "
        f"{data.train.inputs.shape[1]} inputs in {data.classes} classes; licence {member.LICENCE}; cite {member.SOURCE}"
    )


if __name__ == "__main__":
    main()
