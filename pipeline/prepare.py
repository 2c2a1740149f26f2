"""Stage: get a data set's files and check them. `python -m pipeline.prepare --dataset mnist --root data/mnist`."""

import argparse
import sys
from pathlib import Path

from pipeline import download, paths, plugins, sources, store
from pipeline.download import DownloadError


def main(argv: list[str] | None = None) -> None:
    """Get what is missing below the root, check all of it, and say what was done.

    Raises:
        SystemExit: with exit code 1 and the reasons, if the data can't be had.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(plugins.members('datasets'))}")
    parser.add_argument("--root", required=True, type=Path, help="the folder of its files")
    given = parser.parse_args(argv)
    try:
        member = plugins.load("datasets", given.dataset)
        unpack(given.dataset, given.root)
        for line in member.fetch(given.root):
            print(line)
        data = member.load(given.root)
    except (plugins.UnknownNameError, DownloadError, store.DamagedFileError, OSError) as error:
        sys.exit(f"prepare {given.dataset}: {error}")
    print(
        f"{given.dataset}: {len(data.train.labels)} training and {len(data.test.labels)} test points of "
        f"{data.train.inputs.shape[1]} inputs in {data.classes} classes; licence {member.LICENCE}; cite {member.SOURCE}"
    )


def unpack(dataset: str, root: Path | None = None) -> None:
    """Take what is missing from the files that came packed with the results; what isn't there is left to be fetched.

    Args:
        dataset: its name.
        root: the folder of its files; the usual one by default.
    """
    root = root or paths.data(dataset)
    files: list[tuple[str, str]] = plugins.constants("datasets", dataset).get("FILES", [])
    missing = tuple((name, sha256) for name, sha256 in files if not (root / name).is_file())
    if not missing or not paths.packed(dataset).is_dir():
        return
    try:
        for line in download.fetch(root, missing, (sources.Packed(paths.packed(dataset)),)):
            print(line)
    except DownloadError as error:
        print(f"not all of it came with the results: {error}")


if __name__ == "__main__":
    main()
