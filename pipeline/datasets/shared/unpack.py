"""Data that came packed with the results."""

from pathlib import Path

from pipeline import members
from pipeline.datasets.shared import download, sources
from pipeline.datasets.shared.download import DownloadError
from pipeline.results import paths


def unpack(dataset: str, root: Path | None = None) -> None:
    """Take what is missing from the files that came packed with the results; what isn't there is left to be fetched.

    Args:
        dataset: its name.
        root: the folder of its files; the usual one by default.
    """
    root = root or paths.data(dataset)
    files: list[tuple[str, str]] = members.constants("datasets", dataset).get("FILES", [])
    missing = tuple((name, sha256) for name, sha256 in files if not (root / name).is_file())
    if not missing or not paths.packed(dataset).is_dir():
        return
    try:
        for line in download.fetch(root, missing, (sources.Packed(paths.packed(dataset)),)):
            print(line)
    except DownloadError as error:
        print(f"not all of it came with the results: {error}")
