"""Sphinx's settings for the site; `make docs` calls it through docs/generator."""

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

_project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "Understanding synthetic gradients, reproduced"
version = release = _project["version"]
html_title = "Synthetic gradients, reproduced"
language = "en"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
nitpicky = True

myst_heading_anchors = 4
myst_enable_extensions: list[str] = []

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
# A search result has its title alone: its text would be fetched, which browsers refuse to pages that are files.
html_show_search_summary = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {"top_of_page_buttons": []}


def setup(app: Sphinx) -> None:
    """Shorten the tables of contents of pages that ask for it, as soon as Sphinx has collected them."""
    app.connect("doctree-read", shortened_contents, priority=900)


def shortened_contents(app: Sphinx, doctree: nodes.document) -> None:
    """Drop what lies deeper in a page's table of contents than its `tocdepth`.

    Sphinx copies the whole table of each page into the sidebar of each other, which would take a minute.
    """
    page = app.env.current_document.docname
    depth = app.env.metadata[page].get("tocdepth")
    if depth:
        for entry in list(app.env.tocs[page].findall(nodes.bullet_list)):
            if _depth(entry) > depth:
                entry.parent.remove(entry)


def _depth(entry: nodes.Node | None) -> int:
    return 0 if entry is None else isinstance(entry, nodes.bullet_list) + _depth(entry.parent)
