"""The environment of what the project starts: without the variables that change what a command means."""

import contextlib
import functools
import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path

LIST = Path(__file__).with_name("environment.list")  # the families and their exceptions, with reasons
READ_HERE = ("PIPELINE_", "WANDB_")  # an empty variable of these counts as unset


def clean() -> None:
    """Clean this process's own environment, which every process inherits that it starts from now on."""
    for name in set(os.environ) - set(cleaned(os.environ)):
        del os.environ[name]


def cleaned(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that change what a command means, and without the project's own that are empty."""
    unset, kept = _names("UNSET"), _names("KEEP")
    return {
        name: value
        for name, value in variables.items()
        if (kept.fullmatch(name) or not unset.fullmatch(name)) and (value or not name.startswith(READ_HERE))
    }


def import_matplotlib() -> None:
    """Import matplotlib with its own settings, without reading the user's settings files and styles.

    It reads them while it is imported, and ends with an error if one of them isn't UTF-8. It looks for settings in the
    working folder first; its own have the same name.
    """
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("matplotlib is not installed")
    with contextlib.chdir(Path(found.origin).with_name("mpl-data")):
        import matplotlib
    user_s = matplotlib.get_configdir
    matplotlib.get_configdir = matplotlib.get_data_path
    try:
        import matplotlib.style
    finally:
        matplotlib.get_configdir = user_s


@functools.cache
def _names(kind: str) -> re.Pattern[str]:
    """A pattern for all names that the list has under UNSET or KEEP."""
    found = re.findall(rf"^{kind} \+= (\S+)", LIST.read_text(encoding="utf-8"), re.MULTILINE)
    return re.compile("|".join(re.escape(name).replace("%", ".*") for name in found), re.DOTALL)
