"""Render the report and the review as HTML. Everything shown is escaped."""

import base64
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from pipeline.metrics import formatting
from pipeline.pages import rule_graph, sparklines
from pipeline.pages.evidence import DIVERGED, MISSING
from pipeline.pages.report_model import ClaimBlock, FigureView, Report
from pipeline.pages.review_model import Review
from pipeline.results import paths
from pipeline.verdicts import chart, claim_rows, criteria, sentences
from pipeline.verdicts.claim_rows import ClaimRows

TEMPLATES = Path(__file__).parent / "templates"
FRONT = "accuracy_by_depth"  # the figure of the report's first part
ROOT = "../../"  # the project's root, from the folder of a study's results
CATEGORIES = ("Learning", "Synthetic gradients", "Representations", "Convergence")
COLOURS = 8  # in the review's style sheet; further methods have the same colours with dashes
FEW_DETAILS = 5  # details of a check that the review shows unfolded


def report(content: Report) -> str:
    """The report: what was found, and a block for each claim."""
    claims = claim_rows.by_claim(content.verdicts)
    shown = blocks(content, claims)
    front = next((figure for figure in content.figures if figure.name == FRONT), None)
    here = {block.figure.name for block in shown if block.figure} | ({FRONT} if front and claims else set())
    return _page(
        "report",
        content,
        ledger_page="",
        appendix_page=paths.APPENDIX,
        pages={each.name: "" if each.name in here else paths.APPENDIX for each in content.figures},
        blocks=shown,
        front=front,
        titles={figure.name: figure.title for figure in content.figures},
        found=sentences.sentences(claims),
        chart=_picture(chart.chart(content.study, claims)) if claims else "",
        secondaries=claim_rows.secondaries(claims),
    )


def appendix(content: Report) -> str:
    """The report's appendix: all figures, numbers, runs and settings."""
    quantities = sorted({name for run in content.runs for name in run.final})
    return _page(
        "appendix",
        content,
        ledger_page=paths.REPORT,
        diverged=[run for run in content.runs if run.status == DIVERGED],
        missing=[run for run in content.runs if run.status == MISSING],
        varied=any(run.varied for run in content.runs),
        figures=by_category(content.figures),
        quantities=quantities,
        accuracies=[name for name in quantities if name.endswith("accuracy")],
    )


def _page(name: str, content: Report, **shown: Any) -> str:
    template = _environment().get_template(f"{name}.html.j2")
    claimed = {row["id"] for row in content.verdicts}
    return template.render(report=content, claimed=claimed, root=ROOT, version=criteria.VERSION, **shown)


def blocks(content: Report, claims: Sequence[ClaimRows]) -> list[ClaimBlock]:
    """A block for each claim; a figure stands with the first claim that rests on it."""
    figures, found = {figure.name: figure for figure in content.figures if figure.name != FRONT}, []
    for claim in claims:
        found.append(ClaimBlock(claim, claim_rows.other_side(claim), figures.pop(claim.primary["figure"], None)))
    return found


def review(content: Review) -> str:
    """The review as a page."""
    claims = [claim.judged for claim in content.claims]
    page = _environment().get_template("review.html.j2")
    return page.render(
        review=content,
        looks={method: f"m{place % COLOURS} d{place // COLOURS}" for place, method in enumerate(content.methods)},
        counts=claim_rows.count(claims),
        found=sentences.sentences(claims),
        secondaries=claim_rows.secondaries(claims),
        version=criteria.VERSION,
        bad=sum(check.good is False for check in content.checks),
        plot=(sparklines.WIDTH, sparklines.HEIGHT),
        spark=sparklines.SPARK,
        size=(rule_graph.WIDTH, rule_graph.HEIGHT),
        few=FEW_DETAILS,
    )


def _picture(svg: str) -> str:
    """An SVG as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


@functools.cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = (formatting.number, formatting.mean, formatting.bounds, formatting.duration)
    texts = (formatting.words, formatting.capitalise, marked)
    of_claims = (claim_rows.estimate, claim_rows.evidence, claim_rows.robustness, claim_rows.shown_secondaries)
    for function in (*numbers, *texts, *of_claims):
        found.filters[function.__name__] = function
    return found


def by_category(figures: Sequence[FigureView]) -> dict[str, list[FigureView]]:
    """Figures by category: the known categories in their order, then others in the order of the figures."""
    names = [*CATEGORIES, *(figure.category for figure in figures)]
    found = {name: [figure for figure in figures if figure.category == name] for name in dict.fromkeys(names)}
    return {name: members for name, members in found.items() if members}


def marked(text: str) -> Markup:
    """The text of a docstring or a caption as HTML: text between backticks becomes code, everything is escaped."""
    plain, *rest = formatting.BACKTICKS.split(text)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return escape(plain) + Markup().join(Markup("<code>{}</code>{}").format(code, after) for code, after in pairs)
