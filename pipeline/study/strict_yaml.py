"""YAML as version 1.2 means it (core schema), with repeated keys refused.

PyYAML reads YAML 1.1, in which `010` is eight, `1:30` is ninety, `no` is false and `1e-3` is a text.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.study.errors import ConfigError

# libyaml's parser takes a tenth of the time; a PyYAML that was built without it has none.
_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

NULL = re.compile(r"~|null|Null|NULL|")
BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
BASES = {"0o": 8, "0x": 16}


class StrictLoader(_Loader):
    """PyYAML's safe loader with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own way to say which texts are no texts)


def read(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: if it isn't UTF-8 or isn't YAML; the path, the place and what to do are told.
    """
    return parse(text(path), source=str(path))


def text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: if it isn't UTF-8; the path, the place and what to do are told.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}: found byte 0x{content[error.start]:02x} in line {line}, expected text in UTF-8: save the file as "
            "UTF-8"
        ) from None


def parse(written: str, *, source: str) -> Any:
    """The content of YAML text; `source` is named in errors.

    Raises:
        ConfigError: as `read`.
    """
    try:
        return yaml.load(written, Loader=StrictLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # The last four come from values under an explicit tag such as `!!int x`, and from endless nesting.
        raise ConfigError(f"{source}: not YAML: {error}") from None


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    """A mapping; of a repeated key YAML would keep the last value, which hides a mistake."""
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in keys:
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is no text: put it in quotes", node.start_mark
            )
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


def _integer(loader: StrictLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text[2:], BASES[text[:2]]) if text[:2] in BASES else int(text)


def _float(loader: StrictLoader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


for _tag, _pattern, _first in (
    ("null", NULL, ["~", "n", "N", ""]),
    ("bool", BOOLEAN, list("tTfF")),
    ("int", INTEGER, list("-+0123456789")),
    ("float", FLOAT, list("-+.0123456789")),
):
    StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern.pattern})$"), _first)
StrictLoader.add_constructor("tag:yaml.org,2002:int", _integer)
StrictLoader.add_constructor("tag:yaml.org,2002:float", _float)
StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
