"""The verdicts as one picture: a row for each claim, a square for each of its parts. `dvc plots show` shows it."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import ClaimRows

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {
    criteria.REPLICATED: "#009e73",
    criteria.PARTLY: "#e69f00",
    criteria.NOT_REPLICATED: "#d55e00",
    criteria.NOT_TESTED: "#bbbbbb",
}
# All in pixels.
ROW, SQUARE, STEP = 22, 14, 17
TOP, LEFT, MARGIN = 64, 60, 16
WORDS = 200  # for the verdict in words
LEGEND = 140  # for each entry of the legend


def chart(study: str, claims: Sequence[ClaimRows]) -> str:
    """An SVG with the verdict on every part of every claim.

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
        _text(MARGIN, MARGIN + 8, f"Study {study}: the verdict on each claim, a square for each of its parts"),
    ]
    for place, verdict in enumerate(COLOURS):
        x = MARGIN + place * LEGEND
        lines += [_square(x, MARGIN + 20, verdict), _text(x + STEP + 3, MARGIN + 32, verdict)]
    for place, claim in enumerate(claims):
        lines += _row(claim, TOP + place * ROW, LEFT + most * STEP + MARGIN)
    return "\n".join([*lines, "</svg>", ""])


def _row(claim: ClaimRows, y: int, words: int) -> Iterator[str]:
    """A claim's id, its squares, and its verdict in words."""
    verdicts = [part["verdict"] for part in claim.parts]
    yield _text(MARGIN, y + 12, claim.whole["id"])
    yield from (_square(LEFT + place * STEP, y, verdict) for place, verdict in enumerate(verdicts))
    count = f", {verdicts.count(criteria.REPLICATED)} of {len(verdicts)}" if len(verdicts) > 1 else ""
    yield _text(words, y + 12, claim.whole["verdict"] + count)


def _square(x: int, y: int, verdict: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{SQUARE}" height="{SQUARE}" fill="{COLOURS[verdict]}"/>'


def _text(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#222222">{escape(words)}</text>'
