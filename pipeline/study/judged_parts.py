"""Which claims there are, and which of their primary parts a figure shows: read from their file as it stands.

`pipeline.verdicts.claims` reads the same file strictly, and says what is wrong with it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.study import strict_yaml
from pipeline.study.load import CONFIGS

if TYPE_CHECKING:
    from pipeline.study.plan import Plan

CLAIMS = CONFIGS / "claims.yaml"
CLAIM = re.compile(r"[CF]\d+")  # the id of a claim
# Of a part: what it compares and how, without what is said about it.
COMPARED = frozenset(
    {"id", "says", "metric", "minus", "over", "above", "below", "within", "equal", "exact", "better", "resolution"}
)
# What the rows below a figure's panels mean; `pipeline.figures.shared.criteria` draws them.
MEANING = (
    "Below the panels stand the numbers by which claims are judged: a point for each seed, the mean and its 95 % "
    "interval, and dashed the bound that was set before the run. Green is the claimed side, blue what counts as equal."
)
METRICS = ("metric", "minus", "over")  # of these, the ones that name a number


def read(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims as they stand in their file; none without a file.

    Raises:
        ConfigError: if it isn't YAML.
    """
    content = strict_yaml.read(path) if path.is_file() else None
    listed = content.get("claims") if isinstance(content, dict) else None
    return [each for each in listed or [] if isinstance(each, dict)]


def ids() -> list[str]:
    """The ids of the claims, each of which has a file.

    Raises:
        ConfigError: if their file isn't YAML.
    """
    return [each for each in (str(claim.get("id")) for claim in read()) if CLAIM.fullmatch(each)]


def primaries(plan: "Plan", figure: str) -> list[dict[str, Any]]:
    """The primary parts that a figure shows, as far as the study has the analyses: what they compare, with bounds."""
    found = []
    for claim in plan.claims:
        parts = [each for each in claim.get("parts") or [] if isinstance(each, dict)]
        primary = next((each for each in parts if each.get("id") == claim.get("primary")), {})
        if primary.get("figure", claim.get("figure")) == figure and analyses(primary) <= plan.study.analyses.keys():
            found.append({name: each for name, each in primary.items() if name in COMPARED})
    return found


def shown(plan: "Plan", figure: str) -> list[str]:
    """The claims whose primary parts a figure shows."""
    return [str(part["id"]).partition(".")[0] for part in primaries(plan, figure)]


def analyses(part: Mapping[str, Any]) -> set[str]:
    """The entries under `analyses` whose numbers a part compares."""
    return {str(part[name]).partition("/")[0] for name in METRICS if name in part}
