"""Markdown of the generated pages: tables, code, and text that stands as it is."""

import re
from collections.abc import Iterable, Sequence

SPANS = re.compile(r"(`+[^`]+`+)")  # spans of code


def prose(text: str) -> str:
    """A docstring's text: `<` begins no tag there, and `%` at a line's start no comment. Spans of code stay."""
    parts = SPANS.split(text)
    parts[::2] = [re.sub(r"^(\s*)%", r"\1\\%", part.replace("<", r"\<"), flags=re.MULTILINE) for part in parts[::2]]
    return "".join(parts)


def code(text: object) -> str:
    """A span of code; the text may have backticks."""
    words = str(text)
    ticks = "`" * (max((len(run) for run in re.findall("`+", words)), default=0) + 1)
    space = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{ticks}{space}{words}{space}{ticks}"


def block(text: str, language: str = "text", *options: str) -> str:
    """A block of code; the text may have fences. `options` are those of MyST's code-block."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return "\n".join([f"{fence}{{code-block}} {language}", *(f":{option}:" for option in options), "", text, fence])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every cell becomes one line."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def page(*parts: str) -> str:
    """A page of parts with an empty line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(content: object) -> str:
    return " ".join(str(content).split()).replace("|", r"\|")
