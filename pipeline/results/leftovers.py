"""Remove the half-written files that killed processes leave behind."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.results import paths

PARTIAL = re.compile(r"\..+\.partial(\.[a-z]+)?")  # names given by `store.atomic` and `store.atomic_folder`
# Seconds by the file system's own clock. Writing one of these takes seconds, so no process is still at work on it.
OLD = 3600.0


def sweep(study: str) -> list[Path]:
    """Remove the old half-written files of a study, its data and Snakemake's records; returns what was removed."""
    whole = (paths.results(study), paths.resume(study, "any").parent)
    top_only = (paths.DATA, paths.SNAKEMAKE)
    return _sweep(whole, "**/.*") + _sweep(top_only, ".*")


def _sweep(folders: Iterable[Path], pattern: str) -> list[Path]:
    removed = []
    for folder in filter(Path.is_dir, folders):
        with contextlib.suppress(OSError):  # the jobs report a folder that can't be written
            for path in _old(folder, pattern):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _old(folder: Path, pattern: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(dir=folder) as now:
        before = Path(now.name).stat().st_mtime - OLD
    for path in sorted(folder.glob(pattern)):
        if PARTIAL.fullmatch(path.name) and path.stat().st_mtime < before:
            yield path
