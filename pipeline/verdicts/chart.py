"""The verdicts as one picture, a forest plot: each claim's number beside its bound, small squares for other parts.

Claims have different units, so distances from the bound are drawn in half-widths of the number's own interval: one that
is wholly to the right of the line supports its claim, one that is wholly to the left contradicts it.
"""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from pipeline.verdicts import claim_rows, criteria
from pipeline.verdicts.claim_rows import ClaimRows

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {
    criteria.SUPPORTED: "#009e73",
    criteria.EQUIVALENT: "#56b4e9",
    criteria.CONTRADICTED: "#d55e00",
    criteria.UNDECIDED: "#e69f00",
    criteria.NOT_TESTABLE: "#999999",
}
# Darker than the squares, so that words on white are read easily.
COLOURS_OF_WORDS = {
    criteria.SUPPORTED: "#00664a",
    criteria.EQUIVALENT: "#1f6391",
    criteria.CONTRADICTED: "#9c4400",
    criteria.UNDECIDED: "#7a5500",
    criteria.NOT_TESTABLE: "#555555",
}
# All in pixels.
ROW, SMALL, STEP = 24, 8, 11
TOP, MARGIN = 78, 16
NAME, WORDS = 44, 640  # the width of a claim's id, and of its words
AXIS = 200  # the width of the plot
VERDICT = 105
LEGEND = 125  # for each entry of the legend
DOT = 4


def chart(study: str, claims: Sequence[ClaimRows]) -> str:
    """An SVG with the verdict on every claim and every part.

    Args:
        study: the study's name.
        claims: the rows of verdicts.json by claim.
    """
    most = max((len(claim.parts) for claim in claims), default=1)
    plot = MARGIN + NAME + WORDS
    width = plot + AXIS + 2 * MARGIN + VERDICT + (most - 1) * STEP + MARGIN
    height = TOP + len(claims) * ROW + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        f"<title>Study {escape(study)}: the verdict on each claim</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        _text(MARGIN, 24, f"What was measured for each claim, beside the bound that was set before (study: {study})"),
        _text(plot, TOP - 12, "\u2190 against it"),
        _text(plot + AXIS, TOP - 12, "for it \u2192", anchor="end"),
        _text(plot + AXIS + MARGIN + VERDICT + MARGIN, TOP - 12, "other parts"),
    ]
    for place, verdict in enumerate(COLOURS):
        x = MARGIN + place * LEGEND
        lines += [_square(x, 36, verdict, 12), _text(x + 18, 47, verdict)]
    middle, bottom = plot + AXIS / 2, TOP + len(claims) * ROW
    if claims:
        lines.append(_line(middle, TOP - 6, middle, bottom, "#222222"))
        lines.append(_text(middle, bottom + 15, "bound", anchor="middle"))
    for place, claim in enumerate(claims):
        lines += _row(claim, TOP + place * ROW, plot)
    return "\n".join([*lines, "</svg>", ""])


def _row(claim: ClaimRows, y: int, plot: int) -> Iterator[str]:
    """A claim's id and words, its number beside its bound, its verdict in words, and a square for each other part."""
    middle, verdict = y + ROW // 2, claim.whole["verdict"]
    yield _text(MARGIN, middle + 4, claim.whole["id"])
    yield _text(MARGIN + NAME, middle + 4, claim.whole["short"])
    if (found := claim_rows.distances(claim.primary)) is not None:
        low, at, high = (plot + AXIS / 2 * (1 + _place(each)) for each in found)
        if low < high:
            yield _line(low, middle, high, middle, COLOURS[verdict], 3)
        yield f'<circle cx="{at:.1f}" cy="{middle}" r="{DOT}" fill="{COLOURS[verdict]}"/>'
    words = plot + AXIS + MARGIN
    yield _text(words, middle + 4, verdict, COLOURS_OF_WORDS[verdict])
    others = [part for part in claim.parts if part["id"] != claim.whole["primary"]]
    for place, part in enumerate(others):
        yield _square(words + VERDICT + MARGIN + place * STEP, middle - SMALL // 2, part["verdict"], SMALL)


def _place(distance: float) -> float:
    """Where a distance is drawn, from -1 to 1: linear near the bound and logarithmic further away."""
    reach = min(abs(distance), claim_rows.FURTHEST)
    return math.copysign(math.log1p(reach) / math.log1p(claim_rows.FURTHEST), distance) * 0.97


def _square(x: float, y: float, verdict: str, side: int) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{side}" height="{side}" fill="{COLOURS[verdict]}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, words: str, colour: str = "#222222", *, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'
