"""Read a study's config and check it as a whole, so that every error is reported before any job starts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from pipeline import members
from pipeline.results.paths import NAME
from pipeline.study import checks, strict_yaml
from pipeline.study.errors import ConfigError, explain
from pipeline.study.schema import Study

CONFIGS = Path("configs")
DEFAULT = "study"
NOT_STUDIES = ("claims",)


def chosen(config: Mapping[str, Any]) -> str:
    """The study that Snakemake's `--config study=NAME` chooses; the default one if nothing is said.

    Args:
        config: everything that `--config` and `--configfile` gave.

    Raises:
        ConfigError: for any other key: it would change nothing, and look as if it did.
    """
    for key in config:
        if key == "study":
            continue
        if key in Study.model_fields:
            raise ConfigError(
                f"found {key!r} from --configfile or --config, which is a key of a study's file; a study is chosen by "
                f"its name: put the file into {CONFIGS}/ and use --config study=NAME"
            )
        raise ConfigError(
            f"--config: found the key {key!r}, expected study ({members.nearest(str(key), ['study'])}); such as "
            f"--config study={DEFAULT}"
        )
    name = config.get("study", DEFAULT)
    if not isinstance(name, str):
        raise ConfigError(f"--config study: found {name!r}, expected the name of a file in {CONFIGS}/")
    return name


def configured(root: Path = Path()) -> list[str]:
    """The names of all studies that have a config, sorted."""
    return sorted(path.stem for path in (root / CONFIGS).glob("*.yaml") if path.stem not in NOT_STUDIES)


def load_study(name: str, root: Path = Path()) -> Study:
    """The study `configs/<name>.yaml`, checked as a whole.

    Raises:
        ConfigError: listing every fault: the key's path, what was found, what was expected.
    """
    folder = root / CONFIGS
    known = configured(root)
    if name not in known:
        raise ConfigError(f"no study {name!r} ({members.nearest(name, known)}); studies are files in {CONFIGS}/")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{CONFIGS}/{name}.yaml: a study's name has lower-case letters, digits and underscores only, and begins "
            "with no underscore: rename the file"
        )
    return check(strict_yaml.read(folder / f"{name}.yaml"), source=f"{CONFIGS}/{name}.yaml")


def parse_study(text: str, *, source: str) -> Study:
    """A study from YAML text; `source` is named in errors.

    Raises:
        ConfigError: as `load_study`.
    """
    return check(strict_yaml.parse(text, source=source), source=source)


def check(content: Any, *, source: str) -> Study:
    """A study from the content of its file.

    Raises:
        ConfigError: as `load_study`.
    """
    try:
        study = Study.model_validate_json(json.dumps(content))  # JSON's types: a list may become a tuple, no more
    except pydantic.ValidationError as error:
        raise ConfigError(explain(error, f"{source}: ", content=content, model=Study)) from None
    except (TypeError, ValueError, RecursionError) as error:  # what JSON has no form for
        raise ConfigError(f"{source}: {error}; YAML sets, binary data and loops are not used here") from None
    faults = [f"{source}: {fault}" for fault in checks.faults(study)]
    if faults:
        raise ConfigError("\n".join(faults))
    return study
