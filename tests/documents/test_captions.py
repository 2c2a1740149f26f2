"""Snakemake's report shows every caption as it stands, without messages from docutils."""

import io

import pytest
from docutils import nodes
from docutils.core import publish_doctree, publish_parts

from pipeline.metrics import formatting
from pipeline.study.load import configured
from pipeline.study.plan import CAPTIONS, Plan

HOSTILE = [
    "the loss |h| of h = a_ x + b",
    "*emphasis, **strong, `role, :ref:`x`, |sub|_, name_, anonymous__, [1]_, [cite]_ and \\ backslashes \\",
    "- a\n- b",
    "1. one\n3. three",
    "#. x",
    "(a) x",
    ".. image:: x.png",
    ".. _target: x",
    "__ anonymous",
    ">>> print()",
    "| a\n|b",
    ":field: x\n:other: y",
    "-a  option\n--long=x  another",
    "Title\n=====",
    "=====\nTitle\n=====",
    "----",
    "as follows::\n\n   literal",
    "a\n   b\n c",
    "term\n  definition",
    "+---+\n| x |\n+---+",
    "==  ==\na   b\n==  ==",
    "https://example.org/a_b?c=*d* and me@example.org",
    "code: `a*b`, ``c_``and`|d|`.",
    "` `",
    "`x`",
    "see ``x``\n\n`y` and z",
    "$R^2$ {{ x }} <script>&amp;",
    "",
]


def read(text):
    """What docutils makes of a text, and what it says about it, down to the mildest messages."""
    said = io.StringIO()
    tree = publish_doctree(text, settings_overrides={"report_level": 1, "warning_stream": said})
    return tree, said.getvalue()


def captions(root):
    """Every caption there is: of each study's figures, and of each member's file."""
    for study in configured(root):
        plan = Plan.load(study, root)
        yield from ((f"{study}/{figure}", plan.caption(figure, root)) for figure in plan.study.figures)
    for path in sorted((root / CAPTIONS).glob("*.rst")):
        if path.name != "workflow.rst":
            yield path.name, path.read_text(encoding="utf-8")


def check(name, caption):
    tree, said = read(formatting.restructured(caption))
    assert said == "", name
    paragraphs = [
        formatting.BACKTICKS.sub(lambda code: code[1].strip(), each) for each in formatting.paragraphs(caption)
    ]
    assert [" ".join(each.astext().split()) for each in tree.children] == [
        " ".join(p.split()) for p in paragraphs if p.strip()
    ]
    assert {type(node) for node in tree.findall()} <= {nodes.document, nodes.paragraph, nodes.literal, nodes.Text}, name


def test_every_caption_is_shown_as_it_stands(root):
    found = dict(captions(root))
    assert len(found) > 60
    for name, caption in found.items():
        assert caption.strip(), name
        check(name, caption)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_read_as_markup(text):
    check(text, text)
    check("a note at the end", f"A caption.\n\n{text}")


def test_code_is_shown_as_code():
    html = publish_parts(formatting.restructured("see `a*b`, and ``c``."), writer="html")["body"]
    assert html.count("<tt") == html.count("docutils literal") == 2
    assert ">a*b</tt>, and <tt" in html


def test_the_workflow_s_description_has_no_message(root):
    tree, said = read((root / CAPTIONS / "workflow.rst").read_text(encoding="utf-8"))
    assert said == ""
    assert not list(tree.findall(nodes.problematic))
