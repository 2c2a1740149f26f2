"""The tables of an analysis's jobs as one."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline.results import store


def joined(files: Iterable[Path]) -> pd.DataFrame:
    """All rows, in the order of the files. A diverged run has an empty table and adds nothing."""
    parts = [store.read_table(file) for file in files]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
