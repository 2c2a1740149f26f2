"""Files that a killed process left half written: hidden, under a name that nothing reads or takes up again."""

import contextlib
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.results import paths

PARTIAL = re.compile(r"\..+\.partial(\.[a-z]+)?")  # as `store.atomic` names them
OLD = 3600.0  # seconds by the file system's own clock: writing one takes seconds, so nobody is at work on these


def sweep(study: str) -> list[Path]:
    """Remove old ones of a study; returns which."""
    return _sweep(folder for folder in (paths.results(study), paths.resume(study, "any").parent) if folder.is_dir())


def _sweep(folders: Iterable[Path]) -> list[Path]:
    removed = []
    for folder in folders:
        with contextlib.suppress(OSError):  # a folder that can't be written to is for the jobs to complain about
            with tempfile.NamedTemporaryFile(dir=folder) as now:
                before = Path(now.name).stat().st_mtime - OLD
            for path in sorted(folder.rglob(".*")):
                if PARTIAL.fullmatch(path.name) and path.is_file() and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
                    removed.append(path)
    return removed
