"""What the theme's pages lack for readers who use a keyboard or a screen reader."""

from pathlib import Path

# What stands in a page, and what takes its place. Wide tables and code scroll, so the keyboard must reach them; two
# regions of one kind need names; a heading needs its level.
MENDED = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Site">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="This page">',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',
}


def mend(site: Path) -> None:
    """Mend all pages of a built site."""
    for page in site.rglob("*.html"):
        text = before = page.read_text(encoding="utf-8")
        for found, instead in MENDED.items():
            text = text.replace(found, instead)
        if text != before:
            page.write_text(text, encoding="utf-8")
