"""The workflow's rules as a drawing: what Snakemake tells of them, laid out from top to bottom.

The layout is that of Sugiyama, Tagawa and Toda (1981) at its simplest: each rule stands one row below the lowest of
those that it waits for, a long arrow takes a place in every row that it crosses, and rows are ordered by the mean place
of what stands above.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NODE = re.compile(r"^\s*(id\d+)\[(.+?)\]\s*$", re.MULTILINE)
ARROW = re.compile(r"^\s*(id\d+) --> (id\d+)\s*$", re.MULTILINE)
WIDTH, HEIGHT = 104, 38  # of a box, in pixels
ACROSS, DOWN = 12, 26  # between boxes
NARROW = 10  # what an arrow takes that goes past a row

Arrows = set[tuple[str, str]]
Place = str | tuple[str, int]  # a rule, or where the arrows of a rule cross a row


@dataclass(frozen=True)
class Box:
    """A rule's box by its upper left corner; `count` is what stands below its name."""

    rule: str
    x: float
    y: float
    count: str


@dataclass(frozen=True)
class Drawing:
    """Boxes, the arrows' paths as SVG has them (with a tip where they end), and the size of it all."""

    boxes: list[Box]
    paths: list[tuple[str, bool]]
    width: float
    height: float


def parse(text: str) -> tuple[list[str], Arrows]:
    """The rules and the arrows between them, from Snakemake's Mermaid diagram."""
    names = dict(NODE.findall(text))
    return sorted(names.values()), {(names[a], names[b]) for a, b in ARROW.findall(text) if {a, b} <= names.keys()}


def reduced(arrows: Arrows) -> Arrows:
    """The arrows without those that follow from others: a rule that waits for a chain's end waits for its beginning."""
    return {(a, b) for a, b in arrows if not any(_reaches(arrows, c, b) for x, c in arrows if x == a and c != b)}


def _reaches(arrows: Arrows, a: str, b: str) -> bool:
    todo, seen = [a], set()
    while todo:
        here = todo.pop()
        if here == b:
            return True
        if here not in seen:
            seen.add(here)
            todo += [d for c, d in arrows if c == here]
    return False


def waits_for(arrows: Arrows, rule: str) -> list[str]:
    """The rules that a rule waits for directly."""
    return sorted(a for a, b in arrows if b == rule)


def draw(rules: Sequence[str], arrows: Arrows, counts: Mapping[str, str]) -> Drawing:
    """The drawing.

    Args:
        rules: all of them.
        arrows: between them, without a circle.
        counts: what stands below a rule's name, such as how many jobs it has.
    """
    depth = _depths(rules, arrows)
    rows: list[list[Place]] = [[rule for rule in rules if depth[rule] == at] for at in sorted(set(depth.values()))]
    links: list[tuple[Place, Place]] = []
    for a, b in sorted(arrows):
        between: list[Place] = [(a, at) for at in range(depth[a] + 1, depth[b])]
        for at, place in enumerate(between, depth[a] + 1):
            rows[at] += [] if place in rows[at] else [place]
        links += itertools.pairwise([a, *between, b])
    middle = _middles(rows, links)
    left = min((x - _wide(place) / 2 for place, x in middle.items()), default=0)
    right = max((x + _wide(place) / 2 for place, x in middle.items()), default=0)
    top = {place: at * (HEIGHT + DOWN) for at, row in enumerate(rows) for place in row}
    boxes = [Box(rule, middle[rule] - left - WIDTH / 2, top[rule], counts.get(rule, "")) for rule in rules]
    paths = [
        (_path(middle[a] - left, top[a], middle[b] - left, top[b], b), isinstance(b, str))
        for a, b in dict.fromkeys(links)
    ]
    return Drawing(boxes, paths, right - left, len(rows) * (HEIGHT + DOWN) - DOWN if rows else 0)


def _depths(rules: Sequence[str], arrows: Arrows) -> dict[str, int]:
    depth = dict.fromkeys(rules, 0)
    for _ in rules:  # a chain is at most as long as there are rules
        for a, b in arrows:
            depth[b] = max(depth[b], depth[a] + 1)
    return depth


def _middles(rows: list[list[Place]], links: list[tuple[Place, Place]]) -> dict[Place, float]:
    """Each place's middle from left to right: the mean of those above it, moved apart where they would touch."""
    middle: dict[Place, float] = {}
    for row in rows:
        wish = {place: _mean([middle[a] for a, b in links if b == place]) for place in row}
        row.sort(key=lambda place: (wish[place], str(place)))
        at, found = 0.0, {}
        for place in row:
            at = max(wish[place], at + _wide(place) / 2) if found else wish[place]
            found[place] = at
            at += _wide(place) / 2 + ACROSS
        shift = _mean([wish[place] - x for place, x in found.items()])
        middle |= {place: x + shift for place, x in found.items()}
    return middle


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _wide(place: Place) -> int:
    return WIDTH if isinstance(place, str) else NARROW


def _path(x: float, y: float, to_x: float, to_y: float, end: Place) -> str:
    """From the lower edge of one place to the upper edge of another, through a row where it only goes past."""
    begin, half = y + HEIGHT, (to_y - y - HEIGHT) / 2
    curve = f"M{x:.0f} {begin:.0f}C{x:.0f} {begin + half:.0f} {to_x:.0f} {to_y - half:.0f} {to_x:.0f} {to_y:.0f}"
    return curve if isinstance(end, str) else f"{curve}v{HEIGHT}"
