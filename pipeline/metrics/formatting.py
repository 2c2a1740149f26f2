"""Names and numbers in words for readers, in the report and README."""

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ABBREVIATIONS = {
    name.lower(): name
    for name in ("BN", "CCA", "CKA", "DFA", "FA", "MLP", "MNIST", "MSE", "PWCCA", "RDM", "ReLU", "SG", "SGD", "SVCCA")
}
NAMES = {"fashion_mnist": "Fashion-MNIST"}
COUNTED = {"hidden": "hidden layer", "layers": "layer"}  # `hidden20` is a number of layers
NUMBERED = ("dimension", "layer", "rate", "seed", "step", "width")  # `layer7` is the number of one layer
FULL_STOP = re.compile(r"(?<!\d)\.|\.(?!\d)")  # but not the point in `0.5`
BACKTICKS = re.compile(r"`{1,2}([^`]+)`{1,2}")  # code in a docstring
SIGN = re.compile(rf"[{re.escape(string.punctuation)}]")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
MISSING = "\N{EN DASH}"
DIGITS = 4
SMALL, LARGE = 1e-3, 1e5  # outside this range, numbers are shown in scientific notation
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Estimate:
    """Mean, bounds of its 95 % confidence interval, and number of values; None or NaN if missing."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def parts(name: str) -> list[str]:
    """Split the name of a headline number at its full stops: `test_accuracy.one_sg.hidden20` has three parts."""
    return FULL_STOP.split(name)


def words(part: str) -> str:
    """A part of a name in words: `test accuracy`, `20 hidden layers`, `SG loss`."""
    if part in NAMES:
        return NAMES[part]
    counted = re.fullmatch(r"([a-z]+)(\d+(?:\.\d+)?(?:e-?\d+)?)", part)
    if counted and counted[1] in COUNTED:
        return f"{counted[2]} {COUNTED[counted[1]]}{'' if counted[2] == '1' else 's'}"
    if counted and counted[1] in NUMBERED:
        return f"{counted[1]} {counted[2]}"
    return " ".join(ABBREVIATIONS.get(word, word) for word in part.split("_"))


def place(name: str, labels: Mapping[str, str], phrases: Mapping[str, str] | None = None) -> tuple[str, str]:
    """A headline number's place in a table: its row, in words, and its column, the method's label.

    Args:
        name: such as `test_accuracy.one_sg.hidden20`, which gives `test accuracy, 20 hidden layers` and the label.
        labels: methods' labels by name. The column is empty if the number belongs to no method or to several.
        phrases: words to use for some parts instead.
    """
    methods = [part for part in parts(name) if part in labels]
    column = methods[0] if len(methods) == 1 else None
    row = [{**labels, **(phrases or {})}.get(part) or words(part) for part in parts(name) if part != column]
    return ", ".join(row), labels[column] if column else ""


def natural(text: str) -> list[tuple[float, str]]:
    """A key for sorting that puts `3 hidden layers` before `20 hidden layers`."""
    return [(float(piece), "") if NUMBER.fullmatch(piece) else (math.inf, piece) for piece in NUMBER.split(text)]


def number(value: float | None, *, scale: float | None = None) -> str:
    """A number to four significant digits of `scale` (its own size by default); a dash if missing."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value if scale is None else scale)
    if size == 0:
        return "0"
    if not SMALL <= size < LARGE:
        return f"{value:.{DIGITS - 2}e}"
    exponent = int(f"{size:.{DIGITS - 1}e}".partition("e")[2])  # taken after rounding: 0.99999 is shown as 1.000
    return f"{value:.{max(0, DIGITS - 1 - exponent)}f}"


def mean(estimate: Estimate) -> str:
    """An estimate's mean, rounded like its bounds."""
    return number(estimate.mean, scale=_scale(estimate))


def bounds(estimate: Estimate) -> str:
    """The interval `[low, high]`, rounded like its mean; a dash if missing."""
    if estimate.low is None or estimate.high is None or not math.isfinite(estimate.low + estimate.high):
        return MISSING
    scale = _scale(estimate)
    return f"[{number(estimate.low, scale=scale)}, {number(estimate.high, scale=scale)}]"


def _scale(estimate: Estimate) -> float:
    """The scale for rounding mean and bounds: the largest of the three."""
    values = [v for v in (estimate.mean, estimate.low, estimate.high) if v is not None and math.isfinite(v)]
    return max(map(abs, values), default=0.0)


def duration(seconds: float) -> str:
    """A duration in words: `3 h 05 min`, `4 min 12 s`, `0.8 s`."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02d} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"


def capitalise(text: str) -> str:
    """`text` with its first letter capitalised and the rest unchanged."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str], *, again: str = "") -> str:
    """Items as a sentence lists them, `a, b and c`; `again` is said before each but the first."""
    said = [item if number == 0 or not again else f"{again} {item}" for number, item in enumerate(items)]
    return " and ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line; full stops before a small letter (`e.g. this`) don't end it."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(text.split()), maxsplit=1)[0]


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line; blank lines separate them."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def restructured(text: str) -> str:
    """A text in reStructuredText that shows it as it stands, with what is between backticks as code."""
    return "\n\n".join(_restructured(paragraph) for paragraph in paragraphs(text))


def _restructured(paragraph: str) -> str:
    """One paragraph: a backslash before each sign, so that none starts a mark, a list or a link."""
    parts = BACKTICKS.split(paragraph)
    parts[::2] = [SIGN.sub(r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [rf"\ ``{code.strip()}``\ " if code.strip() else "" for code in parts[1::2]]
    return "".join(parts)
