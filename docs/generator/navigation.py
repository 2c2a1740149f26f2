"""Which pages the site has, and in which order its sidebar lists them."""

from collections.abc import Sequence
from pathlib import Path

from docs.generator import commands, settings, targets

INDEX = "index"
# Documents outside docs/ that are pages, too.
ELSEWHERE = {
    "README.md": "readme",
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changelog",
    settings.DOCUMENT: settings.PAGE,
}
TUTORIALS = ("first_hour", "new_estimator", "new_measure", "your_own_data", "cluster", "publish")
GUIDES = ("running", "results", "families", "wandb", "cluster", "environments", "memory_and_disk", "faults")


def documents(root: Path) -> dict[str, str]:
    """The page of each document: those of docs/ have its name, without `docs/` and the ending."""
    found = sorted(path.relative_to(root) for path in (root / "docs").rglob("*.md"))
    return {**{str(path): str(path.relative_to("docs").with_suffix("")) for path in found}, **ELSEWHERE}


def contents(claims: Sequence[str], rooms: Sequence[str]) -> str:
    """The tables of contents, as Sphinx reads them. A page that none of them has is an error of the build."""
    sections = {
        "Tutorials": [f"tutorials/{name}" for name in TUTORIALS],
        "What was found": ["In short <readme>", "numbers", "criteria", "budget", *claims],
        "Guides": GUIDES,
        "Reference": [settings.PAGE, commands.PAGE, targets.PAGE, *rooms],
        "Project": ["design", "contributing", "changelog"],
    }
    return "".join(map(tree, sections, sections.values()))


def tree(caption: str, pages: Sequence[str]) -> str:
    """A table of contents that only the sidebar shows."""
    lines = ["```{toctree}", ":hidden:", f":caption: {caption}" if caption else "", "", *pages, "```"]
    return "\n\n" + "\n".join(line for line in lines if line or not caption) + "\n"
