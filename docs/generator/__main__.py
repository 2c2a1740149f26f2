"""Build the documentation as a site in dist/site: offline, with every warning and every broken link an error."""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.generator import accessible, claims, commands, diagrams, navigation, rooms, settings, sources, targets
from docs.generator.links import Links

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "docs"
TO = Path("dist/site")
PAGES, HTML, EXTERNAL = "pages", "html", "external_links.txt"  # folders and a file of the site


def main(argv: Sequence[str] | None = None) -> int:
    """Write all pages as Markdown and let Sphinx build them; returns Sphinx's exit code.

    A site that is there is replaced once the new one is whole.

    Raises:
        SystemExit: naming every link that leads nowhere.
    """
    parser = argparse.ArgumentParser(prog="python -m docs.generator", description=__doc__)
    parser.add_argument("--to", type=Path, default=TO, help=f"the folder to write (default: {TO})")
    to = parser.parse_args(argv).to.resolve()
    os.chdir(ROOT)
    links = Links(ROOT, navigation.documents(ROOT), {claims.DOCUMENT: claims.INDEX, targets.DOCUMENT: targets.PAGE})
    pages = {**written(links), **generated(links)}
    pages |= {f"{links.source_page(path)}.md": sources.source_page(ROOT, path) for path in sorted(links.sources)}
    if links.missing:
        sys.exit("\n".join(map(str, links.missing)))
    unfinished = to.with_name(f"{to.name}.unfinished")
    write(pages, links, unfinished)
    options = ("-q", "-W", "--keep-going", "-E", "-c", str(CONFIG))
    failed = build_main([*options, str(unfinished / PAGES), str(unfinished / HTML)])
    if failed:
        return failed
    accessible.mend(unfinished / HTML)
    shutil.rmtree(to, ignore_errors=True)
    unfinished.rename(to)
    print(f"{len(pages)} pages; {len(links.external)} links to other sites, not fetched, are in {to / EXTERNAL}")
    print(f"The documentation: {(to / HTML / 'index.html').as_uri()}")
    return 0


def written(links: Links) -> dict[str, str]:
    """The pages that somebody wrote, by name, with their links as the site has them."""
    pages = {}
    for path, name in links.documents.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        if path == settings.DOCUMENT:
            text = settings.with_every_key(text, ROOT)
        pages[f"{name}.md"] = links.rewritten(diagrams.drawn(text), path)
    pages[f"{navigation.INDEX}.md"] += navigation.contents(claims.pages(ROOT), rooms.pages())
    return pages


def generated(links: Links) -> dict[str, str]:
    """The pages that are made from the code and the list of claims, by name."""
    pages = {f"{commands.PAGE}.md": commands.text(), f"{targets.PAGE}.md": targets.text(ROOT)}
    return {**pages, **claims.texts(ROOT, links), **rooms.texts(ROOT, links)}


def write(pages: Mapping[str, str], links: Links, to: Path) -> None:
    """Write all that Sphinx reads, and the list of links to other sites, into an empty folder."""
    shutil.rmtree(to, ignore_errors=True)
    for name, text in pages.items():
        path = to / PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, image in links.images.items():
        path = to / PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, path)
    (to / EXTERNAL).write_text("".join(f"{address}\n" for address in sorted(links.external)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
