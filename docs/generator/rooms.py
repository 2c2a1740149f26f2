"""The pages of the rooms of pipeline/: every public class and function, read from the source without running it.

A family's page also lists what each member states of itself, and its settings.
"""

import functools
import logging
from collections.abc import Container, Iterator
from pathlib import Path

import griffe

from docs.generator import markdown, navigation
from docs.generator.links import Links
from pipeline import __main__ as pipeline
from pipeline import members

FOLDER = "reference/rooms"
INDEX = f"{FOLDER}/index"
STATED = ("LABEL", "REFERENCE", "SOURCE", "LICENCE", "WAITS_FOR", "IMPLIED_LOSS", "TITLE", "SCOPE", "READS", "CLAIMS")
HEAD = "---\ntocdepth: 2\n---"  # the table of contents has the modules, and not all that is in them
LONGEST_LINE = 84  # of a signature
LISTED = {"parameters", "other parameters", "attributes", "returns", "raises", "yields", "receives", "warns"}
logging.getLogger("griffe").setLevel(logging.ERROR)  # it warns of docstrings that leave a parameter out


def pages() -> list[str]:
    """The page that the sidebar lists; the rooms' pages are below it."""
    return [INDEX]


def texts(root: Path, links: Links) -> dict[str, str]:
    """Every page by its name."""
    package = _package(root)
    rooms = sorted(name for name, module in package.modules.items() if not module.is_alias and module.is_init_module)
    rows = [(f"[`{room}`]({room}.md)", _first(package[room])) for room in rooms]
    index = markdown.page(
        "# Rooms",
        "The code is in *rooms*, the folders of `pipeline/`. Each page has a room's modules with their public classes "
        "and functions. [Contributing](../../contributing.md#rooms) says which room may import which.",
        markdown.table(("Room", "What is in it"), rows),
        navigation.tree("", rooms),
    )
    return {f"{INDEX}.md": index, **{f"{FOLDER}/{room}.md": _room(package[room], links) for room in rooms}}


@functools.cache
def _package(root: Path) -> griffe.Module:
    """The package, parsed; its modules aren't run."""
    found = griffe.load(pipeline.PACKAGE.name, search_paths=[root], docstring_parser=griffe.Parser.google)
    if not isinstance(found, griffe.Module):
        raise TypeError(f"{pipeline.PACKAGE.name}: expected a package")
    return found


def _room(room: griffe.Module, links: Links) -> str:
    page = f"{FOLDER}/{room.name}"
    modules = [_module(module, room, page, links) for module in _modules(room)]
    return markdown.page(HEAD, f"# {room.name}", _docstring(room), *modules)


def _modules(package: griffe.Module) -> Iterator[griffe.Module]:
    """The modules of a package by name, those of its packages last."""
    own = [module for module in package.modules.values() if not module.is_alias]
    for module in sorted(own, key=lambda each: (each.is_init_module, each.name)):
        if module.is_init_module:
            yield from _modules(module)
        elif not module.name.startswith("_"):
            yield module


def _module(module: griffe.Module, room: griffe.Module, page: str, links: Links) -> str:
    path = module.path.replace(".", "/") + ".py"
    name = module.path.removeprefix(f"{room.path}.")
    family = room.name if room.name in members.FAMILIES and "." not in name else ""
    public = [each for each in module.members.values() if not each.is_alias and each.is_public]
    return markdown.page(
        f"({module.path})=\n\n## {name}",
        f"[Source of `{path}`]({links.to_source(path, page)})",
        _docstring(module),
        _member(family, name) if family else "",
        _constants([each for each in public if isinstance(each, griffe.Attribute)], but=STATED if family else ()),
        *(_described(each) for each in public if isinstance(each, griffe.Class | griffe.Function)),
    ).rstrip("\n")


def _member(family: str, name: str) -> str:
    """What a member states of itself, and the settings that a study may give it."""
    stated = members.constants(family, name)
    lines = [f"- **{key}**: {markdown.code(stated[key])}" for key in STATED if key in stated]
    settings = members.settings(family, name)
    rows = [
        (markdown.code(key), markdown.code(_annotation(family, name, key)), _default(setting))
        for key, setting in settings.items()
    ]
    return markdown.page(
        "\n".join(lines),
        markdown.table(("Setting", "Type", "Default"), rows) if rows else "It has no settings.",
    ).rstrip("\n")


def _annotation(family: str, name: str, key: str) -> str:
    module = _package(pipeline.PACKAGE.parent)[family][name]
    return str(module[members.ENTRY[family]].parameters[key].annotation)


def _default(setting: members.Setting) -> str:
    if setting.required:
        return "required"
    return "see the source" if setting.default is members.UNKNOWN else markdown.code(setting.default)


def _constants(attributes: list[griffe.Attribute], *, but: Container[str]) -> str:
    """The values of a module's public constants, where they fit on a line, without those that are said elsewhere."""
    said = [each for each in attributes if each.value is not None and each.name not in but]
    lines = [f"{each.name} = {each.value}" for each in said]
    shown = [line for line in lines if len(line) <= LONGEST_LINE and "\n" not in line]
    return markdown.block("\n".join(shown), "python", "force") if shown else ""


def _described(each: griffe.Class | griffe.Function, level: int = 3) -> str:
    """A class with its public methods, or a function."""
    inner: list[str] = []
    if isinstance(each, griffe.Class):
        start = each.members.get("__init__")
        inner = [_docstring(start)] if isinstance(start, griffe.Function) else []
        found = [part for part in each.members.values() if not part.is_alias and part.is_public]
        methods = [part for part in found if isinstance(part, griffe.Function) and not part.is_special]
        inner += [_described(part, level + 1) for part in methods]
        inner += [_property(part) for part in found if isinstance(part, griffe.Attribute) and "property" in part.labels]
    return markdown.page(
        f"{'#' * level} {markdown.code(each.name)}",
        markdown.block(signature(each), "python", "force"),
        _docstring(each),
        *inner,
    ).rstrip("\n")


def _property(each: griffe.Attribute) -> str:
    return f"- {markdown.code(f'.{each.name}: {each.annotation}')}: {_first(each)}"


def signature(each: griffe.Class | griffe.Function) -> str:
    """How a function is called or a class is made; a parameter a line, if that would be too long."""
    if isinstance(each, griffe.Function):
        head, parameters, returns = f"def {each.name}", list(each.parameters), each.annotation
    else:
        head, returns = f"class {each.name}", None
        parameters = [part for part in each.parameters if part.name != "self"]
    words = _words(parameters)
    end = f") -> {returns}" if returns is not None else ")"
    line = f"{head}({', '.join(words)}{end}"
    if len(line) <= LONGEST_LINE or not words:
        return line
    return "\n".join([f"{head}(", *(f"    {word}," for word in words), end])


def _words(parameters: list[griffe.Parameter]) -> list[str]:
    """The parameters as they are written, with the star before those that must be named."""
    words: list[str] = []
    kinds = griffe.ParameterKind
    stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}
    for each in parameters:
        if each.kind is kinds.keyword_only and not any(word.startswith("*") for word in words):
            words.append("*")
        annotation = f": {each.annotation}" if each.annotation is not None else ""
        space = " " if annotation else ""
        named = each.kind not in stars and each.default is not None
        star = stars.get(each.kind or kinds.positional_or_keyword, "")
        words.append(f"{star}{each.name}{annotation}" + (f"{space}={space}{each.default}" if named else ""))
    return words


def _docstring(each: griffe.Object) -> str:
    """A docstring as Markdown: its text, and lists of arguments, results and errors."""
    sections = each.docstring.parsed if each.docstring else []
    return "\n\n".join(filter(None, map(_section, sections)))


def _section(section: griffe.DocstringSection) -> str:
    if section.kind.value in LISTED:
        return f"**{section.kind.value.capitalize()}**\n\n" + "\n".join(map(_item, section.value))
    if section.kind is griffe.DocstringSectionKind.text:
        return markdown.prose(section.value)
    return f"**{section.title or ''}** {markdown.prose(getattr(section.value, 'description', ''))}"


def _item(item: griffe.DocstringElement) -> str:
    name = getattr(item, "name", "") or str(item.annotation or "")
    said = markdown.prose(" ".join(item.description.split()))
    return f"- {markdown.code(name)}: {said}" if name else f"- {said}"


def _first(each: griffe.Object) -> str:
    """The first line of a docstring."""
    return markdown.prose(each.docstring.value.partition("\n")[0]) if each.docstring else ""
