"""The rows of verdicts.json, grouped by claim and formatted for readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate
from pipeline.verdicts import criteria

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ClaimRows:
    """The row of a claim as a whole, and the rows of its parts."""

    whole: Row
    parts: list[Row]


def by_claim(rows: Sequence[Row]) -> list[ClaimRows]:
    """Group the rows of verdicts.json by claim; the id of a part is its claim's id, a full stop and a letter."""
    return [
        ClaimRows(whole, [row for row in rows if row["id"].startswith(f"{whole['id']}.")])
        for whole in rows
        if "." not in whole["id"]
    ]


def multiple(parts: Sequence[Row]) -> dict[str, int]:
    """How many criteria are on random numbers, how many of these hold, and how many hold after correction."""
    random = [part for part in parts if not part["exact"]]
    return {
        "criteria": len(random),
        "exact": len(parts) - len(random),
        "hold": sum(part["verdict"] == criteria.REPLICATED for part in random),
        "corrected": sum(part["holds_corrected"] is True for part in random),
    }


def student(row: Row) -> Estimate:
    """A verdict's number with its t interval."""
    low, high = row["interval"] or (None, None)
    return Estimate(row["statistic"], low, high, row["n"])


def resampled(row: Row) -> Estimate:
    """A verdict's number with its bootstrap interval."""
    low, high = row["bootstrap"] or (None, None)
    return Estimate(row["statistic"], low, high, row["n"])


def evidence(row: Row, titles: Mapping[str, str]) -> Markup:
    """The sentence of evidence, with a link to its figure if the page has that figure."""
    sentence, name = formatting.capitalise(row["evidence"]), row["figure"]
    before, mention, after = sentence.rpartition(f"(figure {name})")
    if not mention or name not in titles:
        return escape(sentence)
    return Markup('{}(figure <a href="#figure-{}">{}</a>){}').format(before, name, titles[name], after)
