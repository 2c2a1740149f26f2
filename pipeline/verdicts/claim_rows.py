"""The rows of verdicts.json, grouped by claim and formatted for readers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate
from pipeline.results import store
from pipeline.verdicts import criteria

Row = Mapping[str, Any]
OLDEST = 3  # rows without a version are of this one or older
PRIMARY = "primary"  # the role of a part
MOST_SEEN = 3  # parts that are told of a figure that shows no primary
FURTHEST = 30.0  # half-widths of its interval that a number is counted to lie from its bound at most


@dataclass(frozen=True)
class ClaimRows:
    """The row of a claim as a whole, and the rows of its parts."""

    whole: Row
    parts: list[Row]

    @property
    def primary(self) -> Row:
        """The row of the part that decides."""
        return next(row for row in self.parts if row["id"] == self.whole["primary"])


def read(path: Path) -> list[Row]:
    """The rows of a file verdicts.json.

    Raises:
        DamagedFileError: if it has no rows, or they were judged by another version of the criteria.
    """
    rows = store.read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"id", "verdict"} <= row.keys() for row in rows):
        raise store.DamagedFileError(f"{path}: found no rows with an id and a verdict; run `judge` again")
    if (found := version(rows)) != criteria.VERSION:
        raise store.DamagedFileError(
            f"{path}: found verdicts by criteria version {found}, expected version {criteria.VERSION}; run `judge` "
            "again, or look at these results at the commit that made them"
        )
    return rows


def present(path: Path) -> list[Row]:
    """The rows of a file verdicts.json, if they were judged by the present criteria; none if it isn't there."""
    return read(path) if path.is_file() and older(path) is None else []


def older(path: Path) -> tuple[int, dict[str, str]] | None:
    """The version and the verdicts by id of a file that was judged by older criteria; None if there is no such file."""
    rows = store.read_json(path) if path.is_file() else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    found = version(rows)
    return None if found >= criteria.VERSION else (found, {row.get("id"): row.get("verdict") for row in rows})


def version(rows: Sequence[Row]) -> int:
    """The version of the criteria by which rows were judged; that of no rows is the present one."""
    return min((row.get("criteria", OLDEST) for row in rows), default=criteria.VERSION)


def by_claim(rows: Sequence[Row]) -> list[ClaimRows]:
    """Group the rows of verdicts.json by claim; the id of a part is its claim's id, a full stop and a letter."""
    return [
        ClaimRows(whole, [row for row in rows if row["id"].startswith(f"{whole['id']}.")])
        for whole in rows
        if "." not in whole["id"]
    ]


def count(claims: Sequence[ClaimRows]) -> dict[str, int]:
    """How many claims have each verdict."""
    wholes = [claim.whole["verdict"] for claim in claims]
    return {verdict: wholes.count(verdict) for verdict in criteria.VERDICTS}


def secondaries(claims: Sequence[ClaimRows]) -> dict[str, int]:
    """How many secondaries there are, how many bear their claim out, and how many do after Holm's correction."""
    found = [claim.whole["secondaries"] for claim in claims]
    return {key: sum(each[key] for each in found) for key in ("of", "borne_out", "corrected")}


def distances(part: Row) -> tuple[float, float, float] | None:
    """Interval and number of a part, as distances from its nearest bound in half-widths of the interval.

    Positive is the claimed side. A number without chance lies at an end of the axis. None if there is no number.
    """
    claimed, value = part["claimed"], part["statistic"]
    if value is None:
        return None
    bounds = [bound for bound in (claimed["low"], claimed["high"]) if bound is not None]
    nearest = min(bounds, key=lambda bound: abs(value - bound))
    sign = 1.0 if nearest == claimed["low"] else -1.0
    if part["exact"] or None in part["interval"]:
        far = math.copysign(FURTHEST, sign * (value - nearest))
        return far, far, far
    scale = math.log if part["ratio"] else float
    low, at, high = (scale(each) - scale(nearest) for each in (part["interval"][0], value, part["interval"][1]))
    half = (high - low) / 2
    if not half > 0:
        far = math.copysign(FURTHEST, sign * at)
        return far, far, far
    first, middle, last = sorted((sign * low / half, sign * at / half, sign * high / half))
    return first, middle, last


def seen(rows: Sequence[Row], figure: str) -> list[str]:
    """What a figure shows of the claims, a sentence for each of its primary parts; its first other parts without one.

    Args:
        rows: those of verdicts.json.
        figure: its name.
    """
    there = [row for row in rows if "." in row["id"] and row["figure"] == figure and row["statistic"] is not None]
    shown = [row for row in there if row["role"] == PRIMARY] or there[:MOST_SEEN]
    return [f"{row['id']} is {row['verdict']}: {row['claim']}, {_number(row)}, {_claimed(row)}." for row in shown]


def _number(row: Row) -> str:
    """A part's number with its interval, unless it involves no chance, and n."""
    found = estimate(row)
    interval = "" if row["exact"] or found.low is None else f" {formatting.bounds(found)}"
    return f"{formatting.mean(found)}{interval}, n = {row['n']}"


def _claimed(row: Row) -> str:
    """Where the number is claimed to lie."""
    low, high = row["claimed"]["low"], row["claimed"]["high"]
    if low is not None and high is not None:
        return f"claimed between {low:g} and {high:g}"
    return f"claimed above {low:g}" if low is not None else f"claimed below {high:g}"


def other_side(claim: ClaimRows) -> Row | None:
    """The secondary that speaks most against the claim's verdict; None if none does.

    Against a claim that isn't contradicted: the contradicted part whose number lies furthest beyond its bound, else the
    undecided one that does. For a contradicted claim: the supported part whose number lies furthest on its side.
    """
    others = [part for part in claim.parts if part["id"] != claim.whole["primary"]]
    if claim.whole["verdict"] == criteria.CONTRADICTED:
        wanted, sign = (criteria.SUPPORTED, criteria.EQUIVALENT), -1.0
    else:
        wanted, sign = (criteria.CONTRADICTED, criteria.UNDECIDED), 1.0
    for verdict in wanted:
        if found := [part for part in others if part["verdict"] == verdict]:
            return min(found, key=lambda part: sign * (distances(part) or (0.0, 0.0, 0.0))[1])
    return None


def estimate(row: Row) -> Estimate:
    """A verdict's number with its interval."""
    low, high = row["interval"]
    return Estimate(row["statistic"], low, high, row["n"])


def robustness(row: Row) -> str:
    """The words on robustness of a whole claim: `rate: robust; depth: depends on it`."""
    return "; ".join(f"{what}: {word}" for what, word in row["robustness"].items()) or criteria.UNEXAMINED


def shown_secondaries(row: Row) -> str:
    """How many secondaries of a whole claim bear it out: `of 4 secondaries, 3 bear it out, 2 after …`."""
    match row["secondaries"]:
        case {"of": 0}:
            return "no secondaries"
        case {"of": 1, "borne_out": 0}:
            return "its one secondary doesn't bear it out"
        case {"of": 1, "corrected": corrected}:
            return f"its one secondary bears it out{'' if corrected else ', but not after correction'}"
        case found:
            bear = "bears" if found["borne_out"] == 1 else "bear"
            many = f"of {found['of']} secondaries, {found['borne_out']} {bear} it out"
            return f"{many}, {found['corrected']} after Holm's correction"


def evidence(row: Row, titles: Mapping[str, str], pages: Mapping[str, str] | None = None) -> Markup:
    """The sentence of evidence, with a link to its figure.

    Args:
        row: a claim's or a part's.
        titles: the figures that can be linked to, by name.
        pages: the page of each figure that isn't on this one.
    """
    sentence, name = formatting.capitalise(row["evidence"]), row["figure"]
    before, mention, after = sentence.rpartition(f"(figure {name})")
    if not mention or name not in titles:
        return escape(sentence)
    place = f"{(pages or {}).get(name, '')}#figure-{name}"
    return Markup('{}(figure <a href="{}">{}</a>){}').format(before, place, titles[name], after)
