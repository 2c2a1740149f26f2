"""The workflow's rules as a graph: asked from Snakemake, written as Mermaid text, drawn from top to bottom.

The layout is that of Sugiyama, Tagawa and Toda (1981) at its simplest: each rule stands one row below the lowest rule
that it waits for, a long arrow takes a place in every row that it crosses, and a row is ordered by the mean position of
the places above.
"""

import itertools
import re
import subprocess
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from pipeline.errors import ExplainedError

RULEGRAPH = ("reproduce", "all", "--rulegraph", "mermaid-js")
SECONDS = 120  # Snakemake may take to answer
NODE = re.compile(r"^\s*(id\d+)\[(.+?)\]\s*$", re.MULTILINE)
ARROW = re.compile(r"^\s*(id\d+) --> (id\d+)\s*$", re.MULTILINE)
WIDTH, HEIGHT = 104, 38  # of a box, in pixels
ACROSS, DOWN = 12, 26  # between boxes
NARROW = 10  # width of the place of an arrow that crosses a row

Place = str | tuple[str, int]  # a rule, or where the arrows of a rule cross a row


class SnakemakeError(ExplainedError, RuntimeError):
    """Snakemake failed; the message has its own."""


@dataclass(frozen=True)
class Box:
    """A rule's box by its upper left corner; `count` is the text below the rule's name."""

    rule: str
    x: float
    y: float
    count: str


@dataclass(frozen=True)
class Drawing:
    """Boxes, the arrows as SVG paths (True for those that end in a tip), and the size of the whole."""

    boxes: list[Box]
    paths: list[tuple[str, bool]]
    width: float
    height: float


def ask(study: str | None = None) -> str:
    """Snakemake's Mermaid diagram of the rules.

    Args:
        study: the name of a study; None for the default one.

    Raises:
        SnakemakeError: with Snakemake's message, if it fails or takes too long.
    """
    command = [sys.executable, "-m", "snakemake", *RULEGRAPH, *(["--config", f"study={study}"] if study else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise SnakemakeError(f"`snakemake {' '.join(RULEGRAPH)}` failed:\n{said.strip()}") from None
    return done.stdout


def parse(text: str) -> nx.DiGraph:
    """The rules and the arrows between them, from Snakemake's Mermaid diagram."""
    names = dict(NODE.findall(text))
    graph = nx.DiGraph()
    graph.add_nodes_from(names.values())
    graph.add_edges_from((names[a], names[b]) for a, b in ARROW.findall(text) if {a, b} <= names.keys())
    return graph


def mermaid(graph: nx.DiGraph) -> str:
    """The graph as Mermaid text, without Snakemake's colours and always in the same order."""
    after = {rule: sorted(graph.successors(rule)) for rule in sorted(graph)}
    arrows = [f"    {rule} --> {' & '.join(others)}" for rule, others in after.items() if others]
    alone = sorted(f"    {rule}" for rule in nx.isolates(graph))
    return "\n".join(["flowchart TB", *arrows, *alone])


def reduced(graph: nx.DiGraph, rules: Container[str]) -> nx.DiGraph:
    """The graph of some rules only, without the arrows that follow from other arrows."""
    return nx.transitive_reduction(graph.subgraph([rule for rule in graph if rule in rules]))


def waits_for(graph: nx.DiGraph, rule: str) -> list[str]:
    """The rules that a rule waits for directly."""
    return sorted(graph.predecessors(rule)) if rule in graph else []


def draw(graph: nx.DiGraph, counts: Mapping[str, str]) -> Drawing:
    """Lay out the graph.

    Args:
        graph: the rules, without a cycle.
        counts: the text below a rule's name, such as its number of jobs.
    """
    rows: list[list[Place]] = [sorted(row) for row in nx.topological_generations(graph)]
    depth = {rule: at for at, row in enumerate(rows) for rule in row}
    links: list[tuple[Place, Place]] = []
    for a, b in sorted(graph.edges):
        between: list[Place] = [(a, at) for at in range(depth[a] + 1, depth[b])]
        for at, place in enumerate(between, depth[a] + 1):
            rows[at] += [] if place in rows[at] else [place]
        links += itertools.pairwise([a, *between, b])
    middle = _middles(rows, links)
    left = min((x - _width(place) / 2 for place, x in middle.items()), default=0)
    right = max((x + _width(place) / 2 for place, x in middle.items()), default=0)
    top = {place: at * (HEIGHT + DOWN) for at, row in enumerate(rows) for place in row}
    boxes = [Box(rule, middle[rule] - left - WIDTH / 2, top[rule], counts.get(rule, "")) for rule in sorted(graph)]
    paths = [
        (_path(middle[a] - left, top[a], middle[b] - left, top[b], b), isinstance(b, str))
        for a, b in dict.fromkeys(links)
    ]
    return Drawing(boxes, paths, right - left, len(rows) * (HEIGHT + DOWN) - DOWN if rows else 0)


def _middles(rows: list[list[Place]], links: list[tuple[Place, Place]]) -> dict[Place, float]:
    """The middle of each place, from left to right: the mean of the places above, moved apart where two would touch.

    Sorts each row by these means.
    """
    middle: dict[Place, float] = {}
    for row in rows:
        wish = {place: _mean([middle[a] for a, b in links if b == place]) for place in row}
        row.sort(key=lambda place: (wish[place], str(place)))
        at, found = 0.0, {}
        for place in row:
            at = max(wish[place], at + _width(place) / 2) if found else wish[place]
            found[place] = at
            at += _width(place) / 2 + ACROSS
        shift = _mean([wish[place] - x for place, x in found.items()])
        middle |= {place: x + shift for place, x in found.items()}
    return middle


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _width(place: Place) -> int:
    return WIDTH if isinstance(place, str) else NARROW


def _path(x: float, y: float, to_x: float, to_y: float, end: Place) -> str:
    """From the lower edge of one place to the upper edge of another, and across its row if that is no rule's box."""
    begin, half = y + HEIGHT, (to_y - y - HEIGHT) / 2
    curve = f"M{x:.0f} {begin:.0f}C{x:.0f} {begin + half:.0f} {to_x:.0f} {to_y - half:.0f} {to_x:.0f} {to_y:.0f}"
    return curve if isinstance(end, str) else f"{curve}v{HEIGHT}"
