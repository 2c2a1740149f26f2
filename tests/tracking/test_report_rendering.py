"""The page that a dry run writes: what the report's specification holds, and nothing that a text could smuggle in."""

import json
import re

import chromium
import pytest
from html_pages import Page

from pipeline.results import paths
from pipeline.tracking import report_rendering, upload

pytest.importorskip("wandb_workspaces", reason="the extra `publish` of pyproject.toml isn't installed")
STUDY = "small"
MARKS = re.compile(r"[*`|\\]|^- |\[|\]\([^)]*\)|---", re.MULTILINE)  # of Markdown
HEADING = {"type": "heading", "level": 2, "children": [{"text": "A <b> & c"}]}


def words(text):
    """The words of a text, without the marks of Markdown."""
    return MARKS.sub("", text).split()


def told(page):
    """A page's words, without the marks that its texts had in Markdown."""
    return " ".join(words("".join(page.text)))


def rendered(*blocks, picture=lambda _: None):
    return Page(report_rendering.render(blocks, title="Title", picture=picture))


def test_the_page_has_every_text_number_and_figure_of_the_specification(place):
    upload.main(["--study", STUDY, "--dry-run", "--entity", "lab"])
    blocks = json.loads((place / "results" / STUDY / "wandb_report.json").read_text())["blocks"]
    page = Page(report_rendering.page(STUDY).read_text())
    said = told(page)
    for block in blocks:
        if block["type"] == "markdown-block":
            lines = [" ".join(words(line)) for line in block["content"].splitlines()]
            cells = [cell for line in block["content"].splitlines() for cell in re.split(r"(?<!\\)\|", line)]
            for text in (*lines, *(" ".join(words(cell)) for cell in cells)):
                assert text in said
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    pictures = [panel for grid in grids for panel in grid["panelBankSectionConfig"]["panels"] if "Media" in str(panel)]
    assert [image["src"] for image in page.all("img")] == ["draw/learning_curves.png"] * len(pictures)
    assert (paths.results(STUDY) / "draw/learning_curves.png").is_file()
    assert "training loss, a live line plot of train/loss against step: of each group the mean and the stddev" in said
    assert "grouped by method and depth" in said
    for name in ("data", "trainings", "analyses", "results", "report"):
        assert f"Panel of the artifact {STUDY}-{name}: its lineage in W&B" in said
    anchors = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a") if link["href"][0] == "#"} <= anchors
    assert not page.all("script")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_by_all(place, browser, width, mode):
    upload.main(["--study", STUDY, "--dry-run", "--entity", "lab"])
    chromium.show(browser, report_rendering.page(STUDY).resolve().as_uri(), width=width, mode=mode)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert chromium.faults(browser) == []


def test_a_figure_that_is_not_drawn_is_named(place):
    paths.drawing(STUDY, "learning_curves", "png").unlink()
    upload.main(["--study", STUDY, "--dry-run"])
    page = Page(report_rendering.page(STUDY).read_text())
    assert page.all("img") == []
    assert "figures/learning_curves, which isn't drawn" in told(page)


def test_html_in_texts_stays_text_and_scripts_are_no_links():
    planted = "<script>alert(1)</script> <img src=x onerror=y> [a](javascript:alert(1))"
    table = f"| a |\n| --- |\n| {planted} |"
    block = {"type": "markdown-block", "content": planted}
    page = rendered(HEADING, block, {"type": "markdown-block", "content": table}, {"type": "<i>odd</i>"})
    assert [tag for tag in ("script", "img", "i", "a") if page.all(tag)] == []
    text = " ".join("".join(page.text).split())
    assert text.count("<script>alert(1)</script> <img src=x onerror=y>") == 2
    assert "A <b> & c" in text
    assert "Block <i>odd</i>" in text


def test_a_filter_of_many_values_names_a_few():
    filters = [{"key": {"name": "displayName"}, "op": "IN", "value": ["a", "b", "c", "d", "e"]}]
    runs = {"name": "trainings", "filters": {"filters": filters}, "grouping": [{"name": "method.value"}]}
    grid = {"type": "panel-grid", "metadata": {"runSets": [runs], "panelBankSectionConfig": {"panels": []}}}
    assert "Runs trainings: name among a, b, c and 2 more; grouped by method" in told(rendered(grid))
