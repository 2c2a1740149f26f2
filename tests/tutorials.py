"""What the tutorials tell readers to write and to call, read from their Markdown."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "tutorials"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))
FILE = re.compile(r"Write\s+`([^`]+)`(?:[^\n]|\n(?!\n))*:\n\n```\w+\n(.*?)```", re.DOTALL)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LINE = re.compile(r"```yaml\n(  \w+: [^\n]+)\n```")


def text(name):
    """A tutorial's text."""
    return (FOLDER / f"{name}.md").read_text()


def files(name):
    """The files that a tutorial lets its reader write, by path."""
    return dict(FILE.findall(text(name)))


def write_files(name, place):
    """Write a tutorial's files into a copy of the project."""
    for path, content in files(name).items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content)


def commands(name):
    """Every line of the tutorial's shell blocks, without comments."""
    lines = [line.partition(" #")[0].strip() for block in SHELL.findall(text(name)) for line in block.splitlines()]
    return [line for line in lines if line]


def line_of_a_study(name):
    """The one line of a study that a tutorial adds or changes."""
    (line,) = LINE.findall(text(name))
    return line
