"""Pages that show a file of the project as it is."""

from pathlib import Path

from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

from docs.generator import markdown

PYTHON = ("Snakefile", ".smk")  # Snakemake's language is Python with more keywords
# Found in no table of contents, and not by the search, which would list the code before what explains it.
HEAD = "---\norphan: true\nnosearch: true\n---"


def source_page(root: Path, path: str) -> str:
    """The page of one file, with numbered lines."""
    text = (root / path).read_text(encoding="utf-8").rstrip("\n")
    return markdown.page(HEAD, f"# {markdown.code(path)}", markdown.block(text, language(path), "linenos", "force"))


def language(path: str) -> str:
    """Pygments' name of a file's language."""
    if path.endswith(PYTHON):
        return "python"
    try:
        return get_lexer_for_filename(path).aliases[0]
    except (ClassNotFound, IndexError):
        return "text"
