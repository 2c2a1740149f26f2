"""How runs ended, from the summary of the block that each was trained in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.results import store

Summary = dict[str, Any]


def content(block: str, runs: Mapping[str, Mapping[str, Any]], origin: Mapping[str, Any]) -> Summary:
    """What a block's summary holds.

    Args:
        block: the block's name.
        runs: of each run by name, how it ended, and the hash of its own settings as `settings`.
        origin: the block's provenance.
    """
    return {"block": block, "runs": dict(runs), store.PROVENANCE: dict(origin)}


def read(path: Path) -> dict[str, Summary]:
    """How each run of a block ended, by the run's name, each with its own provenance; empty if there is no such file.

    A run's provenance is that of its block, with the run's own settings and without the seeds beside it.

    Raises:
        store.DamagedFileError: if the file isn't the summary of a block.
    """
    if not path.is_file():
        return {}
    found = store.read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("runs"), dict):
        raise store.DamagedFileError(
            f"{path}: expected the summary of a block of runs, found something else; remove it and run the workflow "
            "again"
        )
    origin = found.get(store.PROVENANCE) or {}
    shared = {key: value for key, value in origin.items() if key != "seeds"}
    return {
        run: {**ended, store.PROVENANCE: {**shared, "settings": ended.get("settings")} if origin else {}}
        for run, ended in found["runs"].items()
    }
