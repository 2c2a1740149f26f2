"""Unpack data files that came with the results."""

import sys
from pathlib import Path

from pipeline import members
from pipeline.datasets.shared import download, sources
from pipeline.results import paths, store


def unpack(dataset: str, root: Path | None = None) -> None:
    """Unpack the missing files, all or none; one line on stderr tells what was done, or why not.

    Does and says nothing if no file is missing, or if the data set didn't come with the results. Missing files can then
    still be fetched from elsewhere.

    Args:
        dataset: the data set's name.
        root: the folder of its files; `data/<dataset>` by default.
    """
    root = root or paths.data(dataset)
    files: list[tuple[str, str]] = members.constants("datasets", dataset).get("FILES", [])
    missing = {name: sha256 for name, sha256 in files if not (root / name).is_file()}
    source = sources.Packed(paths.packed(dataset))
    if not missing or not source.folder.is_dir():
        return
    try:
        with store.atomic_folder(root) as staged:
            got, faults = download.take(source, staged, dict(missing))
            if faults:
                raise download.DownloadError("; ".join(faults))
    except (download.DownloadError, OSError) as error:
        print(f"warning: the packed data of {dataset} are not used: {error}", file=sys.stderr)
    else:
        print(f"unpacked {len(got)} files from {source} into {root}", file=sys.stderr)
