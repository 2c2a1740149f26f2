"""Diagrams of the written pages: flow charts in Mermaid's language are drawn here, since Mermaid needs scripts."""

import re

import networkx as nx

from pipeline.pages import rule_graph

CHART = re.compile(r"^```mermaid\nflowchart TB\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ARROWS = re.compile(r"^\s*(\w+) --> (\w+(?: & \w+)*)$", re.MULTILINE)


def drawn(text: str) -> str:
    """The text with every flow chart drawn."""
    return CHART.sub(lambda found: svg(found[1]), text)


def svg(chart: str) -> str:
    """The drawing of a chart's arrows, from top to bottom, without those that follow from others."""
    graph = nx.DiGraph([(a, b) for a, others in ARROWS.findall(chart) for b in others.split(" & ")])
    drawing = rule_graph.draw(rule_graph.reduced(graph, graph), {})
    wide, high = drawing.width + 2, drawing.height + 2
    arrows = [f'<path d="{path}"{_tip(ends)}/>' for path, ends in drawing.paths]
    boxes = [
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{rule_graph.WIDTH}" height="{rule_graph.HEIGHT}" rx="4"/>'
        f'<text x="{box.x + rule_graph.WIDTH / 2:.0f}" y="{box.y + rule_graph.HEIGHT / 2 + 4:.0f}">{box.rule}</text>'
        for box in drawing.boxes
    ]
    said = "; ".join(f"{a} before {b}" for a, b in sorted(graph.edges))
    head = (
        f'<svg class="chart" viewBox="-1 -1 {wide:.0f} {high:.0f}" width="{wide:.0f}" role="img" aria-label="{said}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return "\n".join([head, *arrows, *boxes, "</svg>"])


def _tip(ends: bool) -> str:
    return ' marker-end="url(#tip)"' if ends else ""
