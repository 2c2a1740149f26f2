"""The verdicts as one picture: a row for each claim, a square for its primary, small ones for its secondaries.

`dvc plots show` shows it.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import ClaimRows

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {
    criteria.SUPPORTED: "#009e73",
    criteria.EQUIVALENT: "#56b4e9",
    criteria.CONTRADICTED: "#d55e00",
    criteria.UNDECIDED: "#f0e442",
    criteria.NOT_TESTABLE: "#bbbbbb",
}
# All in pixels.
ROW, SQUARE, SMALL, STEP = 22, 14, 8, 17
TOP, LEFT, MARGIN = 64, 60, 16
WORDS = 260  # for the verdict in words
LEGEND = 125  # for each entry of the legend


def chart(study: str, claims: Sequence[ClaimRows]) -> str:
    """An SVG with the verdict on every claim and every part.

    Args:
        study: the study's name.
        claims: the rows of verdicts.json by claim.
    """
    most = max((len(claim.parts) for claim in claims), default=0)
    width = max(LEFT + most * STEP + WORDS, len(COLOURS) * LEGEND) + MARGIN
    height = TOP + len(claims) * ROW + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        _text(
            MARGIN,
            MARGIN + 8,
            f"Study {study}: the verdict on each claim by its primary part, and small squares for the others",
        ),
    ]
    for place, verdict in enumerate(COLOURS):
        x = MARGIN + place * LEGEND
        lines += [_square(x, MARGIN + 20, verdict), _text(x + STEP + 3, MARGIN + 32, verdict)]
    for place, claim in enumerate(claims):
        lines += _row(claim, TOP + place * ROW, LEFT + most * STEP + MARGIN)
    return "\n".join([*lines, "</svg>", ""])


def _row(claim: ClaimRows, y: int, words: int) -> Iterator[str]:
    """A claim's id, its squares, and its verdict in words."""
    yield _text(MARGIN, y + 12, claim.whole["id"])
    yield _square(LEFT, y, claim.whole["verdict"])
    others = [part for part in claim.parts if part["id"] != claim.whole["primary"]]
    inset = (SQUARE - SMALL) // 2
    for place, part in enumerate(others, start=1):
        yield _square(LEFT + place * STEP + inset, y + inset, part["verdict"], SMALL)
    found = claim.whole["secondaries"]
    count = f", {found['borne_out']} of {found['of']} others" if found["of"] else ""
    yield _text(words, y + 12, claim.whole["verdict"] + count)


def _square(x: int, y: int, verdict: str, side: int = SQUARE) -> str:
    return f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{COLOURS[verdict]}"/>'


def _text(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#222222">{escape(words)}</text>'
