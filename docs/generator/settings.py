"""The page of settings: configs/README.md, with its table of keys joined to what the schema says of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.generator import markdown
from pipeline.settings_types import LARGEST, LONGEST
from pipeline.study import strict_yaml
from pipeline.study.load import configured
from pipeline.study.schema import Study

DOCUMENT, PAGE = "configs/README.md", "reference/settings"
HEADING = "## Every key"
TABLE = re.compile(r"^\| Key \|.*?(?=\n\n)", re.DOTALL | re.MULTILINE)
CHOSEN = "<name>"  # stands for a name that the user chooses
NUMBERS = {"integer": "whole number", "number": "number"}
PLAIN = {"boolean": "`true` or `false`", "string": "text", "object": "mapping", "null": "`null`"}
LONG = 60  # characters of a value that isn't shown
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """A key of a study: its path, and what the schema says of it."""

    path: str
    kind: str
    required: bool
    default: Any


def with_every_key(text: str, root: Path) -> str:
    """The document with a section for each key in place of its table of keys.

    Raises:
        LookupError: if the table lacks a key of the schema.
    """
    before, heading, after = text.partition(HEADING)
    told = {cells[0].strip("`"): cells[1:] for cells in _rows(after)}
    studies = {name: strict_yaml.read(root / "configs" / f"{name}.yaml") for name in configured()}
    sections, group = [], ""
    for key in keys(Study.model_json_schema()):
        first = key.path.partition(".")[0]
        if first != group:
            group = first
            sections.append(f"### {group}")
        if key.path not in told:
            raise LookupError(f"{DOCUMENT}: expected a row for the key {key.path}; add one")
        sections.append(section(key, told[key.path], studies))
    return before + heading + TABLE.sub(lambda _: "\n\n".join(sections), after, count=1)


def section(key: Key, told: Sequence[str], studies: Mapping[str, Any]) -> str:
    """What is known of one key.

    Args:
        key: what the schema says of it.
        told: what the table says: its meaning, its values, and who chose it.
        studies: the settings of all studies, by name.
    """
    meaning, values, chosen_by = told
    default = "required" if key.required else f"{markdown.code(_written(key.default))} if left out"
    found = {name: _value(study, key.path) for name, study in studies.items()}
    shown = ", ".join(f"{name} {markdown.code(value)}" for name, value in sorted(found.items()) if value)
    lines = [
        ("Values", values),
        ("Type", f"{key.kind}; {default}"),
        ("Chosen by", chosen_by),
        ("Studies", shown),
    ]
    listed = "\n".join(f"- **{name}**: {said}" for name, said in lines if said)
    said = _sentence(meaning.removeprefix("*optional*: "))
    return f"(setting-{key.path})=\n\n#### {markdown.code(key.path)}\n\n{said}\n\n{listed}"


def keys(whole: Schema, schema: Schema | None = None, prefix: str = "") -> Iterator[Key]:
    """Every key of a JSON schema that takes values of its own, by its path."""
    schema = whole if schema is None else schema
    for name, each in schema["properties"].items():
        alternatives = [_referred(whole, part) for part in each.get("anyOf", [each])]
        plain = [part for part in alternatives if "properties" not in _inner(whole, part)]
        if plain:
            kind = ", or ".join(_kind(whole, part) for part in alternatives)
            yield Key(prefix + name, kind, name in schema.get("required", ()), each.get("default"))
        for part in alternatives:
            inner = _inner(whole, part)
            if "properties" in inner:
                between = "" if inner is part else f".{CHOSEN}"
                yield from keys(whole, inner, f"{prefix}{name}{between}.")


def _referred(whole: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return whole["$defs"][name] if name else schema


def _inner(whole: Schema, schema: Schema) -> Schema:
    """The schema itself, or that of a mapping's values."""
    values = schema.get("additionalProperties")
    return _referred(whole, values) if isinstance(values, Mapping) and "properties" not in schema else schema


def _kind(whole: Schema, schema: Schema) -> str:
    """The kind of value that a schema takes, in words."""
    schema = _referred(whole, schema)
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(markdown.code(each) for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind in NUMBERS:
        return ", ".join([NUMBERS[kind], *_bounds(schema)])
    if kind == "array":
        return f"list, each a {_kind(whole, schema['items'])}" if schema.get("items") else "list"
    return PLAIN.get(kind or "", "any value")


def _bounds(schema: Schema) -> Iterator[str]:
    """Its limits, but for those of numbers as such."""
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    for name, said in words.items():
        if name in schema and abs(schema[name]) not in {LONGEST, LARGEST}:
            yield f"{said} {schema[name]:g}"


def _rows(text: str) -> list[list[str]]:
    """The cells of the table of keys."""
    found = TABLE.search(text)
    lines = found[0].splitlines()[2:] if found else []
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]


def _value(study: Any, path: str) -> str:
    """A study's value of a key, as it would be written; nothing for a key below chosen names and for long values."""
    for name in path.split("."):
        if not isinstance(study, Mapping) or name not in study:
            return ""
        study = study[name]
    written = _written(study)
    return written if len(written) <= LONG else ""


def _written(value: Any) -> str:
    """A value in YAML's words."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case list() | tuple():
            return f"[{', '.join(map(_written, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_written(each)}" for key, each in value.items()) + "}"
    return str(value) or '""'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
