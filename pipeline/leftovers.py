"""Files that a killed process left half written: hidden, under a name that nothing reads or takes up again."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from pipeline import paths

PARTIAL = re.compile(r"\..+\.partial(\.[a-z]+)?")  # as `store.atomic` names them
OLD = 3600.0  # seconds: writing one takes seconds, so nobody is at work on these


def sweep(study: str) -> list[Path]:
    """Remove old ones of a study; returns which."""
    return _sweep((paths.results(study), paths.resume(study, "any").parent), before=time.time() - OLD)


def _sweep(folders: Iterable[Path], *, before: float) -> list[Path]:
    removed = []
    for folder in folders:
        for path in sorted(folder.rglob(".*")) if folder.is_dir() else []:
            if PARTIAL.fullmatch(path.name) and path.is_file() and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                removed.append(path)
    return removed
