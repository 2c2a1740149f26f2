"""The page of make's targets and variables, from the comments that `make help` prints."""

import re
from pathlib import Path

from docs.generator import markdown

DOCUMENT, PAGE = "Makefile", "reference/make"
TARGET = re.compile(r"^([a-z-]+):.*?## (.+)\n\s+## (.+)$", re.MULTILINE)
VARIABLE = re.compile(r"^## ([A-Z_]+)=(.*?) {2,}(.+)$", re.MULTILINE)


def text(root: Path) -> str:
    """The page."""
    makefile = (root / DOCUMENT).read_text(encoding="utf-8")
    targets = [(markdown.code(f"make {name}"), what, takes) for name, what, takes in TARGET.findall(makefile)]
    variables = [(markdown.code(f"{name}={value}"), what) for name, value, what in VARIABLE.findall(makefile)]
    return markdown.page(
        "# Make targets",
        "`make` alone lists these and installs nothing. Every other target runs `make setup` first if the environment "
        "is missing or out of date.",
        markdown.table(("Target", "What it does", "What it needs, how long it takes"), targets),
        "## Variables",
        "They follow the target: `make review STUDY=smoke`.",
        markdown.table(("Variable", "Meaning"), variables),
    )
