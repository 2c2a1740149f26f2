"""Texts of a study that are drawn: labels, titles. What a figure couldn't show as it stands is refused."""

import functools
from collections.abc import Iterator
from pathlib import Path

from pipeline import environment
from pipeline.study.schema import Study

LONGEST_LABEL = 60  # characters; a legend gets wider than its figure
LONGEST_TITLE = 120
LONGEST_PANEL_TITLE = 30
PANEL_MARKS = "=;$"  # the first two stand in the names of settings, the last begins a formula


def faults(study: Study) -> Iterator[str]:
    """Labels that a legend would drop, mix up or box, and titles likewise."""
    seen: dict[str, str] = {}
    for name, method in study.methods.items():
        path = f"methods.{name}.label"
        yield from _text(path, method.label, LONGEST_LABEL)
        if method.label.startswith("_"):
            yield f"{path}: found {method.label!r}, which begins with an underscore; legends leave such labels out"
        if "$" in method.label:
            yield f"{path}: found {method.label!r}, whose $ figures would read as the start of a formula"
        if method.label in seen:
            yield f"{path}: found {method.label!r}, which is the label of methods.{seen[method.label]} too"
        seen.setdefault(method.label, name)
    yield from _text("title", study.title, LONGEST_TITLE)
    for name, figure in study.figures.items():
        if figure.title is not None:
            yield from _text(f"figures.{name}.title", figure.title, LONGEST_TITLE)
        for asked, tables in figure.tables.items():
            for title in () if isinstance(tables, str) else tables:
                path = f"figures.{name}.tables.{asked}"
                yield from _text(path, title, LONGEST_PANEL_TITLE)
                if found := [mark for mark in PANEL_MARKS if mark in title]:
                    yield f"{path}: found {title!r}, expected a title of panels without {found[0]!r}"


def _text(path: str, text: str, longest: int) -> Iterator[str]:
    if not text.strip() or text != text.strip():
        yield f"{path}: found {text!r}, expected a text without blanks at its ends"
    if len(text) > longest:
        yield f"{path}: found {len(text)} characters, expected at most {longest}: shorten it"
    control = sorted({character for character in text if not character.isprintable()})
    if control:
        yield f"{path}: found {', '.join(map(repr, control))}, expected printable characters in one line"
    missing = sorted({character for character in text if not character.isascii() and ord(character) not in glyphs()})
    if missing and not control:
        listed = ", ".join(f"{each} (U+{ord(each):04X})" for each in missing)
        yield f"{path}: found {listed}, expected characters of the figures' font; it would draw a box"


@functools.cache
def glyphs() -> frozenset[int]:
    """The characters of the font that figures use, DejaVu Sans as it comes with matplotlib."""
    environment.import_matplotlib()  # only a text with characters beyond ASCII needs it
    import matplotlib
    from matplotlib.ft2font import FT2Font

    font = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return frozenset(FT2Font(str(font)).get_charmap())
