"""The site: it has a page or a section for everything that it should explain, and refuses links that lead nowhere."""

import html
import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from built_site import build
from pydantic import Field
from test_docs import config_keys, table_rows

from docs.generator import claims, commands, diagrams, markdown, navigation, rooms, settings, sources, targets
from docs.generator.links import Links
from pipeline import __main__ as pipeline
from pipeline import members
from pipeline.study.schema import Strict, Study

OUTSIDE = re.compile(r"""(?:<(?:script|img|iframe|source)[^>]*\ssrc|<link[^>]*\shref)=["'](?!data:)[a-z]*:?//""")
IN_STYLE = re.compile(r"url\(\s*[\"']?(?:https?:)?//|@import")


def page(site, name):
    return (site / "html" / f"{name}.html").read_text()


def headings(site, name):
    """The texts of a page's headings."""
    found = re.findall(r"<h[1-6]>(.*?)<a class=\"headerlink\"", page(site, name), re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", each)) for each in found]


def test_every_document_and_every_generated_page_is_built(site):
    pages = {str(path.relative_to(site / "pages").with_suffix("")) for path in (site / "pages").rglob("*.md")}
    assert {"index", "faults", "tutorials/first_hour", "readme", "contributing", "changelog"} <= pages
    assert all((site / "html" / f"{name}.html").is_file() for name in pages)


def test_no_page_asks_another_site_for_anything(site):
    for path in (site / "html").rglob("*.html"):
        assert not OUTSIDE.search(path.read_text()), path
    for path in (site / "html").rglob("*.css"):
        assert not IN_STYLE.search(path.read_text()), path
    assert OUTSIDE.search('<script defer src="https://example.org/x.js">')
    assert OUTSIDE.search('<link rel="stylesheet" href="//example.org/x.css">')


def test_every_key_of_a_study_has_a_section(site):
    found = headings(site, settings.PAGE)
    assert set(config_keys(Study)) <= set(found)


def test_every_claim_has_a_page_with_its_words_and_parts(site, root):
    listed = yaml.safe_load((root / claims.DOCUMENT).read_text())["claims"]
    for claim in listed:
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page(site, f"claims/{claim['id']}")))
        assert claim["claim"].split("'")[0] in text
        assert all(part["id"] in text for part in claim["parts"])
    assert len(listed) > 20


def test_every_command_with_every_option_is_explained(site):
    text = page(site, commands.PAGE)
    found = headings(site, commands.PAGE)
    for verb in pipeline.modules():
        assert verb in found
    done = subprocess.run([sys.executable, "-m", "pipeline", "audit", "--help"], capture_output=True, text=True)
    options = set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help"}
    assert options >= {"--study", "--json"}
    assert all(option in text for option in options)


def test_every_target_of_make_is_explained(site, root):
    phony = " ".join(re.findall(r"^\.PHONY: (.*)", (root / "Makefile").read_text(), re.MULTILINE)).split()
    text = page(site, targets.PAGE)
    for target in set(phony) - {"always"}:
        assert f'make</span> <span class="pre">{target}<' in text, target


def test_every_room_has_its_modules_and_every_member_its_settings(site):
    for room in pipeline.PACKAGE.glob("*/__init__.py"):
        found = headings(site, f"{rooms.FOLDER}/{room.parent.name}")
        modules = {path.stem for path in room.parent.glob("[!_]*.py")}
        assert modules <= set(found), room
    for family in members.FAMILIES:
        text = re.sub(r"<[^>]+>", "", page(site, f"{rooms.FOLDER}/{family}"))
        for name in members.members(family):
            for setting in members.settings(family, name):
                assert f"\n{setting}\n" in text, (family, name, setting)


def test_docstrings_signatures_and_errors_are_shown(site):
    text = re.sub(r"<[^>]+>", "", page(site, f"{rooms.FOLDER}/results"))
    assert "Where every file is, relative to the project" in text
    assert "def results(study: str) -&gt; Path" in text
    assert re.search(r"Raises\s+ValueError: for a name that could leave the folder", text)


def test_other_sites_are_listed(site):
    addresses = (site / "external_links.txt").read_text().splitlines()
    assert "https://keepachangelog.com/en/1.1.0/" in addresses
    assert addresses == sorted(set(addresses))


class Inner(Strict):
    """A model below another one."""

    rate: float = Field(gt=0, le=1)
    kind: str = "plain"


class Outer(Strict):
    """What a study could look like."""

    count: int = Field(ge=2)
    inner: Inner
    named: dict[str, Inner]
    perhaps: Inner | None = None


def test_the_schema_gives_each_key_its_type_limits_and_default():
    found = {key.path: (key.kind, key.required, key.default) for key in settings.keys(Outer.model_json_schema())}
    assert found == {
        "count": ("whole number, at least 2", True, None),
        "inner.rate": ("number, above 0, at most 1", True, None),
        "inner.kind": ("text", False, "plain"),
        "named.<name>.rate": ("number, above 0, at most 1", True, None),
        "named.<name>.kind": ("text", False, "plain"),
        "perhaps": ("mapping, or `null`", False, None),
        "perhaps.rate": ("number, above 0, at most 1", True, None),
        "perhaps.kind": ("text", False, "plain"),
    }


def test_a_key_that_the_table_lacks_is_an_error(root):
    text = (root / settings.DOCUMENT).read_text()
    assert table_rows(text, settings.HEADING)
    with pytest.raises(LookupError, match=r"a row for the key training\.batch"):
        settings.with_every_key(re.sub(r"^\| `training\.batch`.*\n", "", text, flags=re.MULTILINE), root)


@pytest.fixture
def links(tmp_path):
    for path in ("docs/a.md", "README.md", "code.py", "docs/picture.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    return Links(tmp_path, {"docs/a.md": "guides/a", "README.md": "readme"}, {"Makefile": "reference/make"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[x](../README.md#map)", "[x](../readme.md#map)"),
        ("[`x`](../code.py)", "[`x`](../source/code.py.md)"),
        ("[x](../Makefile)", "[x](../reference/make.md)"),
        ("![x](picture.png)", "![x](../figures/picture.png)"),
        ('<img src="picture.png">', '<img src="../figures/picture.png">'),
        ("[x](#here), [y](https://example.org/z)", "[x](#here), [y](https://example.org/z)"),
        ("`[x](nowhere)`\n```\n[x](nowhere)\n```\n", "`[x](nowhere)`\n```\n[x](nowhere)\n```\n"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(links, before, after):
    assert links.rewritten(before, "docs/a.md") == after
    assert links.missing == []


@pytest.mark.parametrize("target", ["b.md", "../other/", "../../outside.md", "../code.py#line", "/etc/passwd"])
def test_a_link_that_leads_nowhere_is_named(links, target):
    links.rewritten(f"text [x]({target})", "docs/a.md")
    (missing,) = links.missing
    assert str(missing).startswith(f"docs/a.md: found a link to {target}, ")


def test_linked_files_images_and_sites_are_collected(links):
    links.rewritten("[x](../code.py) ![x](picture.png) [y](https://example.org/z).", "docs/a.md")
    assert links.sources == {"code.py"}
    assert list(links.images) == ["figures/picture.png"]
    assert links.external == {"https://example.org/z"}


FAULTS = {
    "an anchor that isn't there": "# Index\n\n[x](#nowhere)\n",
    "a page that isn't there": "# Index\n\n[x](nowhere.md)\n",
    "an anchor of another page that isn't there": "# Index\n\n[x](other.md#nowhere)\n\n```{toctree}\nother\n```\n",
    "a page that no table of contents has": "# Index\n",
    "a heading that is left out": "# Index\n\n#### Deep\n\n```{toctree}\nother\n```\n",
}


@pytest.mark.parametrize("fault", [*FAULTS, None])
def test_sphinx_refuses(fault, root, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.md").write_text(FAULTS.get(fault, "# Index\n\n[x](other.md#there)\n\n```{toctree}\nother\n```\n"))
    (pages / "other.md").write_text("# Other\n\n## There\n")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-c",
        root / "docs",
        pages,
        tmp_path / "html",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) == (fault is None), done.stderr


NEXT = """\
version: 5
claims:
  - id: C1
    claim: An SG is as good.
    source: [A, R]
    tier: main
    parts:
      - {id: C1.a, says: accuracy, metric: learning/x, equal: 0.01, role: primary}
"""


@pytest.fixture
def ledger(tmp_path):
    """A project with a list of claims of a version that is not known yet."""
    (tmp_path / "configs").mkdir()
    (tmp_path / claims.DOCUMENT).write_text(NEXT)
    return tmp_path


def claim_page(root):
    return claims.texts(root, Links(root, {}))["claims/C1.md"]


def test_what_is_new_in_the_list_of_claims_appears(ledger):
    text = claim_page(ledger)
    assert "**Stated in**: abstract; recollection" in text
    assert "**Tier**: main" in text
    assert "- C1.a: `learning/x`, Equal: `0.01`, Role: `primary`" in text


def test_controls_and_plans_are_said_in_words(ledger):
    path = ledger / claims.DOCUMENT
    controls = '    controls:\n      learns: {says: "accuracy of backprop", metric: learning/y, over: learning/z, above: 0.9}\n'
    text = path.read_text().replace("    parts:\n", controls + "    parts:\n", 1)
    path.write_text(
        text.replace("says: accuracy,", "says: accuracy, within: [0.1, 0.2], planned: {n: 12, seen: once},")
    )
    page = claim_page(ledger)
    assert "| learns | accuracy of backprop | above 0.9 | `learning/y` over `learning/z` |" in page
    assert "| accuracy | between 0.1 and 0.2 |" in page
    assert "Planned: n 12, seen once" in page
    assert "{" not in page.replace("```{", "")


def test_without_results_a_claim_says_how_to_get_them(ledger):
    assert "no results here" in claim_page(ledger)
    assert "`dvc pull results`" in claim_page(ledger)


def test_published_verdicts_are_shown_and_results_come_first(ledger):
    (ledger / "published" / "values").mkdir(parents=True)
    (ledger / claims.PUBLISHED).write_text(json.dumps({"commit": "f" * 40, "verdicts": {"C1": "partly"}}))
    assert "**Verdict**: **partly**" in claim_page(ledger)
    assert "`ffffffffffff`" in claim_page(ledger)
    (ledger / "results" / "study").mkdir(parents=True)
    part = {"id": "C1.a", "verdict": "holds", "statistic": 0.25, "interval": [0.2, 0.3], "n": 5}
    (ledger / claims.RESULTS).write_text(json.dumps([{"id": "C1", "verdict": "holds"}, part]))
    text = claim_page(ledger)
    assert "**Verdict**: **holds**" in text
    assert "| C1.a | **holds** | accuracy |  | 0.25 [0.2, 0.3], n = 5 |" in text


def test_a_claims_figures_are_shown_if_they_are_drawn(ledger):
    with (ledger / claims.DOCUMENT).open("a") as file:
        file.write("    figure: curves\n")
    assert "## Figures" not in claim_page(ledger)
    (ledger / "results" / "study" / "draw").mkdir(parents=True)
    (ledger / "results" / "study" / "draw" / "curves.png").write_bytes(b"")
    assert "![Curves](../figures/curves.png)" in claim_page(ledger)


def test_a_flow_chart_is_drawn_without_scripts():
    text = diagrams.drawn("a\n\n```mermaid\nflowchart TB\n    x --> y & z\n    y --> z\n```\n\nb\n")
    assert text.count("<rect") == 3
    assert text.count("marker-end") == 2, "an arrow that follows from others is left out"
    assert "mermaid" not in text


def test_code_and_docstrings_stand_as_they_are():
    assert markdown.code("a`b``c") == "```a`b``c```"
    assert markdown.block("x\n```\ny").splitlines()[0].startswith("````{code-block}")
    assert markdown.prose("a <b> `<c>`\n% d") == "a \\<b> `<c>`\n\\% d"
    assert markdown.table(("A",), [("x | y\nz",)]).splitlines()[2] == "| x \\| y z |"


@pytest.mark.parametrize(("path", "language"), [("Snakefile", "python"), ("a.yaml", "yaml"), ("a.lock", "text")])
def test_files_are_shown_in_their_language(path, language):
    assert sources.language(path) == language


def test_every_page_of_the_sidebar_exists(root):
    known = {*navigation.documents(root).values(), commands.PAGE, targets.PAGE, claims.INDEX, rooms.INDEX}
    listed = re.findall(
        r"^(?:.* <)?([a-z_/]+)>?$", navigation.contents(claims.pages(root), rooms.pages()), re.MULTILINE
    )
    assert set(listed) == known - {navigation.INDEX}


def test_a_build_that_fails_keeps_the_site_that_is_there(root, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("docs", "configs", "pipeline", "published/values"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "LICENSE",
        "Makefile",
        "pyproject.toml",
    ):
        shutil.copy(root / name, copy / name)
    (copy / "docs" / "faults.md").write_text("# Faults\n\n[x](nowhere.md)\n")
    (tmp_path / "site").mkdir()
    code, said = build(copy, tmp_path / "site")
    assert code == 1
    assert said == "docs/faults.md: found a link to nowhere.md, expected a file of the project; mend the link\n"
    assert (tmp_path / "site").is_dir()
