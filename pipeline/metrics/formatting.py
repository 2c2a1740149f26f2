"""Names and numbers as readers see them, on the page and in README."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

ABBREVIATIONS = {
    name.lower(): name
    for name in ("BN", "CCA", "CKA", "DFA", "FA", "MLP", "MSE", "PWCCA", "RDM", "ReLU", "SG", "SGD", "SVCCA")
}
COUNTED = {"hidden": "hidden layer", "layers": "layer"}  # `hidden20` is how many
NUMBERED = ("dimension", "layer", "rate", "seed", "step", "width")  # `layer7` is which one
FULL_STOP = re.compile(r"(?<!\d)\.|\.(?!\d)")  # that of `0.5` is none
BACKTICKS = re.compile(r"`{1,2}([^`]+)`{1,2}")  # code in a docstring
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
MISSING = "\N{EN DASH}"
DIGITS = 4
SMALL, LARGE = 1e-3, 1e5  # outside, numbers are shown in powers of ten
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Estimate:
    """Mean, bounds of its 95 % confidence interval, number of values; None or NaN where there is none."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def parts(name: str) -> list[str]:
    """The parts of a headline number's name: `test_accuracy.one_sg.hidden20` has three."""
    return FULL_STOP.split(name)


def words(part: str) -> str:
    """A part of a name in words: `test accuracy`, `20 hidden layers`, `SG loss`."""
    counted = re.fullmatch(r"([a-z]+)(\d+(?:\.\d+)?(?:e-?\d+)?)", part)
    if counted and counted[1] in COUNTED:
        return f"{counted[2]} {COUNTED[counted[1]]}{'' if counted[2] == '1' else 's'}"
    if counted and counted[1] in NUMBERED:
        return f"{counted[1]} {counted[2]}"
    return " ".join(ABBREVIATIONS.get(word, word) for word in part.split("_"))


def place(name: str, labels: Mapping[str, str], phrases: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Where a headline number belongs in a table: its row, in words, and its column, the method.

    Args:
        name: such as `test_accuracy.one_sg.hidden20`, which gives `test accuracy, 20 hidden layers` and the label.
        labels: methods' labels by name. Of a number that belongs to no method, or to several, the column is empty.
        phrases: other words for some parts.
    """
    methods = [part for part in parts(name) if part in labels]
    column = methods[0] if len(methods) == 1 else None
    row = [{**labels, **(phrases or {})}.get(part) or words(part) for part in parts(name) if part != column]
    return ", ".join(row), labels[column] if column else ""


def natural(text: str) -> list[tuple[float, str]]:
    """A key for sorting that puts `3 hidden layers` before `20 hidden layers`."""
    return [(float(piece), "") if NUMBER.fullmatch(piece) else (math.inf, piece) for piece in NUMBER.split(text)]


def number(value: float | None, *, scale: float | None = None) -> str:
    """A number to four significant digits of `scale` (by default its own size); a dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value if scale is None else scale)
    if size == 0:
        return "0"
    if not SMALL <= size < LARGE:
        return f"{value:.{DIGITS - 2}e}"
    exponent = int(f"{size:.{DIGITS - 1}e}".partition("e")[2])  # after rounding: 0.99999 is shown as 1.000
    return f"{value:.{max(0, DIGITS - 1 - exponent)}f}"


def mean(estimate: Estimate) -> str:
    """An estimate's mean, rounded as its bounds are."""
    return number(estimate.mean, scale=_scale(estimate))


def bounds(estimate: Estimate) -> str:
    """The interval `[low, high]`, rounded as its mean is; a dash where there is none."""
    if estimate.low is None or estimate.high is None or not math.isfinite(estimate.low + estimate.high):
        return MISSING
    scale = _scale(estimate)
    return f"[{number(estimate.low, scale=scale)}, {number(estimate.high, scale=scale)}]"


def _scale(estimate: Estimate) -> float:
    """The size by which mean and bounds are rounded alike: that of the largest."""
    values = [v for v in (estimate.mean, estimate.low, estimate.high) if v is not None and math.isfinite(v)]
    return max(map(abs, values), default=0.0)


def duration(seconds: float) -> str:
    """A time: `3 h 05 min`, `4 min 12 s`, `0.8 s`."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02d} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"


def capitalise(text: str) -> str:
    """`text` with a capital at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line; the full stops of `e.g. this` end none."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(text.split()), maxsplit=1)[0]


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line; blank lines part them."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
