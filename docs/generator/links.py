"""Links of the written pages: to other pages, to the source of a file, to images, to other sites."""

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

CODE = re.compile(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
TARGET = re.compile(r"(?<=\]\()[^()\s]+(?=\))")
IN_HTML = re.compile(r"(?<=\bsrc=\")[^\"]+(?=\")|(?<=\bsrcset=\")[^\"]+(?=\")|(?<=\bhref=\")[^\"]+(?=\")")
ADDRESS = re.compile(r"https?://[^\s<>()\"']*[^\s<>()\"'.,:;]")
IMAGES = (".gif", ".jpg", ".png", ".svg")
FIGURES, SOURCES = "figures", "source"  # folders of the site


@dataclass(frozen=True)
class Missing:
    """A link that leads nowhere."""

    document: str
    target: str
    why: str

    def __str__(self) -> str:
        return f"{self.document}: found a link to {self.target}, {self.why}; mend the link"


@dataclass
class Links:
    """Rewrites links of the repository to links of the site, and collects what they need there.

    Attributes:
        root: the project's folder.
        documents: the page of each document, both without a leading slash: `docs/faults.md` is the page `faults`.
        instead: the page that a link to another file leads to, for files that the site presents in its own way.
        sources: the linked files that are no documents; each gets a page that shows it.
        images: the images by their place in the site.
        external: the linked addresses of other sites.
        missing: the links that lead nowhere.
    """

    root: Path
    documents: dict[str, str]
    instead: dict[str, str] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    images: dict[str, Path] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    missing: list[Missing] = field(default_factory=list)

    def rewritten(self, text: str, document: str) -> str:
        """A document's text with the links that its page needs; code stays as it is."""
        parts = CODE.split(text)
        for at in range(0, len(parts), 2):
            self.external |= set(ADDRESS.findall(parts[at]))
            for pattern in (TARGET, IN_HTML):
                parts[at] = pattern.sub(lambda found: self._moved(found[0], document), parts[at])
        return "".join(parts)

    def source_page(self, path: str) -> str:
        """The page that shows a file."""
        return f"{SOURCES}/{path}"

    def to_source(self, path: str, page: str) -> str:
        """The address of the page that shows a file, seen from a page; it will be made."""
        self.sources.add(path)
        return relative(f"{self.source_page(path)}.md", page)

    def to_image(self, path: Path, page: str) -> str:
        """The address of an image, seen from a page; it will be copied."""
        place = f"{FIGURES}/{path.name}"
        self.images[place] = path
        return relative(place, page)

    def _moved(self, target: str, document: str) -> str:
        if re.match(r"[a-z]+:|#", target):
            return target
        name, mark, anchor = target.partition("#")
        path, page = posixpath.normpath(posixpath.join(posixpath.dirname(document), name)), self.documents[document]
        other = self.documents.get(path) or self.instead.get(path)
        if other:
            return relative(f"{other}.md", page) + mark + anchor
        if path.startswith(("..", "/")) or not (self.root / path).is_file():
            self.missing.append(Missing(document, target, "expected a file of the project"))
        elif path.endswith(IMAGES):
            return self.to_image(self.root / path, page)
        elif anchor:
            self.missing.append(Missing(document, target, "which is no page and has no anchors"))
        else:
            return self.to_source(path, page)
        return target


def relative(place: str, page: str) -> str:
    """A place of the site as seen from a page."""
    return posixpath.relpath(place, posixpath.dirname(page) or ".")
